"""Bounded maps, what changed from epoch to epoch, and what a standing decision remembers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.reuse import _EPOCHS_REMEMBERED, _SESSIONS_REMEMBERED, Bounded, History, Standing, weight
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
    assert standing.full_entries[f"s-{3 * _SESSIONS_REMEMBERED - 1}"].of == f"d-{3 * _SESSIONS_REMEMBERED - 1}"


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


def test_who_floods_loses_his_own_first() -> None:
    kept: Bounded[str, int] = Bounded(100)
    for number in range(20):
        kept.put(f"ann {number}", number, "ann")
    for number in range(10_000):
        kept.put(f"flood {number}", number, "abuser")
    assert len(kept) == 100
    assert all(kept.get(f"ann {number}", "ann") == number for number in range(20))
    assert kept.get("flood 9999", "abuser") == 9999


def test_who_is_alone_may_have_all_of_it_until_others_come() -> None:
    kept: Bounded[str, int] = Bounded(90)
    for number in range(200):
        kept.put(f"ann {number}", number, "ann")
    assert len(kept) == 90
    for number in range(200):
        kept.put(f"ben {number}", number, "ben")
        assert len(kept) == 90
    held = [name for name in ("ann", "ben") for number in range(200) if kept.get(f"{name} {number}", name) is not None]
    assert held.count("ann") >= 30
    assert held.count("ben") >= 30


def test_what_several_use_is_pushed_out_by_nobodys_flood() -> None:
    kept: Bounded[str, int] = Bounded(100)
    for number in range(60):
        kept.put(f"common {number}", number, "ann")
        assert kept.get(f"common {number}", "ben") == number
    for number in range(1000):
        for name in ("ann", "ben", "cho"):
            kept.put(f"{name} {number}", number, name)
    assert all(kept.get(f"common {number}", "dan") == number for number in range(60))
    assert len(kept) == 100


def test_two_who_help_each_other_cannot_have_all_of_it() -> None:
    kept: Bounded[str, int] = Bounded(100)
    kept.put("mine", 1, "ann")
    for number in range(1000):
        kept.put(f"flood {number}", number, "abuser")
        kept.get(f"flood {number}", "friend")
    assert kept.get("mine", "ann") == 1
    assert len(kept) <= 100


def test_what_is_heavy_takes_the_room_of_many() -> None:
    assert (weight("SELECT 1"), weight("x" * 10_240)) == (1, 11)
    kept: Bounded[str, int] = Bounded(10)
    kept.put("light", 1, "ann")
    kept.put("heavy", 2, "ben", 8)
    assert len(kept) == 2
    kept.put("heavy too", 3, "ben", 8)
    assert (kept.get("light", "ann"), kept.get("heavy", "ben"), kept.get("heavy too", "ben")) == (1, None, 3)
    kept.put("too heavy", 4, "ben", 11)
    assert (kept.get("light", "ann"), kept.get("too heavy", "ben")) == (1, None)


def test_a_map_without_room_keeps_nothing() -> None:
    kept: Bounded[str, int] = Bounded(0)
    kept.put("a", 1, "ann")
    assert (kept.get("a", "ann"), len(kept)) == (None, 0)


steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from("abcdefgh"), st.sampled_from(("ann", "ben", "cho")), st.integers(1, 4)),
    max_size=80,
)


@given(st.integers(0, 9), steps)
def test_it_holds_what_was_put_within_its_limit_whatever_is_done(limit, steps) -> None:
    kept: Bounded[str, int] = Bounded(limit)
    put: dict[str, int] = {}
    for number, (putting, key, owner, heavy) in enumerate(steps):
        if putting:
            kept.put(key, number, owner, heavy)
            put[key] = number
        else:
            assert kept.get(key, owner) in (None, put.get(key))
        segments = [*kept._segments.values(), kept._shared]
        assert kept._weight == sum(segment.weight for segment in segments) <= limit
        assert len(kept) == sum(len(segment.entries) for segment in segments)
        assert all(segment.weight == sum(entry.weight for entry in segment.entries) for segment in segments)
        assert all(segment.entries for segment in kept._segments.values())
