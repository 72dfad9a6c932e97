"""How long questions to a record of ten million entries take, and what it takes to lay it out for them, once; and how
long it takes to verify it.

The record is one of two workers, as a gateway writes it: one decision in full for each hundred executions, each of
which ends. Its lines are chained, and made as fast as they can be, by the gateway's own builders.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, Self

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.checkpoint import Checkpoint, checkpoint_path
from gateway.audit.columns import FOLDER
from gateway.audit.damage import SEGMENT_HEAD
from gateway.audit.ready import Completions, Repeats
from gateway.audit.record import SCHEMA_VERSION, Entry
from gateway.audit.segments import segment_path
from gateway.audit.verify import verify
from gateway.inquiry import Looking, Reading
from gateway.links.helpers import helpers_for, helping
from gateway.reports.query.ask import Record
from gateway.reports.query.questions import BY_DEFAULT, Accesses
from tests.bench.figures import Table
from tests.unit.reports.entries import decision

ENTRIES: Final = 10_000_000
_WRITERS: Final = 2
_RUNS: Final = 100  # of each statement
_SEGMENT: Final = 64 * 1024 * 1024
_START_US: Final = 1_790_000_000_000_000
_STEP_US: Final = 1000
_TOGETHER: Final = 4000  # lines a write
_PEOPLE: Final = (("li", "line-cn", "CN", "CN"), ("sato", "line-jp", "JP", "JP"), ("wang", "dalian", "CN", "CN"))
_TYPES: Final = (("user.contact.phone_number",), ("user.name", "user.contact.email"), ("user.payment",), ())
_QUESTIONS: Final = (
    ("by origin, employer, data types, effect", Accesses(), BY_DEFAULT),
    ("who, what, from where (CN, people of JP)", Accesses(country="CN", subject_country="JP"), None),
    ("denials by month and rule", Accesses(effect="deny"), ("month", "rule")),
)
_LINE: Final = ("principal", "country", "data-type")


def tables(*, rounds: int, entries: int = ENTRIES) -> Iterator[Table]:
    """The one table."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-query-") as folder:
        directory = Path(folder) / "record"
        directory.mkdir()
        share, writers = entries // _WRITERS, [f"w{number}" for number in range(_WRITERS)]
        with ProcessPoolExecutor(_WRITERS) as pool:
            list(pool.map(write, [directory] * _WRITERS, writers, [share] * _WRITERS))
        yield _asked(directory, entries, min(rounds, 3))


def write(directory: Path, writer: str, entries: int) -> None:
    """The chain of one worker."""
    lines = _Lines(directory, writer)
    number = ids = 0
    while lines.seq < entries:
        who, entity, law, place = _PEOPLE[number % len(_PEOPLE)]
        session, id_ = f"{writer}-{number // 4}", f"d-6a3f2c1{writer}-{ids:x}"
        entry = decision(
            id_,
            "2026-09-21T14:13:20",
            who=who,
            entity=entity,
            law=law,
            at=place,
            types=_TYPES[number % len(_TYPES)],
            session=session,
            allowed=number % 5 != 0,
        )
        lines.put(canonical({**entry, "at_us": lines.at_us}))
        number, ids = number + 1, ids + 1
        if entry["effect"] == "deny":
            continue
        repeats, completions = Repeats(id_, session), Completions(session)
        lines.put(completions.text(id_, lines.at_us + 900, 900, 3, 240))
        for _ in range(_RUNS):
            again = f"d-6a3f2c1{writer}-{ids:x}"
            ids += 1
            lines.put(repeats.text(again, lines.at_us, 120, ""))
            lines.put(completions.text(again, lines.at_us + 700, 700, 7, 560))
    lines.end()


class _Lines:
    """Segments, written line by line without a sync."""

    def __init__(self, directory: Path, writer: str) -> None:
        self._directory, self._writer = directory, writer
        self._segment, self._size, self._prev = -1, _SEGMENT, GENESIS
        self._waiting: list[bytes] = []
        self.seq, self.at_us = 0, _START_US

    def put(self, body: str) -> None:
        if self._size >= _SEGMENT:
            self.close()
            self._segment, self._size = self._segment + 1, 0
            head: Entry = {"kind": SEGMENT_HEAD, "writer": self._writer, "segment": self._segment}
            head |= {"schema_version": SCHEMA_VERSION, "at_us": self.at_us}
            self._line(canonical(head))
        self._line(body)
        self.at_us += _STEP_US
        if len(self._waiting) >= _TOGETHER:
            self.close()

    def _line(self, body: str) -> None:
        line, self._prev = link(body, self.seq, self._prev)
        self.seq += 1
        self._size += len(line)
        self._waiting.append(line)

    def close(self) -> None:
        if self._waiting:
            with segment_path(self._directory, self._writer, self._segment).open("ab") as file:
                file.writelines(self._waiting)
            self._waiting.clear()

    def end(self) -> None:
        """As a gateway that stops."""
        self.close()
        content, offset = Checkpoint(
            writer=self._writer, segment=self._segment, seq=self.seq - 1, hash=self._prev, closed=True
        ).slot()
        checkpoint_path(self._directory, self._writer).write_bytes(bytes(offset) + content)


def _asked(directory: Path, entries: int, rounds: int) -> Table:
    record = Record(directory, Reading(what=Looking.DECISIONS))
    first = _counted(record, Accesses(), BY_DEFAULT)
    taken = [("laying out, and the first question", first)]
    for title, wanted, by in _QUESTIONS:
        taken.append((title, min(_counted(record, wanted, by or _LINE) for _ in range(rounds))))
    with _Clock() as clock, record.list(Accesses(principal="li"), 20) as answer:
        assert len(list(answer.rows)) == 20
    taken.append(("the last 20 of one person", clock.taken))
    with _Clock() as clock, record.sql("SELECT count(*), sum(rows) FROM accesses") as answer:
        ((count, _),) = answer.rows
    taken.append(("SQL: all accesses with their decisions", clock.taken))
    for title, jobs in (("verify, one process", 1), ("verify, a process for each processor", None)):
        with _Clock() as clock, helping(helpers_for(directory, jobs)) as helpers:
            report = verify(directory, helpers=helpers)
        assert report.ok, report
        assert report.entries >= entries
        taken.append((title, clock.taken))
    segments = sum(path.stat().st_size for path in directory.glob("*.jsonl"))
    columns = sum(path.stat().st_size for path in (directory / FOLDER).rglob("*") if path.is_file())
    return Table(
        name="record-query",
        title=f"Questions to a record of {entries:,} entries",
        columns=("", "seconds", "of processors"),
        rows=tuple((title, f"{wall:.2f}", f"{cpu:.2f}") for title, (wall, cpu) in taken),
        data=tuple({"what": title, "seconds": wall, "cpu_seconds": cpu} for title, (wall, cpu) in taken),
        notes=(
            f"{count:,} executions; segments {segments >> 20:,} MB, laid out by columns {columns >> 20:,} MB.",
            "A segment is laid out when it is first asked about; of the last of each writer what is new since then.",
        ),
    )


class _Clock:
    """Seconds that passed, and seconds of all processors."""

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), _processors()
        return self

    def __exit__(self, *_: object) -> None:
        self.taken = time.perf_counter() - self._began[0], _processors() - self._began[1]


def _processors() -> float:
    """Seconds of this process and of those that it has started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _counted(record: Record, wanted: Accesses, by: tuple[str, ...]) -> tuple[float, float]:
    with _Clock() as clock, record.count(wanted, by) as answer:
        assert list(answer.rows)
    return clock.taken
