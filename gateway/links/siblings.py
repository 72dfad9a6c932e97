"""What one worker of several shares with the others, through the supervisor: it is the worker's end of the line.

- The volume: rows that went out here are told to all within a millisecond, theirs are counted here. So each worker's
  count is of all together, as a limit needs it, and lags behind by less than a statement takes.
- Where people are seen, so that one in two countries is noticed whichever workers serve them; as quickly.
- Cancel keys that came to the wrong worker.
- What one of them alone can answer: `ask`.
- Counts, when somebody scrapes any of them.
- When to open the doors, and when to stop: all do it together.

A worker without its supervisor stops in good order, as after SIGTERM: alone it would neither know what the others let
out nor be started again. The same where the supervisor has been silent for too long.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from prometheus_client.metrics_core import Metric

from gateway.config import Config
from gateway.errors import Reason, SekishoError
from gateway.facts.sightings import Sighting, Sightings
from gateway.facts.volume import VolumeCounter
from gateway.gathered import Snapshot, gathered, snapshot
from gateway.links.line import Line, Word
from gateway.links.tasks import TaskGroup
from gateway.metrics import Metrics
from gateway.model import EntityId, JsonValue

_log = logging.getLogger(__name__)
# Looks in a row, a second apart, that find not a word: then a supervisor, or a worker, is taken for hung. Looks and not
# seconds: where the whole machine stood still for a while, nobody is hung.
SILENT_LOOKS: Final = 20
_LOOK: Final = 1.0
_BATCH: Final = 0.001  # seconds in which rows are told together
_ANSWER: Final = 5.0  # seconds a scrape, or a question, waits for the others
_ASKED: Final = 1024  # questions to others that wait for their answers
_UNSENT: Final = 65_536  # bytes behind which a cancel request is dropped: who floods, floods the door


class Withdrawn(Exception):
    """The start is called off: another worker could not start, or the supervisor stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a worker is started with. The configuration is the supervisor's own: a file that was changed since must not
    make one worker differ from the rest."""

    config: Config
    number: int  # from 1
    of: int
    volume: JsonValue  # a snapshot of the counter
    sightings: list[list[Any]] = field(default_factory=list)  # and of where people were seen
    again: str = ""  # how the one before it ended


class SharedVolume(VolumeCounter):
    """Counts of all workers: what is added here is told, what is heard is only added."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: Callable[[list[JsonValue]], None] | None = None
        self._untold: dict[tuple[EntityId, EntityId | None, int], int] = {}

    def add(self, controller: EntityId, entity: EntityId | None, rows: int, at: int) -> None:
        """Count rows that went out at ``at``, here and at all others. Belongs to the loop."""
        super().add(controller, entity, rows, at)
        if not self._untold:
            asyncio.get_running_loop().call_later(_BATCH, self.tell_now)
        key = controller, entity, at
        self._untold[key] = self._untold.get(key, 0) + rows

    def tell_now(self) -> None:
        """Tell what was added since the last time."""
        untold, self._untold = self._untold, {}
        if untold and self.tell is not None:
            self.tell([[*key, rows] for key, rows in untold.items()])

    def heard(self, told: list[Any]) -> None:
        """Rows that went out elsewhere."""
        for controller, entity, at, rows in told:
            super().add(controller, entity, rows, at)


