"""A snapshot answers by OID, and what it does not know is a reason of its own."""

from __future__ import annotations

import pytest

from gateway.sql.catalog import WHOLE_ROW, Catalog
from gateway.sql.codes import IncompleteCode
from tests.unit.sql import golden

PG = "pg_catalog"
ROWS: dict[str, list[tuple[str | None, ...]]] = {
    "relations": [
        ("20100", "app", "users", "r", "false"),
        ("20101", "app", "vip", "r", "false"),
        ("20102", "app", "gold", "r", "true"),
        ("20103", "app", "pair", "c", "false"),
        ("104", PG, "pg_class", "r", "false"),
    ],
    "attributes": [
        ("20100", "1", "id", "23", ""),
        ("20100", "3", "tail", "25", "s"),
        ("20103", "1", "a", "20203", ""),
        ("104", "1", "oid", "26", ""),
    ],
    "functions": [
        ("870", PG, "lower(text)"),
        ("2923", PG, "query_to_xml(text, boolean, boolean, text)"),
        ("1574", PG, "nextval(regclass)"),
        ("20300", "app", "lower(text)"),
        ("20301", PG, "upper(text)"),
    ],
    "operators": [("96", PG, "=", "870"), ("97", PG, "<<", "2923"), ("20098", "app", "=", "870"), ("99", PG, "!", "0")],
    "types": [
        ("23", PG, "int4", "b", "0"),
        ("25", PG, "text", "b", "0"),
        ("26", PG, "oid", "b", "0"),
        ("20200", "app", "users", "c", "20100"),
        ("20201", "app", "mood", "e", "0"),
        ("20202", "app", "_mood", "b", "20201"),
        ("20203", "app", "positive", "d", "23"),
        ("20204", "app", "_positive", "b", "20203"),
        ("20205", "app", "pair", "c", "20103"),
        ("20206", "app", "own", "b", "0"),
        ("20207", "app", "span", "r", "23"),
        ("208", "information_schema", "sql_identifier", "d", "25"),
        ("209", PG, "pg_class", "c", "104"),
        ("20210", "app", "lost", "c", "999"),
        ("20211", "app", "loop", "b", "20211"),
    ],
    "triggers": [("20100",)],
    "inheritance": [("20100", "20101"), ("20101", "20102"), ("20100", "20102")],
    "expressions": [("20100", "{A}"), ("20100", "{B}")],
    "references": [("20101", "20100", "c", "a"), ("20102", "20100", "a", "n")],
    "ties": [("20100", "1 3"), ("20100", "3"), ("20100", "0"), ("20100", "1 -6 2"), ("20100", ""), ("999", "1 2")],
}
CATALOG = Catalog.from_rows(18, ROWS)


def test_relations_and_their_columns():
    relation = CATALOG.relations["20100"]
    assert (relation.full_name, relation.kind, relation.partition, relation.system) == ("app.users", "r", False, False)
    assert {number: column.name for number, column in relation.columns.items()} == {1: "id", 3: "tail"}
    assert relation.columns[3].generated
    assert CATALOG.relations["20102"].partition
    assert CATALOG.relations["104"].system


def test_descendants_are_found_at_any_depth_each_once():
    assert sorted(CATALOG.descendants("20100")) == ["20101", "20102"]
    assert CATALOG.descendants("20102") == ()


def test_ancestors_are_found_at_any_distance_each_once():
    assert sorted(CATALOG.ancestors("20102")) == ["20100", "20101"]
    assert CATALOG.ancestors("20100") == ()


def test_ties_are_of_two_columns_or_of_the_whole_row():
    """One column has nothing to tell of; neither has what is dropped, or the server's own."""
    assert CATALOG.ties == {"20100": (frozenset({"id", "tail"}), frozenset({WHOLE_ROW}))}


def test_triggers_expressions_and_references():
    assert CATALOG.triggered == {"20100"}
    assert CATALOG.expressions["20100"] == ("{A}", "{B}")
    first, second = CATALOG.references["20100"]
    assert (first.referencing, first.on_delete, first.on_update) == ("20101", True, False)
    assert (second.referencing, second.on_delete, second.on_update) == ("20102", False, True)


@pytest.mark.parametrize(
    ("oid", "code"),
    [
        ("870", None),
        ("2923", IncompleteCode.FUNCTION_REFUSED),
        ("20300", IncompleteCode.FUNCTION_REFUSED),
        ("20301", IncompleteCode.FUNCTION_REFUSED),  # an extension's, in pg_catalog
        ("999", IncompleteCode.FUNCTION_UNKNOWN),
    ],
)
def test_functions(oid, code):
    problem = CATALOG.function_problem(oid)
    assert (problem and problem[0]) == code


@pytest.mark.parametrize(
    ("oid", "code"),
    [
        ("96", None),
        ("97", IncompleteCode.OPERATOR_REFUSED),
        ("20098", IncompleteCode.OPERATOR_REFUSED),
        ("99", IncompleteCode.OPERATOR_REFUSED),
        ("999", IncompleteCode.OPERATOR_UNKNOWN),
    ],
)
def test_operators(oid, code):
    problem = CATALOG.operator_problem(oid)
    assert (problem and problem[0]) == code


@pytest.mark.parametrize(
    ("oid", "read", "converted"),
    [
        ("23", None, None),
        ("20200", None, None),
        ("20201", None, None),
        ("20202", None, None),
        ("20203", None, IncompleteCode.TYPE_REFUSED),
        ("20204", None, IncompleteCode.TYPE_REFUSED),
        ("20205", None, IncompleteCode.TYPE_REFUSED),
        ("20206", IncompleteCode.TYPE_REFUSED, IncompleteCode.TYPE_REFUSED),
        ("20207", IncompleteCode.TYPE_REFUSED, IncompleteCode.TYPE_REFUSED),
        ("208", None, None),
        ("209", None, None),
        ("20210", IncompleteCode.TYPE_UNKNOWN, IncompleteCode.TYPE_UNKNOWN),
        ("20211", IncompleteCode.TYPE_UNKNOWN, IncompleteCode.TYPE_UNKNOWN),
        ("999", IncompleteCode.TYPE_UNKNOWN, IncompleteCode.TYPE_UNKNOWN),
    ],
)
def test_types_are_as_harmless_as_what_they_are_made_of(oid, read, converted):
    for wanted, problem in (
        (read, CATALOG.type_problem(oid, converted=False)),
        (converted, CATALOG.type_problem(oid, converted=True)),
    ):
        assert (problem and problem[0]) == wanted


def test_nextval_is_known_by_its_oid():
    assert CATALOG.sequences == {"1574"}


def test_a_snapshot_cannot_be_changed():
    with pytest.raises(AttributeError):
        CATALOG.major = 15
    with pytest.raises(TypeError):
        CATALOG.relations["20100"] = None


@pytest.mark.parametrize("major", golden.MAJORS)
def test_rows_of_real_servers_make_a_catalog(major):
    names = {relation.full_name for relation in golden.catalog(major).relations.values()}
    assert {"app.users", "app.payments_2025", "app.mv_contacts"} <= names
