"""The look at all sessions: which limit ends what, and when; by a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.config import Limits
from gateway.doors.pg_limits import Doing, Watch
from gateway.errors import AuthenticationError, Reason
from tests.unit.doors.test_pg_record import LOGIN

FAR = 4_000_000_000
LIMITS = Limits(
    idle_timeout_ms=60_000, idle_in_transaction_timeout_ms=30_000, statement_timeout_ms=10_000, cancel_timeout_ms=2000
)
LOGGED_IN = replace(LOGIN, principal=replace(LOGIN.principal, expires_at=FAR))


class Seated:
    """A session that does what the test says, and tells what was done to it."""

    def __init__(self, doing: Doing = Doing.IDLE, mark: object = 1) -> None:
        self.does = doing, mark
        self.told: list[Any] = []

    def doing(self) -> tuple[Doing, object]:
        return self.does

    def overdue(self) -> None:
        self.told.append("cancelled")

    def outdate(self, why: str) -> None:
        self.told.append(why)

    def terminate(self, reason: Reason, detail: str) -> None:
        self.told.append(reason)


class Registry:
    def __init__(self, next_change: int = FAR) -> None:
        self._next = next_change

    def next_change(self, at: int) -> int:
        return self._next


class House:
    """A desk with one registry, and an answer to whether somebody is welcome."""

    def __init__(self, welcome: Callable[[], str] = lambda: "engineer") -> None:
        self.known_registry: Any = Registry()
        self.answer = welcome
        self.asked = 0

    def welcome(self, datasource: str, principal: Any) -> Any:
        self.asked += 1
        return SimpleNamespace(name=self.answer())


def watch(session: Seated | None, house: House | None = None, limits: Limits = LIMITS, login: Any = LOGGED_IN) -> Watch:
    house = house or House()
    found = Watch(cast(Any, house), limits)
    found.look(0.0, 1.0)
    if session is not None:
        found.join(session, replace(login, registry=house.known_registry))
    return found


def looks(of: Watch, *moments: float) -> None:
    for moment in moments:
        of.look(moment, 1.0)


@pytest.mark.parametrize(
    ("doing", "seconds", "reason"),
    [
        (Doing.IDLE, 60, Reason.IDLE_TIMEOUT),
        (Doing.IDLE_IN_TRANSACTION, 30, Reason.IDLE_IN_TRANSACTION_TIMEOUT),
    ],
)
def test_whoever_does_nothing_for_too_long_is_ended(doing: Doing, seconds: int, reason: Reason):
    session = Seated(doing)
    one = watch(session)
    looks(one, 100, 100 + seconds - 1)
    assert session.told == []
    looks(one, 100 + seconds)
    assert session.told == [reason]


def test_whatever_a_session_does_begins_its_time_anew():
    session = Seated(Doing.IDLE, 1)
    one = watch(session)
    looks(one, 100, 159)
    session.does = Doing.IDLE, 2
    looks(one, 160, 219)
    session.does = Doing.IDLE_IN_TRANSACTION, 2
    looks(one, 220, 249)
    assert session.told == []


def test_a_statement_is_cancelled_and_then_its_session_ended():
    session = Seated(Doing.RUNNING, first := object())
    one = watch(session)
    looks(one, 100, 109.9)
    assert session.told == []
    looks(one, 110, 111.9)
    assert session.told == ["cancelled"]
    looks(one, 112)
    assert session.told == ["cancelled", Reason.STATEMENT_TIMEOUT]
    assert first is session.does[1]


def test_the_next_statement_has_its_own_time():
    session = Seated(Doing.RUNNING, object())
    one = watch(session)
    looks(one, 100, 110)
    session.does = Doing.RUNNING, object()
    looks(one, 111, 120.9)
    assert session.told == ["cancelled"]


def test_a_decision_has_limits_of_its_own_and_no_limit_is_none():
    for session in (Seated(Doing.DECIDING), Seated(Doing.IDLE), Seated(Doing.RUNNING)):
        free = replace(LIMITS, idle_timeout_ms=0, statement_timeout_ms=0)
        looks(watch(session, limits=free), 100, 100_000, 200_000)
        assert session.told == []


def test_a_login_that_expired_ends_after_the_grace():
    session = Seated()
    one = watch(session, login=replace(LOGIN, principal=replace(LOGIN.principal, expires_at=1000)))
    one.look(1.0, 1004.9)
    assert session.told == []
    one.look(1.1, 1005.0)
    assert session.told == [Reason.TOKEN_EXPIRED]


def test_a_session_that_left_is_not_looked_at():
    session = Seated()
    one = watch(session)
    one.leave(session)
    looks(one, 100, 1000)
    assert session.told == []


def test_one_that_cannot_be_looked_at_is_ended_and_the_others_are_looked_at():
    class Broken(Seated):
        def doing(self) -> tuple[Doing, object]:
            raise ValueError

    broken, session, house = Broken(), Seated(), House()
    one = watch(broken, house)
    one.join(session, replace(LOGGED_IN, registry=house.known_registry))
    looks(one, 100, 160)
    assert broken.told[0] is Reason.INTERNAL
    assert session.told == [Reason.IDLE_TIMEOUT]


# ------------------------------------------------------------------------------------------------------- the registry


def blocked() -> str:
    raise AuthenticationError(Reason.PRINCIPAL_BLOCKED, "access is blocked (b-1)")


def test_everybody_is_looked_at_when_the_registry_is_another():
    async def work() -> None:
        house, sessions = House(blocked), [Seated() for _ in range(100)]
        one = watch(None, house)
        for session in sessions:
            one.join(session, replace(LOGGED_IN, registry=house.known_registry))
        looks(one, 1)
        assert house.asked == 0
        house.known_registry = Registry()
        looks(one, 2)
        assert 0 < house.asked < 100, "the loop is for everybody"
        for _ in range(100):
            await asyncio.sleep(0)
        assert [session.told for session in sessions] == [[Reason.PRINCIPAL_BLOCKED]] * 100

    asyncio.run(work())


def test_everybody_is_looked_at_when_a_date_comes():
    house, session = House(), Seated()
    house.known_registry = Registry(next_change=2000)
    one = watch(session, house)
    one.look(1.0, 1999.0)
    assert house.asked == 0
    house.answer = blocked
    one.look(2.0, 2000.0)
    assert session.told == [Reason.PRINCIPAL_BLOCKED]


def test_a_registry_that_changed_while_somebody_logged_in():
    house, session = House(blocked), Seated()
    one = watch(None, house)
    one.join(session, replace(LOGGED_IN, registry=cast(Any, Registry())))
    assert session.told == [Reason.PRINCIPAL_BLOCKED]


def test_another_profile_fits():
    session = Seated()
    one = watch(session, house := House(lambda: "moderator"))
    house.known_registry = Registry()
    looks(one, 1)
    assert session.told == ["profile moderator fits by now, and no longer engineer: connect again"]


def test_where_nobody_can_say_the_session_ends():
    def broken() -> str:
        raise KeyError

    session = Seated()
    one = watch(session, house := House(broken))
    house.known_registry = Registry()
    looks(one, 1)
    assert session.told == [Reason.INTERNAL]
