"""The only place that makes asyncio tasks: each has a name, is kept until it ends, and its failure is logged.

A task that nobody holds may be collected in the middle of its work; one whose exception nobody reads fails in silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

_log = logging.getLogger(__name__)
T = TypeVar("T")


class TaskGroup:
    """Tasks of one owner, cancelled together."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(
        self, work: Coroutine[Any, Any, T], name: str, *, told: type[BaseException] | None = None
    ) -> asyncio.Task[T]:
        """Start a task. ``told``: errors that are an answer to whoever waits for the task, and no failure of it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, told))
        return task

    def _ended(self, told: type[BaseException] | None, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if told is None or not isinstance(error, told):
            _log.error("task_failed", exc_info=error, extra={"task": task.get_name()})

    async def settle(self, seconds: float) -> None:
        """Give all so long to end by themselves, then cancel."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        await self.cancel()

    async def cancel(self) -> None:
        """Cancel all and wait until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
