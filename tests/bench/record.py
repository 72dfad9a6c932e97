"""The record's writer: what an entry costs the loop, how many can be synced, and how long whoever waits has to wait
(`tests.bench.record_waits`)."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any, Final

from gateway.audit import chain
from gateway.audit.chain import canonical
from gateway.audit.ready import Completions, Repeats
from gateway.audit.record import Entry, decision_entry
from gateway.model import Durability
from tests.bench.figures import Table, count, shown
from tests.bench.record_waits import OF, RATE, ROUNDS, SESSION, Waits, open_writer, told, waits
from tests.unit.audit.test_record import DECISION, UNDERSTANDING

_TICKS: Final = (1, 4, 16, 64)  # entries of one turn of the loop
_WAITING: Final = 512  # statements that wait for their entry at once


def tables(*, seconds: float) -> list[Table]:
    """All of it."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-record-") as folder:
        root = Path(folder)
        costs = _costs(root / "costs", seconds)
        group = _groups(root / "groups", seconds)
    return [costs, _durable(group, waits(seconds))]


# -------------------------------------------------------------------------------------------------- what it costs


def _costs(folder: Path, seconds: float) -> Table:
    """Processor time of the thread that makes and writes entries, which is the loop's."""
    writer = open_writer(folder)
    repeats, completions = Repeats(OF, SESSION), Completions(SESSION)
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
            _cpu(lambda _: writer.append(full, Durability.WRITTEN, told), seconds / 8),
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
        session=SESSION,
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
    writer = open_writer(folder)
    repeats = Repeats(OF, SESSION)
    room = threading.Semaphore(_WAITING // 16)
    done = [0]

    def group_told(error: BaseException | None) -> None:
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
            writer.sync(group_told)
        return done[0] / (time.perf_counter() - began)
    finally:
        writer.close()


def _durable(group: float, found: Mapping[str, Waits]) -> Table:
    titles = {
        "written": f"written, at {RATE} a second",
        "synced": f"synced, at {RATE} a second",
        "remote": f"in a table of PostgreSQL, too, at {RATE} a second",
        "disk": "the disk itself: a write and fdatasync",
        "alone": f"what it alone makes wait, at {RATE} a second",
    }
    rows: list[tuple[str, ...]] = []
    data: list[dict[str, Any]] = []
    for key, title in titles.items():
        one, whole = found[key].spread, found[key].whole
        to_disk = median(found[key].to_disk) if found[key].to_disk else None
        rows.append((title, f"{one.p50:.0f}", f"{one.p99:.0f}", shown(to_disk), f"{whole.p99:.0f}", "-"))
        ratios = {"to_disk_p99": to_disk} if to_disk else {}
        data.append({"way": "gateway", "entry": key, **one.data(), **ratios, "all_p99_us": round(whole.p99, 2)})
    rows.append((f"synced, {_WAITING} waiting at once", "-", "-", "-", "-", count(group)))
    data.append({"way": "gateway", "entry": "groups", "per_second": round(group)})
    return Table(
        name="record",
        title=f"How long an entry waits, and how many can be synced ({compiled()})",
        columns=("", "p50 us", "p99 us", "x disk's p99", "p99 of all", "entries/s"),
        rows=tuple(rows),
        data=tuple(data),
        notes=(f"Of the median round of {ROUNDS}; of all: pauses of the machine, which a few rounds have, included.",),
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.jsonl"))


def compiled() -> str:
    """How the writer runs."""
    return "interpreted" if str(chain.__file__).endswith(".py") else "compiled"
