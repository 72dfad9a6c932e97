"""How long a statement waits for its entry, by class of durability, where so many come in a second.

They come evenly, whether others wait or not, and each waits since its own moment. On a machine that does other things,
too, a disk is as slow as they make it: so every round asks the disk itself as well, a round's figure is divided by its
own disk's, and of the rounds the median counts. A machine that stops for some milliseconds, for all or for one of its
processors, holds up a hundredth of those who come in a round: its rounds are short and many, so that most are without;
beside the median stands what all of them give together, such pauses included. The disk is asked by one caller after the
other; what it alone would make those wait who come evenly, for the rest of one sync and the whole of the next, follows
from how long each took.

Who brings the entries sleeps in between, as a loop does: one that spins takes a processor from the disk's interrupts.
With timers to the microsecond, as Linux would otherwise add 50 of slack to each sleep.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from gateway.audit.full import OnDurable
from gateway.audit.ready import Repeats
from gateway.audit.writer import RecordWriter
from gateway.config import Record
from gateway.config_sinks import PostgresSink, Remote, Sink
from gateway.demo.database import DATABASE, PORT, SUPERUSER, Database
from gateway.links.remote import Remote as Acknowledged
from gateway.links.shippers import Shippers
from gateway.sink_metrics import SinkMetrics
from tests.bench.figures import Spread, spread

RATE: Final = 5_000  # entries in a second
ROUNDS: Final = 30
SEGMENT_BYTES: Final = 64 * 1024 * 1024
SESSION: Final = "s-00ff00ff"
OF: Final = "d-6a1bc2d3e4f5-1"
_SINK: Final = "table"
_PR_SET_TIMERSLACK: Final = 29  # linux/prctl.h
_TICK: Final = 0.001  # seconds between two turns of a loop with timers of milliseconds


class Waits:
    """What the rounds gave, one figure a round."""

    def __init__(self) -> None:
        self.rounds: list[Spread] = []
        self._all: list[int] = []
        self.to_disk: list[float] = []  # p99 by the disk's own p99 in that round

    def add(self, taken: Sequence[int], disk: Spread | None = None) -> None:
        """A round's nanoseconds."""
        one = spread(taken)
        self.rounds.append(one)
        self._all.extend(taken)
        if disk is not None:
            self.to_disk.append(one.p99 / disk.p99)

    @property
    def spread(self) -> Spread:
        """Of the median round."""
        return Spread(
            calls=sum(one.calls for one in self.rounds),
            p50=median(one.p50 for one in self.rounds),
            p99=median(one.p99 for one in self.rounds),
        )

    @property
    def whole(self) -> Spread:
        """Of all rounds together."""
        return spread(self._all)


def waits(seconds: float) -> dict[str, Waits]:
    """``disk``, ``alone`` (what it alone makes wait), ``written``, ``synced``, ``remote``; so many seconds each."""
    found = {name: Waits() for name in ("disk", "alone", "written", "synced", "remote")}
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-waits-") as folder:
        writer = open_writer(Path(folder) / "record")
        try:
            for _ in range(ROUNDS):
                taken = _disk(Path(folder) / "probe", seconds / ROUNDS)
                disk = spread(taken)
                found["disk"].add(taken, disk)
                found["alone"].add(_alone(taken), disk)
                found["written"].add(_come(writer, seconds / ROUNDS, synced=False), disk)
                found["synced"].add(_come(writer, seconds / ROUNDS, synced=True), disk)
        finally:
            writer.close()
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-remote-") as folder:
        Path(folder).chmod(0o711)  # the server runs as another user
        asyncio.run(_remote(Path(folder), seconds / ROUNDS, found["remote"]))
    return found


def open_writer(folder: Path) -> RecordWriter:
    """A record of its own."""
    return RecordWriter.open(folder, segment_bytes=SEGMENT_BYTES, writer="bench")


def told(error: BaseException | None) -> None:
    """Where an entry failed, the run does."""
    if error is not None:
        raise error


