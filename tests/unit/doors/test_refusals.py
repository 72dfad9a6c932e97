"""A flood of refused logins: recorded up to a limit, counted beyond it, and every one of them told in the end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors import refusals
from gateway.doors.refusals import WINDOW, Refusals, Suppressed, network_of

A, B = "203.0.113.7", "203.0.113.8"


def test_one_address_is_recorded_up_to_its_limit_and_then_counted():
    some = Refusals(per_address=3, overall=100)
    assert [some.admit(A, 1.0) for _ in range(5)] == [True, True, True, False, False]
    assert some.admit(B, 1.0), "another address is not held up by it"
    assert some.due(2.0) == []
    assert some.due(1.0 + WINDOW) == [Suppressed(A, 2)]
    assert some.due(1.0 + WINDOW) == [], "told once"
    assert some.admit(A, 2.0 + WINDOW), "the next minute begins"


def test_all_addresses_together_are_limited_too():
    some = Refusals(per_address=3, overall=4)
    some.due(100.0)
    assert [some.admit(f"10.0.0.{n}", 100.0) for n in range(6)] == [True] * 4 + [False] * 2
    assert [some.admit("10.0.0.0", 100.0) for _ in range(3)] == [False] * 3
    assert some.due(100.0 + WINDOW) == [Suppressed(None, 5)]
    assert some.admit(A, 100.0 + WINDOW)


def test_a_flood_from_everywhere_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refusals, "_ADDRESSES", 10)
    some = Refusals(per_address=1, overall=1_000_000)
    some.due(100.0)
    assert sum(some.admit(f"10.0.{n // 256}.{n % 256}", 100.0) for n in range(1000)) == 10
    assert len(some._windows) == 10
    assert some.due(100.0 + WINDOW) == [Suppressed(None, 990)]


def test_the_rest_is_told_when_the_house_closes():
    some = Refusals(per_address=1, overall=100)
    for _ in range(3):
        some.admit(A, 5.0)
    assert some.rest() == [Suppressed(A, 2)]


@given(
    knocks=st.lists(st.tuples(st.sampled_from([A, B, "2001:db8::1", None]), st.floats(0, 30)), max_size=200),
    per_address=st.integers(1, 5),
    overall=st.integers(1, 20),
)
def test_none_is_lost(knocks: list[tuple[str | None, float]], per_address: int, overall: int):
    some, now, told, recorded = Refusals(per_address=per_address, overall=overall), 0.0, 0, 0
    for address, passed in knocks:
        now += passed
        told += sum(one.count for one in some.due(now))
        recorded += some.admit(address, now)
    assert recorded + told + sum(one.count for one in some.rest()) == len(knocks)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (A, A),
        ("::ffff:203.0.113.7", A),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        (None, ""),
        ("no address", ""),
    ],
)
def test_who_counts_as_one(address: str | None, network: str):
    assert network_of(address) == network
