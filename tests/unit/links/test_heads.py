"""Heads are signed when segments end, at intervals, at the end, and for chains that nobody has open."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.damage import BadKind
from gateway.audit.heads import read_heads
from gateway.audit.verify import verify
from gateway.audit.writer import RecordWriter
from gateway.links.heads import HeadKeeper
from gateway.model import Durability
from tests.unit.audit.chains import WRITER, forge, never, open_writer, repeat, segment_name
from tests.unit.audit.signing import keys, signer


def _keeper(directory: Path, record: RecordWriter, others: bool = True) -> HeadKeeper:
    return HeadKeeper(directory, record, signer(), interval=60, live=[WRITER], others=others)


def _beside(directory: Path, count: int, segment_bytes: int = 4096) -> None:
    record = RecordWriter.open(directory, segment_bytes=segment_bytes, writer="operator", beside=True)
    _write(record, count)
    record.close()


def _heads(directory: Path, writer: str = WRITER) -> list[tuple[int, int, bool]]:
    heads, wrong = read_heads(directory, writer)
    assert not wrong
    assert [one.head.number for one in heads] == list(range(len(heads)))
    return [(one.head.segment, one.head.last_seq, one.head.closed) for one in heads]


def _write(record: RecordWriter, count: int) -> None:
    for number in range(count):
        record.append(repeat(number), Durability.WRITTEN, never)


def test_ends_of_segments_and_the_end_are_signed(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    keeper = _keeper(tmp_path, record)
    _write(record, 40)
    keeper.look(interval=False)
    ends = _heads(tmp_path)
    assert len(ends) >= 2
    assert all(closed for _, _, closed in ends)
    keeper.look(interval=False)
    assert _heads(tmp_path) == ends, "each once"
    _write(record, 2)
    record.close()
    keeper.look(interval=True)
    report = verify(tmp_path, keys=keys())
    assert report.ok, report
    assert report.signed == report.entries
    again = open_writer(tmp_path)
    later = _keeper(tmp_path, again)
    later.look(interval=True)
    assert len(_heads(tmp_path)) == len(ends) + 1, "nothing new to speak of"
    _write(again, 3)
    again.close()
    later.look(interval=True)
    report = verify(tmp_path, keys=keys())
    assert report.signed == report.entries
    path = tmp_path / f"{WRITER}.heads.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert [bad.kind for bad in verify(tmp_path, keys=keys()).bad] == [BadKind.HEAD_MISSING], "segments are unsigned"


def test_chains_that_nobody_has_open_are_signed_by_the_first(tmp_path: Path) -> None:
    _beside(tmp_path, 30)
    record = open_writer(tmp_path)
    _write(record, 1)
    _keeper(tmp_path, record, others=False).look(interval=True)
    assert _heads(tmp_path, "operator") == []
    keeper = _keeper(tmp_path, record)
    keeper.look(interval=True)
    first = _heads(tmp_path, "operator")
    assert [last for _, last, _ in first] == [verify(tmp_path).entries - 2 - 1]
    _beside(tmp_path, 5)
    keeper.look(interval=True)
    assert len(_heads(tmp_path, "operator")) == 2
    record.close()
    keeper.look(interval=True)
    assert verify(tmp_path, keys=keys()).ok


def test_a_chain_that_does_not_go_on_from_its_head_is_not_signed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _beside(tmp_path, 5, 1 << 20)
    record = open_writer(tmp_path)
    keeper = _keeper(tmp_path, record)
    keeper.look(interval=True)
    _beside(tmp_path, 5, 1 << 20)
    path = tmp_path / segment_name(0).replace(WRITER, "operator")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], forge(lines[3], session="another"), *lines[4:]]))
    keeper.look(interval=True)
    assert len(_heads(tmp_path, "operator")) == 1
    assert [one.message for one in caplog.records].count("head_refused") == 1
    record.close()


def test_what_cannot_be_kept_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = open_writer(tmp_path)
    _write(record, 1)
    record.close()
    (tmp_path / f"{WRITER}.heads.jsonl").mkdir()
    keeper = _keeper(tmp_path, record)
    keeper.look(interval=True)
    keeper.look(interval=True)
    assert [one.message for one in caplog.records].count("head_not_signed") == 1
