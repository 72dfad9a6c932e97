"""Entries of one turn of the loop, written by one call: whoever has one waits for it, and all of them go on together.

The loop hands out what has arrived on all connections, one after the other; what these do without waiting they have
done when the turn ends. So the entries of all statements that came meanwhile cost one ``write``, and nobody waits for
longer than the others' turn. Where it was one alone the last time, and nobody has come for a while, whoever comes now
is taken to be alone as well, and waits for no turn at all.

Entries that nobody waits for (completions) go with the next write of any, and in any case within ``LONGEST_WAIT``.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from time import perf_counter
from typing import Final, Protocol

from gateway.audit.full import OnDurable
from gateway.audit.writer import RecordWriter
from gateway.errors import RecordUnavailable
from gateway.links.remote import Remote, sent
from gateway.metrics import Metrics
from gateway.model import Door, Durability
from gateway.reuse import Repeat

_log = logging.getLogger(__name__)
LONGEST_WAIT: Final = 0.02  # seconds
_ALONE_AFTER: Final = 100_000  # nanoseconds without a statement: more than lies between two of a busy loop


class Waiter(Protocol):
    """Who has an entry in this turn."""

    def written(self) -> None:
        """It is as durable as it has to be: go on."""

    def unwritten(self) -> None:
        """It is not, and will not be."""

    def failed(self) -> None:
        """Going on failed in a way that nobody foresaw."""


class Turn:
    """The turn that is on. Lives on the loop."""

    def __init__(self, recorder: RecordWriter, metrics: Metrics, remote: Remote | None = None) -> None:
        self._recorder, self._remote = recorder, remote
        self._counted = {durability: metrics.repetitions(Door.POSTGRES, durability) for durability in Durability}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on = False
        self._began = 0.0
        self._written: list[Waiter] = []
        self._synced: list[Waiter] = []
        self._elsewhere: list[Waiter] = []  # those of durability `remote`
        self._notes = 0
        self._noted = False  # a timer sees to what nobody waits for
        self._last_ns = 0  # when the last statement came
        self._crowd = 0  # how many the last write was for

    def enter(self, waiter: Waiter, repeat: Repeat) -> None:
        """An entry that somebody waits for."""
        self._recorder.queue(repeat.entry, repeat.at_ns // 1000)
        durability = repeat.standing.verdict.durability
        alone = self._crowd <= 1 and repeat.at_ns - self._last_ns > _ALONE_AFTER
        self._last_ns = repeat.at_ns
        if durability is Durability.REMOTE:
            self._elsewhere.append(waiter)
        else:
            (self._synced if durability is Durability.SYNCED else self._written).append(waiter)
        if self._on:
            return
        loop = self._running()
        self._began = perf_counter()
        if alone:
            self._end()
        else:
            self._on = True
            loop.call_soon(self._end)

    def note(self, entry: str, at_us: int) -> None:
        """An entry that nobody waits for (a completion)."""
        self._recorder.note(entry, at_us)
        self._notes += 1
        if not self._noted:
            self._noted = True
            self._running().call_later(LONGEST_WAIT, self._settle)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _settle(self) -> None:
        """What nobody waits for has waited long enough."""
        self._noted = False
        if self._notes and not self._on:  # else the turn's end is about to do it
            crowd = self._crowd
            self._end()
            self._crowd = crowd

    def _end(self) -> None:
        written, synced, elsewhere, notes = self._written, self._synced, self._elsewhere, self._notes
        self._on, self._written, self._synced, self._elsewhere, self._notes = False, [], [], [], 0
        self._crowd = len(written) + len(synced) + len(elsewhere)
        try:
            self._recorder.flush()
            if synced or elsewhere:
                self._recorder.sync(self._told(synced, elsewhere))
        except RecordUnavailable as error:
            # Each asks for its entry by itself then, and is denied; a completion's loss is told here.
            if notes:
                _log.error("entry_not_written", extra={"kind": "completion", "detail": error.detail, "entries": notes})
            _tell(written, error)
            _tell(synced, error)
            _tell(elsewhere, error)
            return
        if written:
            self._counted[Durability.WRITTEN].count(perf_counter() - self._began, len(written))
            _tell(written, None)

    def _told(self, synced: list[Waiter], elsewhere: list[Waiter]) -> OnDurable:
        """What to be called with when all of this turn is on disk: by one call, which fails for all of them or none."""
        here = partial(self._from_thread, synced, self._began, Durability.SYNCED)
        if not elsewhere:
            return here
        there = sent(self._remote, partial(self._from_thread, elsewhere, self._began, Durability.REMOTE))

        def both(error: BaseException | None) -> None:
            here(error)
            there(error)

        return both

    def _from_thread(
        self, waiters: list[Waiter], began: float, durability: Durability, error: BaseException | None
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._on_disk, waiters, began, durability, error)

    def _on_disk(
        self, waiters: list[Waiter], began: float, durability: Durability, error: BaseException | None
    ) -> None:
        if error is None and waiters:
            self._counted[durability].count(perf_counter() - began, len(waiters))
        _tell(waiters, error)


def _tell(waiters: list[Waiter], error: BaseException | None) -> None:
    for waiter in waiters:
        try:
            if error is None:
                waiter.written()
            else:
                waiter.unwritten()
        except Exception:  # an edge: what fails for one must not keep the others waiting
            _log.exception("connection_failed")
            waiter.failed()
