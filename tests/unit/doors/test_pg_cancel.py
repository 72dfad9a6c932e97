from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.doors import pg_cancel
from gateway.doors.pg_cancel import PAUSES, Cancelling
from gateway.doors.pg_limits import Doing
from gateway.links.tasks import TaskGroup
from tests.unit.links.shipments import comes_to


class Session:
    """What it does is said; what is sent to its server is counted, and may have an effect."""

    def __init__(self, doing: Doing) -> None:
        self.heard, self.does = 7, doing
        self.sent: list[Doing] = []
        self.effect: Callable[[], None] = lambda: None
        self.tasks = TaskGroup()
        self.cancelling = Cancelling(self, self._send, self.tasks.spawn)

    def doing(self) -> tuple[Doing, object]:
        return self.does, None

    async def _send(self) -> None:
        self.sent.append(self.does)
        self.effect()

    def say(self, doing: Doing) -> None:
        """The client says something, and so it goes."""
        self.heard += 1
        self.does = doing

    async def quiet(self) -> None:
        """Nothing is under way any more."""
        await asyncio.gather(*self.tasks._tasks)


def play(doing: Doing, story: Callable[[Session], Awaitable[None]]) -> Session:
    async def told() -> Session:
        session = Session(doing)
        await story(session)
        return session

    return asyncio.run(told())


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pg_cancel, "PAUSES", (0.01,) * len(PAUSES))


def test_what_the_server_heeds_is_said_once() -> None:
    async def story(session: Session) -> None:
        session.effect = lambda: setattr(session, "does", Doing.IDLE)
        session.cancelling.asked()
        await session.quiet()

    assert play(Doing.RUNNING, story).sent == [Doing.RUNNING]


def test_what_the_server_has_not_read_yet_is_cancelled_when_it_has() -> None:
    """A cancel request that comes before the statement is one that PostgreSQL makes nothing of."""

    async def story(session: Session) -> None:
        session.effect = lambda: setattr(session, "does", Doing.IDLE) if len(session.sent) == 3 else None
        session.cancelling.asked()
        await session.quiet()

    assert play(Doing.RUNNING, story).sent == [Doing.RUNNING] * 3


def test_what_cannot_be_cancelled_is_not_asked_for_ever() -> None:
    async def story(session: Session) -> None:
        session.cancelling.asked()
        session.cancelling.asked()  # which does no more
        await session.quiet()

    assert len(play(Doing.RUNNING, story).sent) == 1 + len(PAUSES)


def test_what_is_being_decided_is_cancelled_when_it_is_at_the_server() -> None:
    async def story(session: Session) -> None:
        session.effect = lambda: setattr(session, "does", Doing.IDLE)
        session.cancelling.asked()
        await asyncio.sleep(0)
        assert session.sent == []
        session.does = Doing.RUNNING
        await session.quiet()

    assert play(Doing.DECIDING, story).sent == [Doing.RUNNING]


@pytest.mark.parametrize("then", [Doing.IDLE, Doing.IDLE_IN_TRANSACTION])
def test_what_was_denied_needs_no_cancelling(then: Doing) -> None:
    async def story(session: Session) -> None:
        session.cancelling.asked()
        await asyncio.sleep(0)
        session.does = then
        await session.quiet()

    assert play(Doing.DECIDING, story).sent == []


@pytest.mark.parametrize("first", [Doing.DECIDING, Doing.RUNNING])
def test_what_the_client_says_next_is_not_what_it_meant(first: Doing) -> None:
    async def story(session: Session) -> None:
        session.effect = lambda: session.say(Doing.RUNNING)
        session.cancelling.asked()
        await asyncio.sleep(0)
        if first is Doing.DECIDING:
            session.say(Doing.RUNNING)
        await session.quiet()

    assert len(play(first, story).sent) == (1 if first is Doing.RUNNING else 0)


def test_the_next_one_can_be_cancelled_while_the_last_is_looked_after() -> None:
    async def story(session: Session) -> None:
        session.cancelling.asked()
        await comes_to(lambda: len(session.sent) == 1)
        session.say(Doing.RUNNING)
        session.effect = lambda: setattr(session, "does", Doing.IDLE)
        session.cancelling.asked()
        await comes_to(lambda: len(session.sent) == 2)
        await asyncio.gather(*session.tasks._tasks, return_exceptions=True)

    assert len(play(Doing.RUNNING, story).sent) == 2


def test_nothing_is_said_of_a_session_that_has_ended() -> None:
    async def story(session: Session) -> None:
        session.cancelling.over()
        session.cancelling.asked()
        await comes_to(lambda: len(session.sent) == 1)
        session.cancelling.over()
        await asyncio.gather(*session.tasks._tasks, return_exceptions=True)

    assert len(play(Doing.RUNNING, story).sent) == 1
