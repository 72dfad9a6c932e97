"""The record's writer: what an entry costs the loop, how many can be synced, and how long whoever waits has to wait.

Waits are measured beside the disk itself, which is asked in turns with them: on a machine that does other things, too,
a disk is as slow as they make it.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any, Final

from gateway.audit import chain
from gateway.audit.chain import canonical
from gateway.audit.ready import Completions, Repeats
from gateway.audit.record import Entry, decision_entry
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from tests.bench.figures import Spread, Table, count, shown, spread
from tests.unit.audit.test_record import DECISION, UNDERSTANDING

RATE: Final = 5_000  # entries in a second, for how long each waits
_SEGMENT_BYTES: Final = 64 * 1024 * 1024
_TICKS: Final = (1, 4, 16, 64)  # entries of one turn of the loop
_WAITING: Final = 512  # statements that wait for their entry at once
_ROUNDS: Final = 6
_SESSION: Final = "s-00ff00ff"
_OF: Final = "d-6a1bc2d3e4f5-1"


def tables(*, seconds: float) -> list[Table]:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-record-") as folder:
        root = Path(folder)
        costs = _costs(root / "costs", seconds)
        group = _groups(root / "groups", seconds)
        disk, waits = _waits(root / "waits", seconds)
    return [costs, _durable(disk, group, waits)]


# -------------------------------------------------------------------------------------------------- what it costs


def _costs(folder: Path, seconds: float) -> Table:
    """Processor time of the thread that makes and writes entries, which is the loop's."""
    writer = _writer(folder)
    repeats, completions = Repeats(_OF, _SESSION), Completions(_SESSION)
    rows: list[tuple[str, ...]] = []
    data: list[dict[str, Any]] = []

    def tell(title: str, key: str, figure: float, size: float) -> None:
        rows.append((title, shown(figure, "{:.2f}"), shown(size, "{:.0f}")))
        data.append({"way": "gateway", "entry": key, "cpu_us": round(figure, 3), "bytes": round(size)})

    try:
        for tick in _TICKS:

            def turn(number: int, tick: int = tick) -> None:
                for one in range(tick):
                    at_us = time.time_ns() // 1000
                    writer.queue(repeats.text(f"d-6a1bc2d3e4f5-{number + one:x}", at_us, 12, ""), at_us)
                writer.flush()

            before = writer.tail[0], _size(folder)
            figure = _cpu(turn, seconds / 8) / tick
            written = writer.tail[0] - before[0]
            title = f"a further execution, {tick} in one turn of the loop"
            tell(title, f"repeat_{tick}", figure, (_size(folder) - before[1]) / max(1, written))

        def ended(number: int) -> None:
            at_us = time.time_ns() // 1000
            for one in range(16):
                writer.note(completions.text(f"d-6a1bc2d3e4f5-{number + one:x}", at_us, 230, 1, 64), at_us)
            writer.flush()

        tell("its end, 16 in one turn of the loop", "completion_16", _cpu(ended, seconds / 8) / 16, 0)
        full = _full_entry(0)
        body = canonical(full)
        tell("a full entry, put together", "decision_fields", _cpu(_full_entry, seconds / 8), 0)
        tell("a full entry, made into text", "decision_text", _cpu(lambda _: canonical(full), seconds / 8), len(body))
        tell(
            "a full entry, by itself",
            "decision",
            _cpu(lambda _: writer.append(full, Durability.WRITTEN, _told), seconds / 8),
            len(chain.link(body, 1, "0" * 64)[0]),
        )
    finally:
        writer.close()
    return Table(
        name="record-cost",
        title=f"What an entry costs the loop, in its processor time ({compiled()})",
        columns=("", "cpu us", "bytes"),
        rows=tuple(rows),
        data=tuple(data),
    )


def _full_entry(number: int) -> Entry:
    return decision_entry(
        UNDERSTANDING,
        DECISION,
        at_ns=time.time_ns(),
        session=_SESSION,
        statement="SELECT phone, name FROM users WHERE id = $1",
        statement_hash="e" * 64,
        epoch="epoch",
        epoch_age_ms=12,
    )


def _cpu(call: Callable[[int], object], seconds: float) -> float:
    """Microseconds of this thread's processor time that a call takes."""
    for number in range(50):
        call(number)
    calls, end = 0, time.perf_counter() + seconds
    began = thread_time_ns()
    while time.perf_counter() < end:
        for number in range(20):
            call(number)
        calls += 20
    return (thread_time_ns() - began) / 1000 / calls


# ------------------------------------------------------------------------------------------------ how long it takes


