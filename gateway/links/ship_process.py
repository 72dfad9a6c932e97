"""The process that ships the record: a thread for each sink, and a line to the gateway that started it.

A process of its own, so that no sink's library, however it behaves, and no backlog takes time or memory from
statements. One for a gateway, however many workers it has: it reads every chain in the folder, also of workers and
commands that are gone. Where its gateway ends, however it ends, it ships what is left for a moment, and ends; the next
one's begins where its positions are. A lock keeps two from shipping at the same time.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import pickle
import platform
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from gateway import logs
from gateway.audit.folder import FolderLock
from gateway.config import Record
from gateway.links.line import Line, Word
from gateway.links.shipper import News, Shipper
from gateway.links.sinks.make import make_sink

_log = logging.getLogger(__name__)
LAST: Final = 5.0  # seconds in which what is left is shipped at the end
_LOCK: Final = "ship.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the process is started with."""

    record: Record
    log_level: str


class Shipping:
    """All sinks of a record."""

    def __init__(self, task: Task, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        self._loop, self._ended = loop, ended
        self._line: Line | None = None
        record = task.record
        name = record.name or platform.node()
        remote = None if record.remote is None else record.remote.sink
        self._shippers = [
            Shipper(
                record.directory,
                sink,
                make_sink(sink, name),
                remote=sink.name == remote,
                told=partial(self._from_thread, self._told),
                reached=partial(self._from_thread, self._reached) if sink.name == remote else _nobody,
            )
            for sink in record.sinks
        ]
        self._remote = [
            shipper for shipper, sink in zip(self._shippers, record.sinks, strict=True) if sink.name == remote
        ]

    async def run(self, end: socket.socket) -> None:
        """Until the gateway ends."""
        self._line = await Line.over(end, self._heard, self._ended.set)
        threads = [threading.Thread(target=one.run, name="ship", daemon=True) for one in self._shippers]
        for thread in threads:
            thread.start()
        await self._ended.wait()
        for shipper in self._shippers:
            shipper.stop(LAST)
        for thread in threads:
            await asyncio.to_thread(thread.join, 2 * LAST)
        self._line.close()

    def _heard(self, word: Word, about: Any) -> None:
        if word is not Word.SHIP:
            raise ValueError(f"to what ships the record nobody says {word}")
        for shipper in self._remote:
            shipper.wake()

    def _from_thread(self, what: Any, about: Any) -> None:
        self._loop.call_soon_threadsafe(what, about)

    def _told(self, news: News) -> None:
        if self._line is not None:
            self._line.send(Word.SINK, asdict(news))

    def _reached(self, reached: Mapping[str, int]) -> None:
        if self._line is not None:
            self._line.send(Word.SHIPPED, reached)


def _nobody(reached: Mapping[str, int]) -> None:
    """Nobody waits for this one."""


async def ship(task: Task, end: socket.socket) -> None:
    """Ship until the gateway ends."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    lock = FolderLock()
    try:
        # That of a gateway before this one may still be shipping what is left.
        await asyncio.to_thread(partial(lock.take, task.record.directory / _LOCK, fcntl.LOCK_EX, wait=True))
        await Shipping(task, loop, ended).run(end)
    finally:
        lock.close()


def main() -> int:
    """What `gateway.links.shippers` starts."""
    try:
        task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the gateway itself
    except EOFError:  # it ended in the very moment
        return 0
    logs.configure(task.log_level, sys.stderr)
    with socket.socket(fileno=int(sys.argv[1])) as end:
        asyncio.run(ship(task, end))
    return 0
