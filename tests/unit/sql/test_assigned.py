"""What is assigned to settings, and what becomes of the search_path by it."""

from __future__ import annotations

import pytest

from gateway.model import StatementEffect
from gateway.search_path import PathDeed
from gateway.sql import gate
from gateway.sql.assigned import Assigned

KEEPS, ENDS, SETS = PathDeed


def one(text: str) -> gate.GateStatement:
    (statement,) = gate.inspect(text, max_bytes=10_000)
    return statement


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ("SET search_path TO a, \"B c\", 'D'", "set", ("a", "B c", "D")),
        ("SET SESSION search_path = ''", "set", ("",)),
        ("SET LOCAL search_path = public, pg_temp", "set", ("public", "pg_temp")),
        ("SET SCHEMA 'a'", "set", ("a",)),
        ('SET "Search_Path" = a', "set", ("a",)),
        ("SET search_path TO DEFAULT", "reset", None),
        ("RESET search_path", "reset", None),
        ("RESET ALL", "reset", None),
        ("DISCARD ALL", "discard", None),
    ],
)
def test_what_moves_the_path_says_so(text, kind, path):
    statement = one(text)
    assert statement.assigned == Assigned(kind, SETS, path)
    assert statement.facts is not None
    assert (statement.facts.kind, statement.facts.effect, statement.facts.path) == (kind, StatementEffect.SESSION, SETS)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("SELECT pg_catalog.set_config('search_path', '', false)", ()),
        ("SELECT set_config('Search_Path', 'a, \"B\"', true) AS x", ("a", "B")),
        ("SELECT set_config('search_path', $1, false)", None),
    ],
)
def test_a_lone_set_config_of_the_path_goes_to_the_tree(text, path):
    statement = one(text)
    assert (statement.facts, statement.shape) == (None, None), "the tree says whose function it is"
    assert statement.assigned == Assigned("set_config", SETS, path)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT set_config('search_path', 'a', false), 1",
        "SELECT set_config('search_path', 'a', false) FROM t",
        "SELECT set_config('search_path', 'a', false) WHERE true",
        "SELECT set_config('search_path', 'a', false) LIMIT 1",
        "SELECT set_config('search_path', 'a', false) UNION SELECT '1'",
        "SELECT DISTINCT set_config('search_path', 'a', false)",
        "SELECT set_config('search_path', 'a', false) OVER ()",
        "SELECT set_config('search_path', 'a', $1)",
        "SELECT set_config('search_path', NULL, false)",
        "SELECT set_config('search_path', f(), false)",
        "SELECT set_config($1, 'a', false)",
        "SELECT other.set_config('search_path', 'a', false)",
        "SELECT set_config('search_path', 'a', false, 1)",
        "SELECT set_config('jit', 'off', false)",
        "SELECT (SELECT set_config('search_path', 'a', false))",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name = 'search_path'",
        "SELECT set_config(name, 'x', false) FROM pg_settings WHERE name <> 'restrict_nonsystem_relation_kind'",
        "SELECT set_config(name, 'x', false) FROM a.pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
        "SELECT set_config(name, 'x', false) FROM pg_settings, t WHERE name = 'restrict_nonsystem_relation_kind'",
        "SELECT set_config(setting, 'x', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
        "SELECT set_config(name, setting, false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
    ],
)
def test_any_other_select_is_one_like_others(text):
    assert (one(text).kind, one(text).assigned) == ("select", None)


def test_what_pg_dump_restricts_itself_with():
    text = "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = '{}'"
    assert one(text.format("restrict_nonsystem_relation_kind")).assigned == Assigned("set_config")


@pytest.mark.parametrize(
    ("text", "deed"),
    [
        ("COMMIT", ENDS),
        ("END", ENDS),
        ("ROLLBACK", ENDS),
        ("ROLLBACK TO s", ENDS),
        ("BEGIN", KEEPS),
        ("SAVEPOINT s", KEEPS),
        ("RELEASE s", KEEPS),
        ("SET jit = off", KEEPS),
        ("RESET jit", KEEPS),
        ("SET row_security = off", KEEPS),
        ("SET standard_conforming_strings = on", KEEPS),
        ("SET XML OPTION CONTENT", KEEPS),
        ("SET quote_all_identifiers = true", KEEPS),
    ],
)
def test_the_end_of_a_transaction_may_undo_it_and_nothing_else_moves_it(text, deed):
    facts = one(text).facts
    assert facts is not None
    assert (facts.complete, facts.path) == (True, deed)
