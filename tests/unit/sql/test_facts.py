"""Facts of golden trees, of statements on real servers, and of the bypass corpus."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from gateway.model import ColumnUseKind, StatementEffect
from gateway.sql.catalog import Catalog
from gateway.sql.codes import IncompleteCode
from gateway.sql.facts import read_facts
from gateway.sql.gate import Refused
from tests.golden.make_trees import shown
from tests.unit.sql import golden

BYPASS = Path(__file__).parents[2] / "bypass"


@pytest.mark.parametrize(("major", "name"), golden.every())
def test_golden_trees_give_golden_facts(major, name):
    facts = read_facts("select", golden.trees(major, name), golden.catalog(major), max_tree_bytes=golden.MAX_BYTES)
    assert shown(facts) == golden.cases()[name]["facts"]
    assert facts.complete is (facts.incomplete is None)
    assert facts.kind == "select"


def test_no_tree_is_incomplete():
    for trees in ([], ["<>"]):
        facts = read_facts("select", trees, golden.catalog(18), max_tree_bytes=golden.MAX_BYTES)
        assert (facts.complete, facts.incomplete) == (False, IncompleteCode.NO_TREE)


def test_a_tree_over_the_limit_is_incomplete():
    facts = read_facts("select", golden.trees(18, "count"), golden.catalog(18), max_tree_bytes=100)
    assert (facts.complete, facts.incomplete) == (False, IncompleteCode.TREE_TOO_LARGE)


def test_an_unknown_major_is_incomplete():
    catalog = Catalog.from_rows(99, golden.rows(18))
    facts = read_facts("select", golden.trees(18, "count"), catalog, max_tree_bytes=golden.MAX_BYTES)
    assert (facts.complete, facts.incomplete) == (False, IncompleteCode.TREE_VERSION_UNKNOWN)


def test_a_cut_tree_is_incomplete():
    (tree,) = golden.trees(18, "count")
    facts = read_facts("select", [tree[:-200]], golden.catalog(18), max_tree_bytes=golden.MAX_BYTES)
    assert not facts.complete


def test_what_was_found_before_a_refusal_is_kept(analyst):
    facts = analyst.analyse("SELECT phone, app.phone_of(1) FROM app.users WHERE email = 'x'")
    assert (facts.complete, facts.incomplete) == (False, IncompleteCode.FUNCTION_REFUSED)
    assert {"phone", "email"} <= {use.column for use in facts.columns}


def test_a_detail_names_objects_and_never_a_value(analyst):
    for text in ("SELECT app.phone_of(123456)", "SELECT query_to_xml('SELECT 123456', true, false, '')"):
        assert "123456" not in analyst.analyse(text).detail


def test_parameters_have_the_types_that_were_declared(analyst):
    assert analyst.analyse("SELECT name FROM app.stickers WHERE id = $1", 23).complete
    domain = next(oid for oid, kind in analyst.catalog.types.items() if kind.name == "guarded")
    facts = analyst.analyse("SELECT $1", int(domain))
    assert facts.incomplete == IncompleteCode.TYPE_REFUSED


def test_a_statement_that_touches_no_relation(analyst):
    facts = analyst.analyse("SELECT 1")
    assert (facts.complete, facts.effect, facts.relations, facts.columns) == (True, StatementEffect.NONE, (), ())


def test_row_locks_are_reads(analyst):
    facts = analyst.analyse("SELECT id FROM app.stickers FOR UPDATE")
    assert (facts.complete, facts.effect, facts.relations) == (True, StatementEffect.READ, ("app.stickers",))


def test_new_objects_are_unknown_until_the_next_snapshot(analyst):
    analyst.refresh()
    analyst.connection.execute("CREATE TABLE scratch.fresh (a int)")
    facts = analyst.analyse("SELECT a FROM scratch.fresh")
    assert facts.incomplete in (IncompleteCode.RELATION_UNKNOWN, IncompleteCode.TYPE_UNKNOWN)
    analyst.refresh()
    assert analyst.analyse("SELECT a FROM scratch.fresh").complete


def test_temporary_relations_are_unknown(analyst):
    analyst.run("CREATE TEMP TABLE stickers (name text)")
    facts = analyst.analyse("SELECT name FROM stickers")
    assert facts.incomplete == IncompleteCode.RELATION_UNKNOWN
    analyst.run("DROP TABLE pg_temp.stickers")


def test_a_complex_statement_is_read_in_good_time(analyst):
    """No timing: a tree of many levels must not take a walk that grows with their product."""
    inner = "SELECT id FROM app.messages"
    for level in range(12):
        inner = f"SELECT (SELECT max(id) FROM ({inner}) a{level} ORDER BY 1) AS id ORDER BY id"
    facts = analyst.analyse(inner)
    assert facts.complete
    assert facts.relations == ("app.messages",)


def _corpus() -> list[dict]:
    lines = (BYPASS / "cases.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    return [case for case in cases if "wire" not in case and not case.get("setup_sql") and ";" not in case["sql"]]


@pytest.mark.parametrize("case", _corpus(), ids=lambda case: case["id"])
def test_bypass_case(analyst, case):
    """Single statements of the corpus that need nothing set up: refused, or everything they touch is reported."""
    if not case.get("pg_min", 0) <= analyst.major <= case.get("pg_max", 99):
        pytest.skip("not for this version")
    try:
        facts = analyst.analyse(case["sql"])
    except (Refused, psycopg.Error):
        assert case["expected"] != "allow"
        return
    if case["id"] == "I12":
        # The columns that it does not name are in the error only, and the error loses them on its way.
        assert {use.column for use in facts.columns} == {"id", "display_name"}
    elif case["expected"] == "allow":
        assert facts.complete, facts.detail
    elif facts.complete:
        assert case["expected"] != "deny"
        assert set(case["touches"]) <= {f"{use.relation}.{use.column}" for use in facts.columns}


def test_uses_are_a_closed_set(analyst):
    facts = analyst.analyse("UPDATE app.users u SET country = 'JP' WHERE id = 1 RETURNING phone, u")
    assert {use.use for use in facts.columns} == {
        ColumnUseKind.OUTPUT,
        ColumnUseKind.PREDICATE,
        ColumnUseKind.WRITE_TARGET,
        ColumnUseKind.WHOLE_ROW,
    }