class _Arrivals:
    """Entries of executions that come evenly."""

    def __init__(self, writer: RecordWriter) -> None:
        self._writer, self._repeats = writer, Repeats(OF, SESSION)
        self._number, self._began = 0, perf_counter_ns()
        self.taken: list[int] = []

    def lasted(self) -> float:
        """Seconds since the first."""
        return (perf_counter_ns() - self._began) / 1e9

    def next_in(self) -> float:
        """Seconds until the next one comes."""
        return max(0.0, self._number / RATE - self.lasted())

    def come(self) -> Callable[[BaseException | None], None] | None:
        """Queue those whose moment is there: who is to be told of them, if there are any."""
        due = (perf_counter_ns() - self._began) * RATE // 1_000_000_000 + 1 - self._number
        if due <= 0:
            return None
        moments = [self._began + number * 1_000_000_000 // RATE for number in range(self._number, self._number + due)]
        for number in range(self._number, self._number + due):
            at_us = time.time_ns() // 1000
            self._writer.queue(self._repeats.text(f"d-6a1bc2d3e4f5-{number:x}", at_us, 12, ""), at_us)
        self._number += due
        return partial(self._waited, moments)

    def _waited(self, moments: list[int], error: BaseException | None) -> None:
        told(error)
        now = perf_counter_ns()
        self.taken.extend(now - moment for moment in moments)


def _come(writer: RecordWriter, seconds: float, *, synced: bool) -> list[int]:
    arrivals = _Arrivals(writer)
    _precise_timers()
    while arrivals.lasted() < seconds:
        waited = arrivals.come()
        if waited is None:
            time.sleep(arrivals.next_in())
        elif synced:
            writer.sync(waited)
        else:
            writer.flush()
            waited(None)
    settled = threading.Event()
    writer.sync(lambda error: settled.set())
    settled.wait()
    return arrivals.taken


def _precise_timers() -> None:
    """Of this thread."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def _disk(probe: Path, seconds: float) -> list[int]:
    """Nanoseconds of writes that are synced one by one."""
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    line, taken, began = b"x" * 300 + b"\n", [], perf_counter_ns()
    try:
        while (start := perf_counter_ns()) - began < seconds * 1e9:
            os.write(descriptor, line)
            os.fdatasync(descriptor)
            taken.append(perf_counter_ns() - start)
    finally:
        os.close(descriptor)
    return taken


def _alone(disk: Sequence[int]) -> list[int]:
    """The waits of those who come evenly, if nothing but the disk took time."""
    each = 1_000_000_000 // RATE
    waits: list[int] = []
    free = number = 0  # when the disk is; who comes next
    for took in disk:
        begins = max(free, number * each)
        free = begins + took
        while number * each <= begins:
            waits.append(free - number * each)
            number += 1
    return waits


# ----------------------------------------------------------------------------------------------------------- remote


async def _remote(folder: Path, seconds: float, found: Waits) -> None:
    """The same, where a table of a PostgreSQL on this machine has to have them first."""
    database = Database(folder)
    await asyncio.to_thread(database.start)
    try:
        table = PostgresSink(
            host=str(database.socket_directory),
            port=PORT,
            database=DATABASE,
            user=SUPERUSER,
            tls="disable",
            create=True,
        )
        record = Record(
            directory=folder / "record",
            name="bench",
            sinks=(Sink(name=_SINK, postgres=table),),
            remote=Remote(sink=_SINK),
        )
        writer = open_writer(record.directory)
        try:
            await _ship(record, writer, seconds, found)
        finally:
            writer.close()
    finally:
        await asyncio.to_thread(database.stop)


async def _ship(record: Record, writer: RecordWriter, seconds: float, found: Waits) -> None:
    metrics = _metrics()
    acknowledged = Acknowledged(writer, 30.0, metrics)
    shippers = Shippers(record, "error", metrics)
    acknowledged.wake, shippers.reached, shippers.ships = shippers.wake, acknowledged.reached, acknowledged.ships
    shippers.start()
    try:
        _Arrivals(writer).come()
        await _settled(writer, acknowledged)  # the process that ships has begun, and made its table
        for _ in range(ROUNDS):
            arrivals = _Arrivals(writer)
            while arrivals.lasted() < seconds:
                waited = arrivals.come()
                if waited is not None:
                    writer.sync(acknowledged.after(waited))
                await asyncio.sleep(_TICK)
            await _settled(writer, acknowledged)
            found.add(arrivals.taken)
    finally:
        await shippers.close()


async def _settled(writer: RecordWriter, acknowledged: Acknowledged) -> None:
    done = asyncio.get_running_loop().create_future()

    def settled(error: BaseException | None) -> None:
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    on_durable: OnDurable = acknowledged.after(settled)
    writer.sync(on_durable)
    await done


def _metrics() -> SinkMetrics:
    registry = CollectorRegistry()
    return SinkMetrics(
        lambda name, together, help, *labels: Gauge(f"sekisho_{name}", help, labels, registry=registry),
        registry,
        [_SINK],
    )