def _groups(folder: Path, seconds: float) -> float:
    """Synced entries per second, with as many waiting at once as there is room for."""
    writer = _writer(folder)
    repeats = Repeats(_OF, _SESSION)
    room = threading.Semaphore(_WAITING // 16)
    done = [0]

    def told(error: BaseException | None) -> None:
        assert error is None
        done[0] += 16
        room.release()

    try:
        began = time.perf_counter()
        for number in itertools.count(step=16):
            if time.perf_counter() - began > seconds:
                break
            room.acquire()
            for one in range(16):  # of one turn of the loop
                at_us = time.time_ns() // 1000
                writer.queue(repeats.text(f"d-6a1bc2d3e4f5-{number + one:x}", at_us, 12, ""), at_us)
            writer.sync(told)
        return done[0] / (time.perf_counter() - began)
    finally:
        writer.close()


def _waits(folder: Path, seconds: float) -> tuple[Spread, dict[Durability, Spread]]:
    """How long the disk itself takes, and how long an entry waits where so many come in a second, evenly, whether
    others wait or not. In turns, so that all see the same disk and the same neighbours."""
    writer = _writer(folder)
    disk: list[int] = []
    waits: dict[Durability, deque[int]] = {
        durability: deque() for durability in (Durability.WRITTEN, Durability.SYNCED)
    }
    try:
        for _ in range(_ROUNDS):
            disk += _disk(folder.parent / "probe", seconds / _ROUNDS)
            for durability, taken in waits.items():
                _come(writer, durability, seconds / _ROUNDS, taken)
                _settled(writer)
    finally:
        writer.close()
    return spread(disk), {durability: spread(taken) for durability, taken in waits.items()}


def _come(writer: RecordWriter, durability: Durability, seconds: float, taken: deque[int]) -> None:
    repeats = Repeats(_OF, _SESSION)
    number, began = 0, perf_counter_ns()
    while (now := perf_counter_ns()) - began < seconds * 1e9:
        due = (now - began) * RATE // 1_000_000_000 + 1 - number
        if due <= 0:
            time.sleep(0)
            continue
        # Each waits since its own moment, also where this program was late.
        moments = [began + (number + one) * 1_000_000_000 // RATE for one in range(due)]
        for one in range(due):
            at_us = time.time_ns() // 1000
            writer.queue(repeats.text(f"d-6a1bc2d3e4f5-{number + one:x}", at_us, 12, ""), at_us)
        number += due
        if durability is Durability.WRITTEN:
            writer.flush()
            _waited(moments, taken, None)
        else:
            writer.sync(partial(_waited, moments, taken))


def _waited(moments: list[int], taken: deque[int], error: BaseException | None) -> None:
    _told(error)
    now = perf_counter_ns()
    taken.extend(now - moment for moment in moments)


def _settled(writer: RecordWriter) -> None:
    done = threading.Event()
    writer.sync(lambda error: done.set())
    done.wait()


def _durable(disk: Spread, group: float, waits: dict[Durability, Spread]) -> Table:
    rows = [
        (f"written, at {RATE} a second", waits[Durability.WRITTEN], "written", None),
        (f"synced, at {RATE} a second", waits[Durability.SYNCED], "synced", None),
        (f"synced, {_WAITING} waiting at once", None, "groups", group),
        ("the disk itself: a write and fdatasync", disk, "disk", 1e6 / disk.p50),
    ]
    return Table(
        name="record",
        title=f"How long an entry waits, and how many can be synced ({compiled()})",
        columns=("", "p50 us", "p99 us", "x disk's p99", "entries/s"),
        rows=tuple(
            (
                title,
                shown(one.p50 if one else None, "{:.0f}"),
                shown(one.p99 if one else None, "{:.0f}"),
                shown(one.p99 / disk.p99 if one else None, "{:.2f}"),
                count(rate) if rate else "-",
            )
            for title, one, _, rate in rows
        ),
        data=tuple(
            {
                "way": "gateway",
                "entry": key,
                **({"to_disk_p99": one.p99 / disk.p99, **one.data()} if one else {}),
                **({"per_second": round(rate)} if rate else {}),
            }
            for _, one, key, rate in rows
        ),
    )


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


def _writer(folder: Path) -> RecordWriter:
    return RecordWriter.open(folder, segment_bytes=_SEGMENT_BYTES, writer="bench")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.jsonl"))


def _told(error: BaseException | None) -> None:
    if error is not None:
        raise error


def compiled() -> str:
    """How the writer runs."""
    return "interpreted" if str(chain.__file__).endswith(".py") else "compiled"
