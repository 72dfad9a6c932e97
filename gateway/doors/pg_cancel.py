"""A client asks to cancel what its session does: that goes to the server, and again while nothing comes of it.

A server that gets a cancel request before it has read the statement makes nothing of it. Directly, that is a matter of
moments; here the statement may have to be decided first. So what is asked while the gateway decides is kept until the
statement is at the server, and it is said again, a few times, while the server still works on the same: until the
client has said something else, which may not be what it meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

from gateway.doors.pg_limits import Doing

PAUSES: Final = (0.2, 0.5, 1.0)  # seconds after which it is said again
_SHORTEST: Final = 0.002  # seconds between two looks whether it is decided: no statement pays for what hardly ever
_LONGEST: Final = 0.05  # happens; twice as long each time, up to this


class Busy(Protocol):
    """What is to be cancelled (`gateway.doors.pg_session.Relay`)."""

    @property
    def heard(self) -> int:
        """The same number while the client has said nothing."""

    def doing(self) -> tuple[Doing, object]:
        """What the session does."""


class Cancelling:
    """Of one session. Lives on the loop."""

    def __init__(
        self,
        busy: Busy,
        send: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        """``send`` says it to the server once."""
        self._busy, self._send, self._spawn = busy, send, spawn
        self._task: asyncio.Task[None] | None = None
        self._heard = -1  # what it is about: what the client had said by then

    def asked(self) -> None:
        """Cancel what the session does now. What is under way for the same is enough."""
        heard = self._busy.heard
        if self._task is not None and not self._task.done():
            if heard == self._heard:
                return
            self._task.cancel()
        self._heard = heard
        self._task = self._spawn(self._pursue(heard), "cancel")

    def over(self) -> None:
        """The session has ended."""
        if self._task is not None:
            self._task.cancel()

    async def _pursue(self, heard: int) -> None:
        if self._does() is Doing.DECIDING:
            await self._decided()
            if not self._runs(heard):  # it was denied, or is done
                return
        await self._send()
        for pause in PAUSES:
            await asyncio.sleep(pause)
            if not self._runs(heard):
                return
            await self._send()

    async def _decided(self) -> None:
        pause = _SHORTEST
        while self._does() is Doing.DECIDING:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)

    def _does(self) -> Doing:
        return self._busy.doing()[0]

    def _runs(self, heard: int) -> bool:
        return self._busy.heard == heard and self._does() is Doing.RUNNING
