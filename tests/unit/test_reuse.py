"""Bounded maps, what changed from epoch to epoch, and what a standing decision remembers."""

from __future__ import annotations

from gateway.reuse import _EPOCHS_REMEMBERED, _SESSIONS_REMEMBERED, Bounded, History, Standing
from gateway.sql.changes import EVERYTHING, Changes


def test_the_least_recently_used_entry_goes_first() -> None:
    kept: Bounded[str, int] = Bounded(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    assert len(kept) == 2


def test_put_again_replaces_and_clear_forgets() -> None:
    kept: Bounded[str, int] = Bounded(2)
    kept.put("a", 1)
    kept.put("a", 2)
    assert (kept.get("a"), len(kept)) == (2, 1)
    kept.put("b", 1)
    kept.clear()
    assert len(kept) == 0


def test_sessions_remembered_are_bounded() -> None:
    standing = Standing(
        verdict=None,  # type: ignore[arg-type]  # neither is looked at here
        understanding=None,  # type: ignore[arg-type]
        revision="r",
        epoch="e",
        normalised="",
        statement_hash="",
    )
    for number in range(3 * _SESSIONS_REMEMBERED):
        standing.remember(f"s-{number}", f"d-{number}")
    assert len(standing.full_entries) <= _SESSIONS_REMEMBERED
    assert standing.full_entries[f"s-{3 * _SESSIONS_REMEMBERED - 1}"] == f"d-{3 * _SESSIONS_REMEMBERED - 1}"


def some(*oids: str) -> Changes:
    return Changes(everything=False, relations=frozenset(oids))


def test_what_rests_on_nothing_that_changed_stands() -> None:
    history = History()
    history.moved("a", some("1"))
    history.moved("b", some("2", "3"))
    assert [history.stands("a", frozenset(one)) for one in ("", "1", "2", "3", "4")] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert [history.stands("b", frozenset(one)) for one in ("", "1", "2", "3", "4")] == [True, True, False, False, True]


def test_what_rests_on_everything_or_is_of_an_epoch_nobody_remembers_does_not() -> None:
    history = History()
    history.moved("a", some())
    assert history.stands("a", frozenset())
    assert not history.stands("a", None)
    assert not history.stands("z", frozenset())


def test_a_change_of_everything_and_a_loss_end_all_that_was() -> None:
    history = History()
    history.moved("a", some("1"))
    history.moved("b", EVERYTHING)
    assert not history.stands("a", frozenset())
    assert not history.stands("b", frozenset())
    history.moved("c", some("1"))
    assert history.stands("c", frozenset("2"))
    history.clear()
    assert not history.stands("c", frozenset("2"))


def test_an_epoch_that_comes_again_is_the_same() -> None:
    """What is made and dropped leaves the catalogs as they were."""
    history = History()
    history.moved("a", some("1"))
    history.moved("b", some("1"))
    history.moved("a", some("2"))
    assert history.stands("a", frozenset("1"))
    assert not history.stands("b", frozenset("1"))
    assert not history.stands("a", frozenset("2"))


def test_epochs_remembered_are_bounded() -> None:
    history = History()
    for number in range(3 * _EPOCHS_REMEMBERED):
        history.moved(f"e-{number}", some())
    last = 3 * _EPOCHS_REMEMBERED - 1
    assert history.stands(f"e-{last - _EPOCHS_REMEMBERED + 1}", frozenset())
    assert not history.stands(f"e-{last - _EPOCHS_REMEMBERED}", frozenset())