class Siblings:
    """A worker's place among the others. Lives on the loop, but for the collector."""

    def __init__(self, hello: Hello) -> None:
        self.number, self.of = hello.number, hello.of
        self.writer = f"gateway-{hello.number}"  # of its chain in the record, which it goes on with when started again
        self.writers = [f"gateway-{number}" for number in range(1, hello.of + 1)]  # of all of them
        self.described = f"worker {self.number} of {self.of}" + (
            f", started again after the one before {hello.again}" if hello.again else ""
        )
        self.stopping = asyncio.Event()
        self.volume = SharedVolume.restore(hello.volume)
        self.sightings = Sightings.of(hello.config.limits)
        for plain in hello.sightings:
            self.sightings.heard(Sighting.read(plain))
        # Set by who owns them, before the doors open.
        self.cancelled: Callable[[int, bytes], object] = lambda process_id, secret: None
        self.counts: Callable[[], Snapshot] = list
        self.drained: Callable[[], object] = lambda: None
        self.shipped: Callable[[dict[str, int]], None] = lambda reached: None
        self.ships: Callable[[bool], None] = lambda ships: None
        self.asked: Callable[[Any], Awaitable[JsonValue]] = _nobody
        self._line = Line(self._heard, self._lost)
        self.volume.tell = partial(self._say, Word.VOLUME)
        self.sightings.tell = lambda sighting: self._say(Word.SIGHTED, sighting.plain())
        self._silent = 0  # looks since the last word
        self._may_open = asyncio.Event()
        self._all_open = False
        self._troubles: list[str] = []
        # From somewhere: what is answered to the worker that was here before is no answer to this one.
        self._numbers = itertools.count(secrets.randbelow(2**40))
        self._scrapes: dict[int, asyncio.Future[list[Snapshot]]] = {}
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._tasks = TaskGroup()

    async def join(self, end: socket.socket) -> None:
        """Speak with the supervisor over this end of the pair."""
        self._line = await Line.over(end, self._heard, self._lost)

    async def watch(self) -> None:
        """Stop when the supervisor is there, and silent. For ever, else."""
        while not self.stopping.is_set():
            await asyncio.sleep(_LOOK)
            self._silent += 1
            if self._silent > SILENT_LOOKS:
                _log.error("supervisor_silent", extra={"looks": SILENT_LOOKS})
                self.stopping.set()

    # -- life -----------------------------------------------------------------------------------------------------

    async def prepared(self) -> None:
        """Everything is started but the doors: wait until they may be opened. Raises Withdrawn."""
        self._line.send(Word.PREPARED)
        await self._may_open.wait()
        if self.stopping.is_set():
            raise Withdrawn

    def opened(self) -> None:
        """The doors are open."""
        self._line.send(Word.OPENED)

    def failed(self, problems: tuple[str, ...]) -> None:
        """It cannot start."""
        self._line.send(Word.FAILED, list(problems))

    async def leave(self) -> None:
        """The last word: what was counted here stays in the sums."""
        await self._tasks.cancel()
        self.volume.tell_now()
        self._line.send(Word.SNAPSHOT, self.counts())
        self._line.close()

    def waiting(self) -> list[str]:
        """For what the gateway as a whole is not ready yet."""
        return [] if self._all_open else ["not all workers have opened their doors yet"]

    def troubles(self) -> list[str]:
        """What is wrong with others of them."""
        return self._troubles

    def collector(self, metrics: Metrics) -> Gathering:
        """Of what all have counted, these here included."""
        self.counts = lambda: snapshot(metrics.registry.collect())
        return Gathering(self, metrics, asyncio.get_running_loop())

    def drain(self) -> None:
        """The others are to take nobody in any more, as this one does."""
        self._line.send(Word.DRAIN)

    # -- cancel and counts ----------------------------------------------------------------------------------------

    def ship(self) -> None:
        """A statement waits for the sink of `remote`, to which the supervisor ships."""
        self._line.send(Word.SHIP)

    def elsewhere(self, owner: int, process_id: int, secret: bytes) -> None:
        """A cancel key of another worker came in here. Nobody waits for what becomes of it."""
        if self._line.unsent < _UNSENT:
            self._line.send(Word.CANCEL, [owner, process_id, secret.hex()])

    async def ask(self, worker: int, question: JsonValue) -> Any:
        """What another worker answers (its ``asked``); None: there is none of that number now. Raises TimeoutError, and
        SekishoError where too many wait already: whoever floods is told so, and fills nobody's memory."""
        if len(self._asked) >= _ASKED:
            raise SekishoError(Reason.LIMIT_EXCEEDED, "too many requests wait for other workers of the gateway")
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_ANSWER):
                self._line.send(Word.ASKED, [worker, number, question])
                return await answer
        finally:
            del self._asked[number]

    async def _answer(self, asker: int, number: int, question: Any) -> None:
        self._line.send(Word.ANSWERED, [asker, number, await self.asked(question)])

    async def gather(self, own: Snapshot) -> list[Snapshot]:
        """What the others have counted. Raises TimeoutError."""
        self.volume.tell_now()
        number = next(self._numbers)
        answer: asyncio.Future[list[Snapshot]] = asyncio.get_running_loop().create_future()
        self._scrapes[number] = answer
        try:
            async with asyncio.timeout(_ANSWER):
                self._line.send(Word.COLLECT, [number, own])
                return await answer
        finally:
            del self._scrapes[number]

    def _say(self, word: Word, about: Any) -> None:
        self._line.send(word, about)

    # -- the line -------------------------------------------------------------------------------------------------

    def _heard(self, word: Word, about: Any) -> None:
        self._silent = 0
        match word:
            case Word.PING:
                self._line.send(Word.PONG)
            case Word.VOLUME:
                self.volume.heard(about)
            case Word.SIGHTED:
                self.sightings.heard(Sighting.read(about))
            case Word.CANCEL:
                _, process_id, secret = about
                self.cancelled(process_id, bytes.fromhex(secret))
            case Word.ASKED:
                self._tasks.spawn(self._answer(*about), "answer another worker")
            case Word.ANSWERED:
                _settle(self._asked, *about)
            case Word.DRAIN:
                self.drained()
            case Word.SNAPSHOT:
                self.volume.tell_now()
                self._line.send(Word.SNAPSHOT, self.counts())
            case Word.COLLECTED:
                _settle(self._scrapes, *about)
            case Word.SHIPPED:
                self.shipped(about)
            case Word.SHIPS:
                self.ships(about)
            case Word.STATE:
                self._all_open, self._troubles = about
            case Word.OPEN:
                self._may_open.set()
            case Word.STOP:
                self._stop()
            case _:
                raise ValueError(f"a supervisor does not say {word}")

    def _lost(self) -> None:
        if not self.stopping.is_set():
            _log.error("supervisor_lost")
        self._stop()

    def _stop(self) -> None:
        self.stopping.set()
        self._may_open.set()


def _settle(waiting: dict[int, asyncio.Future[Any]], number: int, answer: Any) -> None:
    """An answer came; who asked may wait no longer."""
    if (one := waiting.get(number)) is not None and not one.done():
        one.set_result(answer)


async def _nobody(question: Any) -> JsonValue:
    """Before anything can be answered."""
    return None


class Gathering:
    """A collector of what all workers have counted. For threads; the loop answers it."""

    def __init__(self, siblings: Siblings, metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        self._siblings = siblings
        self._metrics = metrics
        self._loop = loop

    def collect(self) -> Iterator[Metric]:
        """Every family once. Raises TimeoutError where the others cannot be asked: a part would look like a fall."""
        own = snapshot(self._metrics.registry.collect())
        asked = asyncio.run_coroutine_threadsafe(self._siblings.gather(own), self._loop)
        return gathered([own, *asked.result(2 * _ANSWER)], self._metrics.together)
