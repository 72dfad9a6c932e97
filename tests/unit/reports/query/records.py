"""Records on disk for questions about them, made of the entries of `tests.unit.reports.entries`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gateway.audit.record import Entry
from gateway.audit.writer import MIN_SEGMENT_BYTES, RecordWriter
from gateway.inquiry import Looking, Reading
from gateway.model import Durability
from gateway.reports.query.ask import Answer, Record, one_question
from gateway.reports.query.layout import laid_out
from gateway.reports.query.questions import BY_DEFAULT, Accesses, counting, listing
from gateway.reports.query.views import opened

ALL = Reading(what=Looking.DECISIONS)


def write(directory: Path, entries: Iterable[Entry], *, segment_bytes: int = 1 << 20, writer: str = "gateway") -> Path:
    recorder = RecordWriter.open(directory, segment_bytes=max(segment_bytes, MIN_SEGMENT_BYTES), writer=writer)
    for entry in entries:
        assert recorder.append(entry, Durability.WRITTEN, lambda error: None)
    recorder.close()
    return directory


class Counted:
    """All of an answer, taken out while there is a connection."""

    def __init__(self, answer: Answer) -> None:
        self.names, self.rows = answer.names, list(answer.rows)
        self.total, self.notes = answer.total, answer.notes

    def column(self, name: str) -> list[Any]:
        return [row[self.names.index(name)] for row in self.rows]

    def sum(self, name: str) -> Any:
        assert self.total is not None
        return self.total[self.names.index(name)]


class Open:
    """A record that many questions are put to, at the cost of one."""

    def __init__(self, directory: Path, reading: Reading = ALL, *, free: bool = False) -> None:
        self._held = ExitStack()
        layout = self._held.enter_context(laid_out(directory, keep=True, told=lambda done, of: None))
        self.connection = self._held.enter_context(opened(layout, reading, free=free))

    def count(self, by: Iterable[str] = BY_DEFAULT, **wanted: Any) -> list[tuple[Any, ...]]:
        """The groups, and last the sums."""
        first, second = counting(Accesses(**wanted), by)
        self.connection.execute("DROP TABLE IF EXISTS counted")
        self.connection.execute(first.sql, dict(first.given))
        return [row[1:] for row in self.connection.execute(second.sql, dict(second.given)).fetchall()]

    def listed(self, **wanted: Any) -> list[tuple[Any, ...]]:
        question = listing(Accesses(**wanted), 100)
        return self.connection.execute(question.sql, dict(question.given)).fetchall()

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        one_question(self.connection, text)
        return self.connection.execute(text).fetchall()

    def close(self) -> None:
        self._held.close()


def count(directory: Path, *, by: Iterable[str] = BY_DEFAULT, reading: Reading = ALL, **wanted: Any) -> Counted:
    with Record(directory, reading).count(Accesses(**wanted), by) as answer:
        return Counted(answer)


def listed(directory: Path, most: int = 100, *, reading: Reading = ALL, **wanted: Any) -> Counted:
    with Record(directory, reading).list(Accesses(**wanted), most) as answer:
        return Counted(answer)


def sql(directory: Path, text: str, *, reading: Reading = ALL) -> Counted:
    with Record(directory, reading).sql(text) as answer:
        return Counted(answer)
