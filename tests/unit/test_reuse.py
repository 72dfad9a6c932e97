"""Bounded maps and what a standing decision remembers."""

from __future__ import annotations

from gateway.reuse import _SESSIONS_REMEMBERED, Bounded, Standing


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
