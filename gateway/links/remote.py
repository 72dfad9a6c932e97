"""Who waits for a sink to acknowledge an entry (durability `remote`), and for how long.

An entry is synced here first; then its writer's thread hands the wait over (``after``). What ships the record is woken,
reads everything synced so far in one batch, and tells how far the sink has it: so all that came together are
acknowledged together, and the next ones gather meanwhile. Where the sink is known to take nothing, nobody waits: a
statement is denied at once, until one acknowledgement comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.audit.full import OnDurable
from gateway.audit.writer import RecordWriter
from gateway.errors import Reason, RecordUnavailable
from gateway.sink_metrics import SinkMetrics, Wait

_DETAILS: Final[Mapping[Wait, str]] = {
    Wait.TIMEOUT: "the place the record is shipped to did not acknowledge the entry in time",
    Wait.DOWN: "the place the record is shipped to takes no entries",
}


def sent(remote: Remote | None, told: OnDurable) -> OnDurable:
    """What to be told of a sync instead, where it is not enough. Without a sink nothing is ever acknowledged."""
    return remote.after(told) if remote is not None else partial(_nowhere, told)


def _nowhere(told: OnDurable, error: BaseException | None) -> None:
    told(error or RecordUnavailable(Reason.RECORD_UNAVAILABLE, "no place is configured (`record.remote`) to have it"))


@dataclass(slots=True)
class _Waiting:
    seq: int
    told: OnDurable
    timer: asyncio.TimerHandle | None = None


class Remote:
    """Of one writer. Lives on the loop, but for ``after``."""

    def __init__(self, recorder: RecordWriter, seconds: float, metrics: SinkMetrics) -> None:
        self._recorder, self._seconds, self._metrics = recorder, seconds, metrics
        self._writer = recorder.synced.writer
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Waiting] = deque()  # in the order of the chain, nearly
        self._has = -1  # the last entry the sink has
        self._down = False
        self.wake: Callable[[], None] = lambda: None  # set by who ships

    def after(self, told: OnDurable) -> OnDurable:
        """What to be told of a sync instead: calls ``told`` when the sink has what was synced, or will not have it in
        time. Its answer is called from any thread."""

        def synced(error: BaseException | None) -> None:
            if error is not None:
                told(error)
                return
            self._loop.call_soon_threadsafe(self._enter, self._recorder.synced.seq, told)

        return synced

    def reached(self, reached: Mapping[str, int]) -> None:
        """The sink has acknowledged entries, up to these of each writer."""
        self._has = max(self._has, reached.get(self._writer, -1))
        # By their numbers, not by their order: two that were synced together may have come here either way round.
        later: deque[_Waiting] = deque()
        for one in self._waiting:
            if one.seq <= self._has:
                self._end(one, Wait.ACKNOWLEDGED)
            else:
                later.append(one)
        self._waiting = later

    def ships(self, ships: bool) -> None:
        """Whether the sink takes anything."""
        self._down = not ships
        if not ships:
            waiting, self._waiting = self._waiting, deque()
            for one in waiting:
                self._end(one, Wait.DOWN)

    def _enter(self, seq: int, told: OnDurable) -> None:
        one = _Waiting(seq, told)
        if seq <= self._has:
            self._end(one, Wait.ACKNOWLEDGED)
            return
        if self._down:
            self._end(one, Wait.DOWN)
            return
        one.timer = self._loop.call_later(self._seconds, self._late, one)
        self._waiting.append(one)
        self.wake()

    def _late(self, one: _Waiting) -> None:
        self._waiting.remove(one)
        self._end(one, Wait.TIMEOUT)

    def _end(self, one: _Waiting, how: Wait) -> None:
        if one.timer is not None:
            one.timer.cancel()
        self._metrics.waited(how)
        if how is Wait.ACKNOWLEDGED:
            one.told(None)
        else:
            one.told(RecordUnavailable(Reason.RECORD_UNAVAILABLE, _DETAILS[how]))
