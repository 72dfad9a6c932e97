"""Seats: so many in all, so many of one, and none freed before everything is over."""

from __future__ import annotations

import pytest

from gateway.doors.seats import Seats
from gateway.model import PrincipalId

SATO, LI = PrincipalId("i#sato"), PrincipalId("i#li")


def seats(sessions: int = 10, per_principal: int = 10) -> Seats[str]:
    return Seats(sessions=sessions, per_principal=per_principal)


def test_seats_are_limited_and_given_back():
    full = seats(2)
    assert all(full.admit(one) for one in "abc"), "knocking is not sitting"
    assert [full.take(one) for one in "abc"] == [True, True, False]
    full.leave("c")
    full.leave("a")
    assert full.take("d")


def test_connections_without_a_seat_are_limited_too():
    full = seats(2)
    assert sum(full.admit(str(one)) for one in range(40)) == 2 * 2 + 16
    assert len(full.there) == 2 * 2 + 16


def test_nobody_has_all_of_them():
    some = seats(10, per_principal=2)
    for one in "abcd":
        some.take(one)
    assert [some.claim(one, SATO) for one in "abc"] == [True, True, False]
    assert some.claim("d", LI)
    some.leave("c")
    some.leave("a")
    some.take("e")
    assert some.claim("e", SATO)


@pytest.mark.parametrize("times", [1, 2])
def test_a_seat_is_given_back_once(times: int):
    some = seats(1, per_principal=1)
    some.take("a")
    some.claim("a", SATO)
    for _ in range(times):
        some.leave("a")
    assert some.take("b")
    assert some.claim("b", SATO)
    some.take("c")
    assert not some.claim("c", SATO)


def test_a_seat_is_taken_until_nothing_is_left_of_the_session():
    some = seats(1, per_principal=1)
    some.admit("a")
    some.take("a")
    some.claim("a", SATO)
    some.linger("a")
    some.leave("a")
    assert some.there == []
    assert not some.take("b")
    some.free("a")
    assert some.take("b")
    assert some.claim("b", SATO)


def test_whoever_left_while_it_logged_in_claims_nothing():
    some = seats(2, per_principal=1)
    some.take("a")
    some.leave("a")
    assert some.claim("a", SATO)
    some.take("b")
    assert some.claim("b", SATO)
