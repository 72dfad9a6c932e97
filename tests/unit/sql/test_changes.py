"""What is a change of everything, and what of some relations only."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from gateway.search_path import newcomer
from gateway.sql.changes import EVERYTHING, Changes, State, changes, read_state
from gateway.sql.definitions import UNSEEN, Definitions

SEEN = Definitions(MappingProxyType({}), frozenset())
ROWS = [
    ("0", None, None, None, "9.9"),
    ("1259", "pg_catalog", "pg_class", "r", "1.1"),
    ("20001", "app", "users", "r", "7.1"),
    ("20002", "app", "shown", "v", "3.2"),
    ("20003", "app", "address", "c", "2.5"),
    ("20004", "staging", "load", "r", "4.4"),
]
WAS = read_state(18, ROWS, SEEN)
PATH = frozenset(("pg_catalog", "app"))


def with_row(*row: str | None) -> State:
    return read_state(18, [*(one for one in ROWS if one[0] != row[0]), row], SEEN)


def without(oid: str) -> State:
    return read_state(18, [one for one in ROWS if one[0] != oid], SEEN)


def some(*oids: str) -> Changes:
    return Changes(everything=False, relations=frozenset(oids))


def test_nothing_changed():
    assert changes(WAS, read_state(18, list(reversed(ROWS)), SEEN), path=PATH) == some()


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (with_row("20001", "app", "users", "r", "7.2"), some("20001")),
        (with_row("20002", "app", "shown", "r", "3.2"), some("20002")),
        (without("20001"), some("20001")),
        (without("20004"), some("20004")),
        (with_row("20009", "staging", "more", "r", "1.1"), some("20009", newcomer("staging"))),
    ],
    ids=["changed", "another kind", "gone", "gone from elsewhere", "new elsewhere"],
)
def test_some_relations(now, found):
    assert changes(WAS, now, path=PATH) == found


@pytest.mark.parametrize(
    "now",
    [
        with_row("0", None, None, None, "9.8"),
        with_row("20001", "app", "people", "r", "7.1"),
        with_row("20001", "staging", "users", "r", "7.1"),
        with_row("20004", "staging", "loaded", "r", "4.5"),
        with_row("20009", "app", "more", "r", "1.1"),
        with_row("20009", "pg_catalog", "more", "v", "1.1"),
        with_row("20009", None, None, None, "1.1"),
        with_row("20003", "app", "address", "c", "2.6"),
        with_row("1259", "pg_catalog", "pg_class", "r", "1.2"),
        replace(WAS, major=17),
        replace(WAS, definitions=UNSEEN),
    ],
    ids=[
        "no relation's",
        "renamed",
        "moved",
        "renamed elsewhere",
        "new where names are looked up",
        "new among the server's own",
        "new and nobody knows where",
        "a type by itself",
        "the server's own",
        "another major",
        "what may be printed",
    ],
)
def test_everything(now):
    assert changes(WAS, now, path=PATH) == EVERYTHING


def test_where_nobody_knows_where_names_are_looked_up_any_new_relation_is_everything():
    assert changes(WAS, with_row("20009", "staging", "more", "r", "1.1"), path=None) == EVERYTHING
    assert changes(WAS, with_row("20004", "staging", "load", "r", "4.5"), path=None) == some("20004")


def test_definitions_are_compared_by_what_they_hold():
    again = Definitions(MappingProxyType({}), frozenset())
    assert changes(WAS, replace(WAS, definitions=again), path=PATH) == some()
