"""A record that is asked while it grows says what it says when it is laid out whole: whatever was asked before, and
whatever happened to its files meanwhile."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audit.columns import forget
from gateway.audit.record import Entry
from gateway.audit.segments import list_segments
from gateway.audit.writer import RecordWriter
from gateway.inquiry import Looking, Reading
from gateway.model import Durability
from gateway.reports.query.ask import Record
from tests.unit.reports.entries import completion, decision, repeat

NOON = "2021-03-17T12:00:00"
ALL = Reading(what=Looking.DECISIONS)
SEGMENT = 12_000
EXECUTIONS = "SELECT id, decision, rows, bytes, duration_us, sqlstate, principal, effect FROM accesses ORDER BY ALL"


class Story:
    """One record, and what happens to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.runs = 0
        self._open()

    def _open(self) -> None:
        self.writer = RecordWriter.open(self.directory, segment_bytes=SEGMENT, writer="gateway")

    def write(self, count: int) -> None:
        """Executions, each of which ends; the end of the last one comes later, and some end twice."""
        for _ in range(count):
            run, of = self.runs, self.runs - self.runs % 7
            begun = repeat(f"d-{run}", f"d-{of}", NOON) if run != of else decision(f"d-{run}", NOON)
            ended = [completion(f"d-{run - 1}", run, NOON)] * (1 + (run % 5 == 0)) if run else []
            for entry in (begun, *ended):
                self._append(entry)
            self.runs += 1

    def _append(self, entry: Entry) -> None:
        assert self.writer.append(entry, Durability.WRITTEN, lambda error: None)

    def ask(self, _: int) -> None:
        """Twice at a time: pieces are kept, and nothing is."""
        kept, anew = (Record(self.directory, ALL, keep=keep) for keep in (True, False))
        assert _rows(kept) == _rows(anew)

    def tear(self, size: int) -> None:
        """What a crash leaves behind the last entry."""
        self.writer.close()
        with list_segments(self.directory)["gateway"][-1].path.open("ab") as file:
            file.write(b'{"kind":"repeat","of":"d-0"'[: size + 1])
        self.ask(0)

    def prune(self, _: int) -> None:
        first, *others = list_segments(self.directory)["gateway"]
        if others:
            forget(self.directory, first.writer, first.number)
            first.path.unlink()

    def again(self, _: int) -> None:
        self.writer.close()
        self._open()


def _rows(record: Record) -> list[tuple[Any, ...]]:
    with record.sql(EXECUTIONS) as answer:
        return list(answer.rows)


moves = st.lists(
    st.tuples(st.sampled_from(("write", "write", "ask", "prune", "again")), st.integers(1, 12)), min_size=3, max_size=9
)


@settings(max_examples=5, deadline=None)
@given(moves, st.integers(0, 20))
@example([("write", 5), ("ask", 0), ("write", 1), ("ask", 0), ("write", 40), ("ask", 0), ("prune", 0), ("ask", 0)], 3)
def test_pieces_say_what_the_whole_says(story: list[tuple[str, int]], torn: int) -> None:
    with TemporaryDirectory() as folder:
        told = Story(Path(folder) / "record")
        told.write(1)
        for move, count in story:
            getattr(told, move)(count)
        told.ask(0)
        told.tear(torn)
