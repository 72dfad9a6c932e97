"""The gateway's end of what ships its record: starts the process, starts it again when it ends, counts what it tells.

The gateway itself, or the supervisor of its workers, has one; a gateway without sinks has none, and nothing of this
is loaded. Statements do not wait for any of it, but for those of durability `remote` (`gateway.links.remote`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from gateway.config import Record
from gateway.links import offspring
from gateway.links.line import Line, Word
from gateway.links.ship_process import LAST, Task
from gateway.links.sinks.make import require_libraries
from gateway.links.tasks import TaskGroup
from gateway.sink_metrics import SinkMetrics, Trouble

_log = logging.getLogger(__name__)
_PROGRAM: Final = "import sys; from gateway.links.ship_process import main; sys.exit(main())"
_SHORTEST: Final = 0.1  # seconds before a process that ended is started again; twice as long each time
_LONGEST: Final = 15.0
_STEADY: Final = 10.0  # seconds after which it counts as one that runs
_TICK: Final = 1.0

Reached = dict[str, int]


class Shippers:
    """All that ships one record. Lives on the loop."""

    def __init__(
        self,
        record: Record,
        log_level: str,
        metrics: SinkMetrics,
    ) -> None:
        """Raises ConfigError where a library is not installed."""
        require_libraries(record.sinks)
        self._task = Task(record=record, log_level=log_level)
        self._metrics = metrics
        # Set by who waits: the sink of `remote` has entries, up to these of each writer; whether it takes any.
        self.reached: Callable[[Reached], None] = lambda reached: None
        self.ships: Callable[[bool], None] = lambda ships: None
        self._remote = None if record.remote is None else record.remote.sink
        self._spool = {sink.name: 0 for sink in record.sinks}
        self._behind_us = {sink.name: 0 for sink in record.sinks}
        self._tasks = TaskGroup()
        self._line: Line | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._closing = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ship."""
        self._keeping = self._tasks.spawn(self._keep(), "keep shipping")
        self._tasks.spawn(self._tick(), "measure shipping")

    def wake(self) -> None:
        """Somebody waits for the sink of `remote`."""
        if self._line is not None:
            self._line.send(Word.SHIP)

    async def close(self) -> None:
        """Ship what is left, for a moment, and end."""
        self._closing.set()
        if self._line is not None:
            self._line.close()
        if self._keeping is not None:
            _, late = await asyncio.wait([self._keeping], timeout=3 * LAST)
            if late and self._process is not None:
                _log.error("ship_process_killed")
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        await self._tasks.cancel()

    async def _keep(self) -> None:
        failures = 0
        while not self._closing.is_set():
            began = time.monotonic()
            code = await self._run()
            self._line = None
            if self._closing.is_set():
                return
            self._lost()
            failures = 0 if time.monotonic() - began >= _STEADY else failures + 1
            wait = min(_LONGEST, _SHORTEST * 2.0 ** min(failures, 16))
            _log.error("ship_process_ended", extra={"code": code, "again_in": wait})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._closing.wait()

    async def _run(self) -> int:
        process, ours = await offspring.start(_PROGRAM)
        self._process = process
        self._line = await Line.over(ours, self._heard, lambda: None)
        await offspring.hand_over(process, self._task)
        if self._closing.is_set():
            self._line.close()
        return await process.wait()

    def _lost(self) -> None:
        """The process is gone: from now on every sink falls behind."""
        self.ships(False)
        now_us = time.time_ns() // 1000
        for sink, behind in self._behind_us.items():
            self._metrics.failed(sink, Trouble.INTERNAL)
            self._behind_us[sink] = behind or now_us

    def _heard(self, word: Word, about: Any) -> None:
        match word:
            case Word.SHIPPED:
                self.ships(True)
                self.reached(about)
            case Word.SINK:
                self._news(**about)
            case _:
                raise ValueError(f"what ships the record does not say {word}")

    def _news(
        self, sink: str, entries: int, troubles: dict[str, int], spool: int, behind_us: int, failing: bool
    ) -> None:
        self._metrics.shipped(sink, entries)
        for why, times in troubles.items():
            self._metrics.failed(sink, Trouble(why), times)
        self._spool[sink], self._behind_us[sink] = spool, behind_us
        self._measure(sink)
        if sink == self._remote:
            self.ships(not failing)

    def _measure(self, sink: str) -> None:
        behind = self._behind_us[sink]
        lag = max(0.0, time.time() - behind / 1e6) if behind else 0.0
        self._metrics.behind(sink, spool=self._spool[sink], lag=lag)

    async def _tick(self) -> None:
        """The lag grows by itself, also while nobody says anything."""
        while True:
            for sink in self._spool:
                self._measure(sink)
            await asyncio.sleep(_TICK)
