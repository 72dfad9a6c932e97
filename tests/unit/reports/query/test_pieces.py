"""A segment that grows is laid out piece by piece; few stay, and none goes that somebody may be reading."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.columns import FOLDER
from gateway.audit.segments import list_segments
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from gateway.reports.query.layout import laid_out
from gateway.reports.query.pieces import asking, plan
from tests.unit.reports.entries import completion, decision, repeat
from tests.unit.reports.query.records import count

NOON = "2021-03-17T12:00:00"


class Growing:
    """A record that is asked while it is written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.writer = RecordWriter.open(directory, segment_bytes=1 << 20, writer="gateway")
        self.runs = 0

    def write(self, runs: int) -> None:
        for run in range(self.runs, self.runs + runs):
            entry = repeat(f"d-{run}", "d-0", NOON) if run else decision("d-0", NOON)
            for one in (entry, completion(f"d-{run}", 1, NOON)):
                assert self.writer.append(one, Durability.WRITTEN, lambda error: None)
        self.runs += runs

    def ask(self) -> None:
        assert count(self.directory).sum("executions") == self.runs
        assert count(self.directory).sum("rows") == self.runs

    def pieces(self) -> list[Path]:
        return sorted(path for path in (self.directory / FOLDER).iterdir() if path.is_dir())


def test_only_what_is_new_is_laid_out(tmp_path: Path) -> None:
    record = Growing(tmp_path / "record")
    record.write(100)
    record.ask()
    (first,) = record.pieces()
    made = first.stat().st_ctime_ns
    record.write(5)
    record.ask()
    assert first in record.pieces()
    assert first.stat().st_ctime_ns == made
    assert len(record.pieces()) == 2
    for _ in range(12):
        record.write(3)
        record.ask()
    assert first in record.pieces()
    with asking(record.directory):
        pass
    assert len(record.pieces()) <= 6
    record.write(200)
    record.ask()
    record.ask()
    assert len(record.pieces()) == 1
    record.writer.close()


def test_nothing_is_taken_away_that_somebody_reads(tmp_path: Path) -> None:
    record = Growing(tmp_path / "record")
    record.write(10)
    with laid_out(record.directory, keep=True, told=lambda done, of: None) as layout:
        record.write(30)
        record.ask()
        assert all(folder.is_dir() for folder in layout.folders), "laid out together with others since then"
        assert len(record.pieces()) > 1
    record.ask()
    assert len([path for path in record.pieces() if ".asked-" not in path.name]) == 1
    record.writer.close()


def test_pieces_of_a_segment_that_ended_become_one(tmp_path: Path) -> None:
    record = Growing(tmp_path / "record")
    for runs in (40, 4, 1):
        record.write(runs)
        record.ask()
    record.writer.close()
    record.writer = RecordWriter.open(record.directory, segment_bytes=4096, writer="gateway")
    record.write(1)  # into another segment
    record.ask()
    record.writer.close()
    segments = list_segments(record.directory)
    assert [len(work.kept) for work in plan(record.directory, segments)] == [1, 1]
    record.ask()
    assert len(record.pieces()) == 2
