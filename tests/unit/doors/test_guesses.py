"""Guessing gets slower for whoever guesses, and for nobody else."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.doors import guesses
from gateway.doors.guesses import Guesses

HERE, THERE = "192.0.2.1", "192.0.2.2"


def some() -> Guesses:
    return Guesses(first=0.25, most=8.0, patience=4.0)


def test_the_wait_doubles_up_to_the_most_and_then_it_is_a_refusal():
    one, now, waits = some(), 100.0, []
    for _ in range(7):
        wait = one.wait(HERE, "svc_a", now)
        waits.append(wait)
        now += wait or 0.0
        one.wrong(HERE, "svc_a", now)
    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, None]
    assert one.seconds_left(HERE, "svc_a", now) == 8.0
    assert one.wait(HERE, "svc_a", now + 8.0) == 0.0


def test_nobody_else_waits():
    one = some()
    for _ in range(10):
        one.wrong(HERE, "svc_a", 100.0)
    assert one.wait(HERE, "svc_a", 100.0) is None
    assert [one.wait(THERE, "svc_a", 100.0), one.wait(HERE, "svc_b", 100.0), one.wait(None, "svc_a", 100.0)] == [
        0.0
    ] * 3


def test_many_at_once_guess_no_faster_than_one():
    one = some()
    one.wrong(HERE, "svc_a", 100.0)
    one.wrong(HERE, "svc_a", 100.0)
    assert [one.wait(HERE, "svc_a", 100.0) for _ in range(4)] == [0.5, 1.0, 1.5, 2.0]


def test_a_refusal_does_not_make_it_longer():
    one = some()
    for _ in range(6):
        one.wrong(HERE, "svc_a", 100.0)
    assert [one.wait(HERE, "svc_a", 100.0) for _ in range(50)] == [None] * 50
    assert one.seconds_left(HERE, "svc_a", 100.0) == 8.0


def test_a_right_password_and_time_make_good():
    one = some()
    for _ in range(6):
        one.wrong(HERE, "svc_a", 100.0)
        one.wrong(HERE, "svc_b", 100.0)
    one.right(HERE, "svc_a")
    assert one.wait(HERE, "svc_a", 100.0) == 0.0
    assert one.wait(HERE, "svc_b", 1000.0) == 0.0


def test_an_ipv6_customer_is_one():
    one = some()
    one.wrong("2001:db8::1", "svc_a", 100.0)
    assert one.wait("2001:db8::2", "svc_a", 100.0) == 0.25
    assert one.wait("2001:db8:0:1::2", "svc_a", 100.0) == 0.0


def test_it_can_be_turned_off():
    off = Guesses(first=0.0, most=0.0, patience=4.0)
    for _ in range(100):
        off.wrong(HERE, "svc_a", 100.0)
    assert off.wait(HERE, "svc_a", 100.0) == 0.0


def test_memory_is_bounded():
    one = some()
    for number in range(3 * guesses._KNOWN):
        one.wrong(HERE, f"svc_{number}", float(number))
    assert len(one._records) == guesses._KNOWN
    assert one.wait(HERE, "svc_0", 30_000.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=200))
def test_the_rate_of_guesses_is_bounded(tries: list[tuple[str, float]]):
    """After so many wrong ones, two passwords of the same user are never looked at within less than the delay."""
    one, now, looked_at = some(), 0.0, dict[str, list[float]]()
    for user, pause in tries:
        now += pause
        wait = one.wait(HERE, user, now)
        if wait is not None:
            looked_at.setdefault(user, []).append(now + wait)
            one.wrong(HERE, user, now + wait)
    for moments in looked_at.values():
        for number, (before, after) in enumerate(itertools.pairwise(moments)):
            assert after - before >= min(8.0, 0.25 * 2.0**number) - 1e-6
