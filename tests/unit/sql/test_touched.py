"""The collector: uses add up, children follow their parents, the first refusal stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.model import ColumnUse, ColumnUseKind
from gateway.sql.catalog import WHOLE_ROW
from gateway.sql.codes import IncompleteCode
from gateway.sql.touched import Touched, Use
from tests.unit.sql import golden

CATALOG = golden.catalog(18)
OIDS = {relation.full_name: oid for oid, relation in CATALOG.relations.items()}


@pytest.fixture
def touched() -> Touched:
    return Touched(CATALOG)


def found(touched: Touched) -> set[str]:
    return {f"{use.relation}.{use.column} {use.use}" for use in touched.columns()}


def test_uses_of_a_column_add_up_and_come_sorted(touched):
    oid = OIDS["app.stickers"]
    touched.column(oid, 2, Use.PREDICATE, with_children=False)
    touched.column(oid, 2, Use.OUTPUT, with_children=False)
    touched.column(oid, 1, Use.ARRANGE, with_children=False)
    assert touched.columns() == (
        ColumnUse(relation="app.stickers", column="id", use=ColumnUseKind.ARRANGE),
        ColumnUse(relation="app.stickers", column="name", use=ColumnUseKind.OUTPUT),
        ColumnUse(relation="app.stickers", column="name", use=ColumnUseKind.PREDICATE),
    )
    assert touched.relations() == ("app.stickers",)
    assert (touched.reads, touched.writes, touched.problem) == (True, False, None)


def test_children_and_partitions_are_read_by_name(touched):
    touched.column(OIDS["app.payments"], 3, Use.OUTPUT, with_children=True)
    assert found(touched) == {f"app.{name}.iban output" for name in ("payments", "payments_2025", "payments_2026")}


def test_only_means_only(touched):
    touched.column(OIDS["app.users"], 3, Use.OUTPUT, with_children=False)
    assert found(touched) == {"app.users.phone output"}


def test_column_zero_is_the_whole_row(touched):
    touched.column(OIDS["app.regions"], 0, Use.OUTPUT, with_children=False)
    assert found(touched) == {"app.regions.code whole_row", "app.regions.name whole_row"}


def test_system_columns_list_the_relation_only(touched):
    touched.column(OIDS["app.regions"], -6, Use.OUTPUT, with_children=False)
    assert (found(touched), touched.relations(), touched.problem) == (set(), ("app.regions",), None)


@pytest.mark.parametrize("number", [99, -9])
def test_a_column_that_does_not_exist_is_refused(touched, number):
    touched.column(OIDS["app.regions"], number, Use.OUTPUT, with_children=False)
    assert touched.problem[0] is IncompleteCode.REFERENCE_UNRESOLVED


def test_a_relation_outside_the_snapshot_is_refused(touched):
    assert touched.relation("4000000000", with_children=True) is None
    assert touched.problem[0] is IncompleteCode.RELATION_UNKNOWN


def test_the_first_refusal_stays_and_the_walk_goes_on(touched):
    touched.refuse(IncompleteCode.FUNCTION_REFUSED, "first")
    touched.refuse(IncompleteCode.TYPE_REFUSED, "second")
    touched.column(OIDS["app.regions"], 1, Use.OUTPUT, with_children=False)
    assert touched.problem == (IncompleteCode.FUNCTION_REFUSED, "first")
    assert found(touched) == {"app.regions.code output"}


def test_writing_reaches_partitions(touched):
    touched.written(OIDS["app.payments"], 1, with_children=False)
    assert found(touched) == {f"app.{name}.id write_target" for name in ("payments", "payments_2025", "payments_2026")}


def test_writing_reaches_children_only_where_told(touched):
    touched.written(OIDS["app.users"], 1, with_children=False)
    assert found(touched) == {"app.users.id write_target"}
    touched.written(OIDS["app.users"], 1, with_children=True)
    assert "app.users_vip.id write_target" in found(touched)


@pytest.fixture
def tied() -> Touched:
    ties = {
        OIDS["app.users"]: (frozenset({"phone", "email"}), frozenset({"id", "country", "phone_tail"})),
        OIDS["app.payments"]: (frozenset({"id", "paid_on"}),),
        OIDS["app.regions"]: (frozenset({WHOLE_ROW}),),
    }
    return Touched(replace(CATALOG, ties=ties))


def _number(relation: str, name: str) -> int:
    return next(number for number, column in CATALOG.relations[OIDS[relation]].columns.items() if column.name == name)


@pytest.mark.parametrize(
    ("relation", "changed", "tells"),
    [
        ("app.users", {"phone"}, {"app.users.email predicate"}),
        ("app.users", {"phone", "email"}, set()),
        ("app.users", {"display_name"}, set()),
        ("app.users", {"country", "phone"}, {f"app.users.{name} predicate" for name in ("id", "phone_tail", "email")}),
        ("app.payments_2025", {"paid_on"}, {"app.payments_2025.id predicate"}),  # the key of what it is a part of
        (
            "app.regions",
            {"name"},
            {f"app.regions.{name} {use}" for name in ("code", "name") for use in ("predicate", "whole_row")},
        ),
    ],
)
def test_a_change_tells_of_the_columns_tied_to_it(tied, relation, changed, tells):
    tied.changed(OIDS[relation], {_number(relation, name) for name in changed}, with_children=True)
    assert found(tied) == tells
    assert tied.problem is None


def test_a_change_outside_the_snapshot_tells_nothing(tied):
    tied.changed("4000000000", {1}, with_children=True)
    assert found(tied) == set()
