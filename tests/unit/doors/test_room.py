"""Room for what waits to become a message: shared, given back, and not asked about what is small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.room import _SMALL, Room

MEGABYTE = 1024 * 1024


def test_what_all_hold_together_is_limited():
    room: Room[str] = Room(10 * MEGABYTE)
    assert room.fits("a", 6 * MEGABYTE)
    assert room.fits("a", 7 * MEGABYTE), "in place of what it held"
    assert not room.fits("b", 4 * MEGABYTE)
    room.leave("b")
    assert room.fits("c", 3 * MEGABYTE)


def test_a_message_that_became_whole_makes_room():
    room: Room[str] = Room(10 * MEGABYTE)
    room.fits("a", 9 * MEGABYTE)
    assert room.fits("a", 0)
    assert room.fits("b", 9 * MEGABYTE)
    room.leave("nobody")


def test_what_is_small_is_not_counted():
    room: Room[int] = Room(MEGABYTE)
    assert all(room.fits(one, _SMALL - 1) for one in range(1000))
    assert not room._held


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4 * MEGABYTE))))
def test_what_is_held_adds_up(steps: list[tuple[int, int]]):
    room: Room[int] = Room(10 * MEGABYTE)
    for guest, size in steps:
        if not room.fits(guest, size):
            room.leave(guest)
        assert room._all == sum(room._held.values()) <= 10 * MEGABYTE
    for guest in range(6):
        room.leave(guest)
    assert (room._all, room._held) == (0, {})
