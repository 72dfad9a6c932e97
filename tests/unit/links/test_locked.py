"""Suspicion of locks: only statements that would wait as well are turned away, and it ends by itself."""

from __future__ import annotations

import pytest

from gateway.links.locked import _MOST, Locked, in_words
from gateway.sql.named import Names


def reads(*names: str) -> Names:
    return frozenset((name, False) for name in names)


def writes(*names: str) -> Names:
    return reads(*names) | {(name, True) for name in names}


@pytest.fixture
def locked() -> Locked:
    return Locked(1.0)


def test_who_names_the_same_relations_is_turned_away_for_a_while(locked):
    assert locked.blocked(reads("t"), 0.0) is None
    locked.waited(reads("t"), 0.0)
    assert locked.blocked(reads("t"), 0.5) == reads("t")
    assert locked.blocked(reads("t", "other"), 0.5) == reads("t")
    assert locked.blocked(writes("t"), 0.5) == reads("t"), "who cannot read cannot write"
    assert locked.blocked(reads("other"), 0.5) is None
    assert locked.blocked(frozenset(), 0.5) is None
    assert locked.blocked(reads("t"), 1.0) is None


def test_a_relation_that_was_only_named_beside_the_locked_one_is_not_suspected(locked):
    locked.waited(reads("t", "users"), 0.0)
    assert locked.blocked(reads("users"), 0.1) is None
    assert locked.blocked(reads("t"), 0.1) is None
    locked.waited(reads("t"), 0.2)
    assert locked.blocked(reads("t", "stickers"), 0.3) == reads("t")
    assert locked.blocked(reads("users"), 0.3) is None


def test_a_lock_that_stops_writers_does_not_stop_readers(locked):
    locked.waited(writes("t"), 0.0)
    assert locked.blocked(reads("t"), 0.1) is None
    assert locked.blocked(writes("t"), 0.1) == writes("t")
    locked.passed(reads("t"))
    assert locked.blocked(writes("t"), 0.1) == writes("t"), "a reader who gets through says nothing of writers"


def test_one_statement_is_let_through_to_see(locked):
    locked.waited(reads("t"), 0.0)
    assert locked.blocked(reads("t"), 2.0) is None
    locked.begin(reads("t"))
    assert locked.blocked(reads("t"), 2.0) == reads("t")
    locked.waited(reads("t"), 2.5)
    assert locked.blocked(reads("t"), 3.0) == reads("t")
    assert locked.blocked(reads("t"), 3.6) is None
    locked.begin(reads("t"))
    locked.ended(reads("t"))  # it was cancelled: nothing is known
    assert locked.blocked(reads("t"), 3.7) is None
    locked.begin(reads("t"))
    locked.passed(reads("t", "more"))
    assert locked.blocked(reads("t"), 0.0) is None


def test_what_is_remembered_is_bounded(locked):
    for number in range(3 * _MOST):
        locked.waited(reads(f"t{number}"), 0.0)
    locked.waited(frozenset(), 0.0)
    assert len(locked._suspects) == _MOST
    assert locked.blocked(reads(f"t{3 * _MOST - 1}"), 0.5)
    assert locked.blocked(reads("t0"), 0.5) is None


def test_words():
    assert in_words(writes("public.users")) == "public.users"
    assert in_words(reads("d", "c", "b", "a")) == "a, b, c and others"
    assert in_words(reads("x\ny" + "z" * 100)) == "x?y" + "z" * 60
