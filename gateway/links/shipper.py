"""One sink's loop: read on in the record, send, keep the position, again. A thread of its own for each sink, so that
one which is slow or gone holds up no other; what it does not take stays in the record.

At least once: the position moves when a batch is acknowledged, and is on disk a second later at the latest; whatever
ends the process before, the entries since are sent again. They are read from segments only, and only what is synced: so
nothing is shipped that the record could lose, and nothing has to be handed over by whoever writes it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from gateway.audit.follow import Follower, Line, Position
from gateway.config_sinks import Sink as Settings
from gateway.links.positions import SinkState, read_state, write_state
from gateway.links.shipping import Pace
from gateway.links.sinks.make import kind_of
from gateway.links.sinks.sink import Sink, SinkError, at_us, readable
from gateway.sink_metrics import Trouble

_log = logging.getLogger(__name__)
_LOOK: Final = 0.2  # seconds between two looks for something new, where nobody waits for it
_SETTLE: Final = 2.0  # between two for what killed writers left
_KEEP: Final = 1.0  # between two times the position is written, and the news are told


@dataclass(slots=True)
class News:
    """What happened to a sink since it was told last."""

    sink: str
    entries: int = 0
    troubles: dict[Trouble, int] = field(default_factory=dict)
    spool: int = 0  # bytes it does not have
    behind_us: int = 0  # when the oldest entry was made that it does not have; 0: it has all
    failing: bool = False


class Shipper:
    """One sink. ``run`` until ``stop``, in a thread."""

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        sink: Sink,
        *,
        remote: bool,
        told: Callable[[News], None],
        reached: Callable[[Mapping[str, int]], None],
    ) -> None:
        """``told``: now and then; ``reached``: of every acknowledgement, with each writer's last entry. Both are called
        from the thread."""
        self._directory, self._settings, self._sink = directory, settings, sink
        self._told, self._reached = told, reached
        self._pace = Pace(settings.batch_entries, remote=remote)
        self._wake = threading.Event()
        self._stop_by: float | None = None
        self._waiting: list[Line] = []  # read, and not acknowledged
        self._state = SinkState(sink=settings.name, kind=kind_of(settings))
        self._kept = self._state  # on disk
        self._news = News(settings.name)
        self._due = self._settle_due = 0.0
        self._begun = False
        self._follower = Follower(directory, synced=True)

    def wake(self) -> None:
        """There is something new that somebody waits for. From any thread."""
        self._wake.set()

    def stop(self, within: float) -> None:
        """End when the sink has everything, or cannot take it, or so many seconds have passed. From any thread."""
        self._stop_by = time.monotonic() + within
        self._wake.set()

    def run(self) -> None:
        """Ship. Ends by ``stop`` only."""
        try:
            while True:
                stop_by = self._stop_by  # before looking: what was written before the stop is found
                found = self._attempt()
                if stop_by is not None and (not found or self._pace.failing or time.monotonic() > stop_by):
                    return
        finally:
            self._tell()
            self._sink.close()

    def _attempt(self) -> bool:
        """Ship something; False where there was nothing."""
        try:
            if not self._begun:
                self._begin()
            return self._once()
        except OSError as error:
            self._wait(self._failed(Trouble.UNREADABLE, f"{error.filename}: {error.strerror}"))
        except Exception as error:  # an edge: whatever it is, the other entries are still to be shipped
            _log.exception("ship_broken", extra={"sink": self._settings.name})
            self._wait(self._failed(Trouble.INTERNAL, type(error).__name__))
        return True

    def _begin(self) -> None:
        kept = read_state(self._directory, self._settings.name)
        if kept is not None:
            self._state = self._kept = replace(kept, kind=self._state.kind)
            self._follower = Follower(self._directory, kept.writers, synced=True)
        self._begun = True

    def _once(self) -> bool:
        """One batch, or one look in vain."""
        now = time.monotonic()
        if now >= self._settle_due:
            self._settle_due = now + _SETTLE
            self._follower.settle()
        if not self._waiting:
            self._wake.clear()  # before looking: what comes meanwhile wakes again
            self._read()
        if now >= self._due or self._stop_by is not None:
            self._due = now + _KEEP
            self._follower.look()
            self._tell()
        if self._waiting:
            self._ship(self._waiting[: self._pace.entries])
            return True
        self._wait(_LOOK)
        return False

    def _read(self) -> None:
        self._waiting = self._follower.read(lines=self._settings.batch_entries, size=self._settings.batch_bytes)
        if missing := sum(line.missing for line in self._waiting):
            _log.error("ship_entries_pruned", extra={"sink": self._settings.name, "entries": missing})
            self._count(Trouble.PRUNED)

    def _ship(self, batch: list[Line]) -> None:
        try:
            self._sink.send(batch)
        except SinkError as error:
            if error.trouble is Trouble.TOO_LARGE and len(batch) > 1:
                self._pace.failed(error.trouble, len(batch), 0.0)
                return
            if error.trouble is not Trouble.PARTLY_REFUSED:
                self._wait(self._failed(error.trouble, error.detail, error.after))
                return
            # Nobody is told that it has them: who waits for one of these is denied.
            _log.error("ship_partly_refused", extra={"sink": self._settings.name, "detail": error.detail})
            self._count(error.trouble)
            self._state = self._state.took_a_part(len(batch))
            self._passed(batch)
        else:
            self._passed(batch)
            self._reached({line.writer: line.seq for line in batch})

    def _passed(self, batch: list[Line]) -> None:
        if self._pace.failing:
            _log.info("ship_goes_on", extra={"sink": self._settings.name})
        del self._waiting[: len(batch)]
        self._pace.arrived()
        reached: dict[str, Position] = {line.writer: line.position for line in batch}
        self._state = self._state.acknowledged(reached, len(batch), time.time())
        self._news.entries += len(batch)

    def _failed(self, trouble: Trouble, detail: str, after: float = 0.0) -> float:
        if not self._pace.failing or self._state.failing is None or self._state.failing.reason is not trouble:
            _log.error("ship_failed", extra={"sink": self._settings.name, "reason": trouble, "detail": detail})
        self._count(trouble)
        wait = self._pace.failed(trouble, 1, random.random(), after)  # noqa: S311 - not a secret
        self._state = self._state.failed(trouble, detail, time.time())
        self._tell()  # who waits for it is told at once
        return wait

    def _count(self, trouble: Trouble) -> None:
        self._news.troubles[trouble] = self._news.troubles.get(trouble, 0) + 1

    def _wait(self, seconds: float) -> None:
        """So long, or until the end; until woken, where nothing is wrong."""
        until = time.monotonic() + seconds
        while self._stop_by is None and (left := until - time.monotonic()) > 0:
            woken = self._wake.wait(min(left, _KEEP))
            if not self._pace.failing and woken:
                return
            self._wake.clear()
            if self._pace.failing and time.monotonic() >= self._due:
                self._due = time.monotonic() + _KEEP
                self._tell()

    def _tell(self) -> None:
        """Keep the position, and say how it stands."""
        try:
            if self._state != self._kept:
                write_state(self._directory, self._state)
                self._kept = self._state
            self._news.spool = self._follower.unread() + sum(len(line.raw) for line in self._waiting)
        except OSError as error:
            _log.error("ship_position_not_kept", extra={"sink": self._settings.name, "detail": error.strerror})
            self._count(Trouble.UNREADABLE)
        self._news.behind_us = at_us(readable(self._waiting[0])) if self._waiting else 0
        self._news.failing = self._pace.failing
        news, self._news = self._news, News(self._settings.name)
        self._told(news)
