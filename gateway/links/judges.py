"""The default engine: Rego evaluated in processes of the gateway's own, and one that takes too long is killed.

A thread would not do: the library keeps the interpreter to itself while it evaluates, and its own bound counts
instructions of which one may take for ever. So one hostile or unlucky rule would hold up every session; here it holds
up its own question, which is denied, and its process, which is replaced.

There is one process as long as one is enough. Where a question takes long and others wait, there are more, up to a
bound, and no asker's questions are in all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.fair import Turns
from gateway.links.judge_process import LENGTH
from gateway.links.tasks import TaskGroup
from gateway.model import JsonValue
from gateway.policy.bundle import Bundle

_log = logging.getLogger(__name__)
_PROGRAM: Final = (
    "import sys; from gateway.links.judge_process import serve; serve(int(sys.argv[1]), float(sys.argv[2]))"
)
_ENVIRONMENT: Final = ("LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME")
_START: Final = 30.0  # seconds a process has to be ready
_PATIENCE: Final = 10.0  # seconds one question may wait for others: after a change of rules everybody's come at once
_SLOW: Final = 0.02  # seconds after which those who wait get another process
_MOST: Final = 4  # processes at once
_LONGEST: Final = 64 * 1024 * 1024  # of one answer


class Judges:
    """An ``Engine``. ``start`` it before it is asked."""

    def __init__(self, bundle: Bundle, *, timeout: float) -> None:
        self._bundle = bundle
        self._timeout = timeout
        self._policy = json.dumps([bundle.modules, bundle.data]).encode()
        self._turns = Turns(1)
        self._places = 1
        self._idle: list[_Judge] = []
        self._judges: set[_Judge] = set()
        self._tasks = TaskGroup()
        self._asked = 0  # questions under way
        self._answered = asyncio.Event()
        self._closed = False

    @property
    def revision(self) -> str:
        """See ``Engine``."""
        return self._bundle.revision

    async def start(self) -> None:
        """Have a process ready, so that the first question does not wait for it. Raises PolicyUnavailable."""
        self._idle.append(await self._begin())

    async def judge(self, document: Mapping[str, JsonValue], asker: str = "") -> JsonValue:
        """See ``Engine``."""
        try:
            text = json.dumps(document, allow_nan=False).encode()
        except ValueError:
            raise PolicyUnavailable(Reason.ENGINE_FAILED, "the policy engine cannot read this request") from None
        if self._closed:
            raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE, "the policy engine is being shut down")
        self._asked += 1
        try:
            return await self._in_turn(text, asker)
        finally:
            self._asked -= 1
            if not self._asked:
                self._answered.set()

    async def _in_turn(self, text: bytes, asker: str) -> JsonValue:
        late = "other questions are being judged; try again in a moment"
        try:
            async with asyncio.timeout(max(_PATIENCE, self._timeout)) as waiting, contextlib.AsyncExitStack() as place:
                await place.enter_async_context(self._turns.turn(asker))
                waiting.reschedule(None)  # a process that has to be started first is waited for
                judge = self._idle.pop() if self._idle else await self._begin()
                late = f"the rules took longer than {self._timeout:g} s over it"
                try:
                    answer = await self._ask(judge, text)
                except BaseException:
                    judge.end()  # its next answer would be to this question
                    # Whoever's question ended a process waits for another, in his own place and in nobody else's.
                    self._tasks.spawn(self._replace(place.pop_all()), "replace a judge")
                    raise
        except TimeoutError:
            raise PolicyUnavailable(Reason.ENGINE_TIMEOUT, late) from None
        if "failed" in answer:
            raise PolicyUnavailable(Reason(answer["failed"]), answer["why"])
        return answer["answer"]  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """See ``Engine``."""
        self._closed = True
        if self._asked:
            self._answered.clear()
            with contextlib.suppress(TimeoutError):  # none takes so long, but for those that wait to be begun
                async with asyncio.timeout(2 * self._timeout):
                    await self._answered.wait()
        for judge in list(self._judges):
            judge.end()
        await self._tasks.cancel()
        await asyncio.gather(*(judge.gone() for judge in list(self._judges)))

    async def _ask(self, judge: _Judge, text: bytes) -> dict[str, Any]:
        slow = asyncio.get_running_loop().call_later(_SLOW, self._slow)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await judge.ask(text)
        finally:
            slow.cancel()
        self._idle.append(judge)
        return answer

    def _slow(self) -> None:
        """A question takes long: another process for those who wait, or will."""
        if self._places < _MOST and not self._closed:
            self._places += 1
            self._tasks.spawn(self._grow(), "begin a judge")

    async def _grow(self) -> None:
        try:
            self._idle.append(await self._begin())
        except PolicyUnavailable:
            self._places -= 1
        else:
            self._turns.add()

    async def _replace(self, place: contextlib.AsyncExitStack) -> None:
        async with place:
            if not self._closed:
                with contextlib.suppress(PolicyUnavailable):  # said already; whoever is next tries again
                    self._idle.append(await self._begin())

    async def _begin(self) -> _Judge:
        judge = _Judge(self._lost)
        self._judges.add(judge)
        try:
            async with asyncio.timeout(_START):
                await judge.begin(self._timeout)
                answer = await judge.ask(self._policy)
        except (OSError, TimeoutError) as error:
            judge.end()
            _log.error("judge_not_started", extra={"why": f"{type(error).__name__}: {error}"})
            raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE, "the policy engine could not be started") from None
        except BaseException:
            judge.end()
            raise
        if "ready" not in answer:
            judge.end()
            raise PolicyUnavailable(Reason(answer["failed"]), answer["why"])
        return judge

    def _lost(self, judge: _Judge) -> None:
        """It was ended, or ended by itself."""
        if judge in self._idle:
            self._idle.remove(judge)
        if not self._closed:
            self._tasks.spawn(self._bury(judge), "bury a judge")

    async def _bury(self, judge: _Judge) -> None:
        await judge.gone()
        self._judges.discard(judge)


class _Judge(asyncio.Protocol):
    """One process at work, one question at a time."""

    def __init__(self, lost: Callable[[_Judge], None]) -> None:
        self._told_lost = lost
        self._buffer = bytearray()
        self._waiting: asyncio.Future[dict[str, Any]] | None = None
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self, seconds: float) -> None:
        """Start it. ``seconds``: the bound of one question."""
        ours, theirs = socket.socketpair()
        with theirs:
            environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-c",
                _PROGRAM,
                str(theirs.fileno()),
                str(seconds),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # a signal to the gateway is not one to this process
                env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)

    def ask(self, text: bytes) -> asyncio.Future[dict[str, Any]]:
        """Its answer; PolicyUnavailable where it ends instead."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            self._waiting.set_exception(_gone())
        else:
            self._transport.write(LENGTH.pack(len(text)) + text)
        return self._waiting

    def end(self) -> None:
        """Kill it."""
        if self._transport is not None:
            self._transport.abort()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                self._process.kill()

    async def gone(self) -> None:
        """Wait until it is."""
        if self._process is not None:
            await self._process.wait()

    # -- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < LENGTH.size:
            return
        (length,) = LENGTH.unpack_from(self._buffer)
        if length > _LONGEST:
            self.end()
        elif len(self._buffer) >= LENGTH.size + length:
            body = bytes(self._buffer[LENGTH.size : LENGTH.size + length])
            self._buffer.clear()  # one question at a time: nothing follows
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(json.loads(body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(_gone())
        self.end()
        self._told_lost(self)


def _gone() -> PolicyUnavailable:
    return PolicyUnavailable(Reason.ENGINE_FAILED, "the policy engine ended over this request")
