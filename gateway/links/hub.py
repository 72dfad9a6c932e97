"""The supervisor's ends of all lines: passes on what one worker tells the others, and knows how far each has come."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, Final

from gateway.facts.sightings import Sighting, Sightings
from gateway.facts.volume import VolumeCounter
from gateway.gathered import Snapshot, counted, lasting
from gateway.links.line import Line, Word
from gateway.links.siblings import SILENT_LOOKS
from gateway.links.tasks import TaskGroup
from gateway.metrics import Metrics

_log = logging.getLogger(__name__)
_PING: Final = 1.0  # seconds between two
_SNAPSHOT: Final = 2.0  # seconds a worker has for its own; what it told last is taken then


class Phase(Enum):
    """How far a worker has come."""

    GONE = auto()
    STARTING = auto()
    PREPARED = auto()
    OPEN = auto()


@dataclass(slots=True)
class Seat:
    """One worker, as far as it is known here."""

    number: int
    phase: Phase = Phase.GONE
    line: Line | None = None
    silent: int = 0  # pings since its last word
    counts: Snapshot = field(default_factory=list)  # as told last
    problems: tuple[str, ...] = ()  # why it cannot start
    asked: list[asyncio.Future[None]] = field(default_factory=list)  # who waits for its counts

    def say(self, word: Word, about: Any = None) -> None:
        if self.line is not None:
            self.line.send(word, about)


class Hub:
    """All workers' seats. ``hung`` is called with the number of a worker that does not answer."""

    def __init__(self, workers: int, volume: VolumeCounter, sightings: Sightings, hung: Callable[[int], None]) -> None:
        self._seats = {number: Seat(number) for number in range(1, workers + 1)}
        self._volume = volume
        self._sightings = sightings
        self._hung = hung
        self._tasks = TaskGroup()
        self._open_at_once = False  # all have been prepared together once
        self._stopping = False
        self._ended: Snapshot = counted(Metrics.RESTARTS, 0)  # what those counted who are gone
        # Set by who ships the record for all of them, and counts that.
        self.ship: Callable[[], None] = lambda: None
        self.counts: Callable[[], Snapshot] = list
        self.all_prepared = asyncio.Event()
        self.all_open = asyncio.Event()

    async def seat(self, number: int, end: socket.socket) -> None:
        """A worker is started and will speak over this end."""
        seat = self._seats[number] = Seat(number, Phase.STARTING)
        seat.line = await Line.over(end, partial(self._heard, seat), partial(self._quiet, seat))
        if self._stopping:  # all the others were told already
            seat.say(Word.STOP)

    def gone(self, number: int) -> Seat:
        """It has ended: what it counted stays, what it was does not."""
        seat = self._seats[number]
        if seat.line is not None:
            seat.line.close()
        self._ended = lasting([self._ended, seat.counts])
        seat.counts = []
        seat.phase = Phase.GONE
        self._answer(seat)
        self._tell_state()
        return seat

    def started_again(self) -> None:
        """One more was started in the place of one that had ended."""
        self._ended = lasting([self._ended, counted(Metrics.RESTARTS, 1)])

    def let_open(self) -> None:
        """All are prepared: from now on each opens its doors as soon as it can."""
        self._open_at_once = True
        self._tell_all(Word.OPEN)

    def shipped(self, reached: dict[str, int]) -> None:
        """The sink of `remote` has acknowledged entries, up to these of each worker."""
        self._tell_all(Word.SHIPPED, reached)

    def ships(self, ships: bool) -> None:
        """Whether it takes any."""
        self._tell_all(Word.SHIPS, ships)

    def stop(self) -> None:
        """All drain and end."""
        self._stopping = True
        self._tell_all(Word.STOP)

    @property
    def serving(self) -> int:
        """How many have their doors open."""
        return sum(seat.phase is Phase.OPEN for seat in self._seats.values())

    async def watch(self) -> None:
        """Ask everybody for a sign of life, for ever."""
        while True:
            await asyncio.sleep(_PING)
            for seat in self._seats.values():
                # While it starts it may read a large registry, and is not expected to answer.
                seat.silent = seat.silent + 1 if seat.phase is Phase.OPEN else 0
                if seat.silent > SILENT_LOOKS:
                    seat.silent = 0
                    self._hung(seat.number)
                seat.say(Word.PING)

    async def close(self) -> None:
        """End what is under way."""
        await self._tasks.cancel()

    # -- what they say --------------------------------------------------------------------------------------------

    def _heard(self, seat: Seat, word: Word, about: Any) -> None:
        seat.silent = 0
        match word:
            case Word.PONG:
                pass
            case Word.VOLUME:
                for controller, entity, at, rows in about:
                    self._volume.add(controller, entity, rows, at)
                self._tell_all(word, about, besides=seat)
            case Word.SIGHTED:
                self._sightings.heard(Sighting.read(about))
                self._tell_all(word, about, besides=seat)
            case Word.DRAIN:
                self._tell_all(word, besides=seat)
            case Word.SHIP:
                self.ship()
            case Word.CANCEL:
                owner = self._seats.get(about[0] + 1)
                if owner is not None and owner is not seat:
                    owner.say(word, about)
            case Word.ASKED:
                to, number, question = about
                other = self._seats.get(to)
                if other is None or other is seat or other.line is None:
                    seat.say(Word.ANSWERED, [number, None])
                else:
                    other.say(word, [seat.number, number, question])
            case Word.ANSWERED:
                to, number, answer = about
                self._seats[to].say(word, [number, answer])
            case Word.COLLECT:
                number, seat.counts = about
                self._tasks.spawn(self._collect(seat, number), "collect counts")
            case Word.SNAPSHOT:
                seat.counts = about
                self._answer(seat)
            case Word.FAILED:
                seat.problems = tuple(about)
            case Word.PREPARED:
                self._reached(seat, Phase.PREPARED)
            case Word.OPENED:
                self._reached(seat, Phase.OPEN)
            case _:
                raise ValueError(f"a worker does not say {word}")

    def _quiet(self, seat: Seat) -> None:
        """The line is lost; that the process has ended is told by the kernel."""
        seat.line = None
        self._answer(seat)

    def _reached(self, seat: Seat, phase: Phase) -> None:
        seat.phase = phase
        phases = [one.phase for one in self._seats.values()]
        if phase is Phase.PREPARED and self._open_at_once:
            seat.say(Word.OPEN)
        if all(one in (Phase.PREPARED, Phase.OPEN) for one in phases):
            self.all_prepared.set()
        if all(one is Phase.OPEN for one in phases):
            self.all_open.set()
        self._tell_state()

    def _tell_state(self) -> None:
        missing = [seat.number for seat in self._seats.values() if seat.phase is not Phase.OPEN]
        troubles = [f"worker {number} has ended and is started again" for number in missing]
        self._tell_all(Word.STATE, [self.all_open.is_set(), troubles if self.all_open.is_set() else []])

    def _tell_all(self, word: Word, about: Any = None, *, besides: Seat | None = None) -> None:
        for seat in self._seats.values():
            if seat is not besides:
                seat.say(word, about)

    # -- counts ---------------------------------------------------------------------------------------------------

    async def _collect(self, asker: Seat, number: int) -> None:
        """Ask all others and answer with what is then known of each, taken at one moment: so nobody is counted twice
        who ends meanwhile, and nothing goes back where one is too slow to answer."""
        others = [seat for seat in self._seats.values() if seat is not asker and seat.line is not None]
        waiting = [self._ask(seat) for seat in others]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=_SNAPSHOT)
            if late:
                _log.warning("worker_counts_late", extra={"workers": len(late)})
        asker.say(Word.COLLECTED, [number, [*self._counts(asker), self._ended, self.counts()]])

    def _counts(self, asker: Seat) -> Iterable[Snapshot]:
        return (seat.counts for seat in self._seats.values() if seat is not asker)

    def _ask(self, seat: Seat) -> asyncio.Future[None]:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        seat.asked.append(answered)
        seat.say(Word.SNAPSHOT)
        return answered

    def _answer(self, seat: Seat) -> None:
        asked, seat.asked = seat.asked, []
        for one in asked:
            if not one.done():
                one.set_result(None)
