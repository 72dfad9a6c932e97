"""Columns are made of segments that hold, once; and go when their segments do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.audit.columns import FOLDER, forget
from gateway.errors import ConfigError
from gateway.reports.query.layout import laid_out
from tests.unit.reports.entries import completion, decision, repeat
from tests.unit.reports.query.records import count, write

NOON = "2021-03-17T12:00:00"


def entries(number: int) -> list[dict]:
    found = [decision("d-0", NOON), completion("d-0", 1, NOON)]
    for run in range(1, number):
        found += [repeat(f"d-{run}", "d-0", NOON), completion(f"d-{run}", 1, NOON)]
    return found


def lay_out(record: Path, *, keep: bool = True) -> list[tuple[int, int]]:
    """How far it went, each time that was told."""
    told: list[tuple[int, int]] = []
    with laid_out(record, keep=keep, told=lambda done, of: told.append((done, of))) as layout:
        assert len(layout.folders) == len(list(record.glob("*.jsonl")))
    return told


def folders(record: Path) -> list[Path]:
    return sorted(path for path in (record / FOLDER).iterdir() if path.is_dir())


def test_closed_segments_are_laid_out_once_and_are_the_owners_alone(tmp_path: Path) -> None:
    record = write(tmp_path / "record", entries(40), segment_bytes=4096)
    segments = len(list(record.glob("*.jsonl")))
    assert lay_out(record)[-1] == (segments, segments)
    assert len(folders(record)) == segments
    for path in (record / FOLDER).rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert lay_out(record)[-1] == (0, 0)
    write(record, entries(40), segment_bytes=4096)
    assert lay_out(record)[-1][1] > 1


def test_what_is_not_to_be_kept_leaves_nothing(tmp_path: Path) -> None:
    record = write(tmp_path / "record", entries(40), segment_bytes=4096)
    before = sorted(path.name for path in record.iterdir())
    lay_out(record, keep=False)
    assert sorted(path.name for path in record.iterdir()) == before


def test_columns_go_with_their_segment(tmp_path: Path) -> None:
    record = write(tmp_path / "record", entries(40), segment_bytes=4096)
    lay_out(record)
    first = min(record.glob("*.jsonl"))
    forget(record, "gateway", 0)
    assert not [path for path in folders(record) if path.name.startswith(first.name.removesuffix(".jsonl"))]
    lay_out(record)
    first.unlink()
    with laid_out(record, keep=True, told=lambda done, of: None) as layout:
        assert layout.notes == ("gateway: segments before 1 are not there (`sekisho audit verify` says why)",)
    assert not [path for path in folders(record) if path.name.startswith(first.name.removesuffix(".jsonl"))]


@pytest.mark.parametrize("closed", [True, False], ids=["a closed segment", "the last one"])
def test_nothing_is_told_of_a_record_that_does_not_hold(tmp_path: Path, closed: bool) -> None:
    record = write(tmp_path / "record", entries(40), segment_bytes=4096)
    segment = sorted(record.glob("*.jsonl"))[1 if closed else -1]
    segment.write_bytes(segment.read_bytes().replace(b'"rows":1', b'"rows":0', 1))
    with pytest.raises(ConfigError) as caught:
        count(record)
    assert f"{segment.name} line" in str(caught.value.problems[0])
    assert "does not continue the chain" in str(caught.value.problems[0])


def test_segments_that_do_not_follow_each_other(tmp_path: Path) -> None:
    one = write(tmp_path / "one", entries(40), segment_bytes=4096)
    other = write(tmp_path / "other", [*entries(3), *entries(40)], segment_bytes=4096)
    name = sorted(path.name for path in one.glob("*.jsonl"))[1]
    (one / name).write_bytes((other / name).read_bytes())
    with pytest.raises(ConfigError, match="does not continue the chain"):
        count(one)


def test_segment_that_is_not_what_was_laid_out_is_laid_out_anew(tmp_path: Path) -> None:
    record = write(tmp_path / "record", entries(40), segment_bytes=4096)
    lay_out(record)
    name = next(path.name for path in folders(record) if ".00000001." in path.name)
    os.rename(record / FOLDER / name, record / FOLDER / name.replace("-", "-0000").replace("0000", "", 0)[: len(name)])
    lay_out(record)
    assert count(record).sum("executions") == 40


def test_torn_end_is_no_entry(tmp_path: Path) -> None:
    record = write(tmp_path / "record", entries(5))
    segment = next(record.glob("*.jsonl"))
    with segment.open("ab") as file:
        file.write(b'{"kind":"repeat","of":"d-0"')
    assert count(record).sum("executions") == 5


def test_later_version_is_said_plainly(tmp_path: Path) -> None:
    later = [{**entry, "schema_version": 99} for entry in entries(2)]
    with pytest.raises(ConfigError, match="written by a later version"):
        count(write(tmp_path / "record", later))


def test_entry_of_another_shape_is_said_plainly(tmp_path: Path) -> None:
    odd = {**decision("a", NOON), "origin": 7, "employer": "x"}
    with pytest.raises(ConfigError, match="an entry is not as this version writes them"):
        count(write(tmp_path / "record", [odd]))


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no record in this folder"):
        count(tmp_path)
