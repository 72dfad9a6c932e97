"""Segments that were pruned are told from segments that are lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit.damage import Bad, BadKind, Begin
from gateway.audit.record import Entry
from gateway.audit.segments import list_segments
from gateway.audit.tombstones import Tombstone, beginning, read_tombstones
from gateway.audit.verify import verify
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from tests.unit.audit.chains import START_NS, WRITER, Lines, claims, lay, never, sample_lines, segment_name
from tests.unit.audit.signing import keys, signer


def stones(lines: Lines) -> list[Tombstone]:
    return [
        Tombstone(
            writer=WRITER,
            segment=index,
            first_seq=claims(segment[0])["seq"],
            last_seq=claims(segment[-1])["seq"],
            prev=claims(segment[0])["prev"],
            hash=claims(segment[-1])["hash"],
            entries=len(segment),
            bytes=sum(map(len, segment)),
            from_us=1,
            until_us=2,
        )
        for index, segment in enumerate(lines)
    ]


def _pruned(directory: Path, count: int, buried: list[Tombstone] | None = None, signed: bool = False) -> Path:
    """The sample without its first segments, and what operators said of them."""
    lines = sample_lines()
    lay(directory, [None if index < count else segment for index, segment in enumerate(lines)])
    record = RecordWriter.open(directory, segment_bytes=1 << 20, writer="operator", beside=True)
    for one in stones(lines)[:count] if buried is None else buried:
        entry = one.entry(START_NS // 1000, "os:me", "10 years", signer() if signed else None)
        record.append(entry, Durability.WRITTEN, never)
    record.close()
    return directory


@pytest.mark.parametrize("count", [1, 2])
def test_pruned_segments_are_no_loss(tmp_path: Path, count: int) -> None:
    report = verify(_pruned(tmp_path, count))
    assert report.ok, report
    assert report.pruned == count


def test_a_pruning_that_did_not_come_to_its_end_is_no_loss(tmp_path: Path) -> None:
    assert verify(_pruned(tmp_path, 1, stones(sample_lines())[:2])).ok


def test_what_is_missing_beyond_it_is_lost(tmp_path: Path) -> None:
    report = verify(_pruned(tmp_path, 2, stones(sample_lines())[:1]))
    assert report.first_bad is not None
    assert (report.first_bad.kind, report.first_bad.segment) == (BadKind.SEGMENT_MISSING, segment_name(1))
    assert report.pruned == 0, "what is lost is not called pruned"


def test_a_tombstone_of_other_entries_does_not_hide_a_loss(tmp_path: Path) -> None:
    first = stones(sample_lines())[0]
    for number, wrong in enumerate([replace(first, hash="e" * 64), replace(first, last_seq=first.last_seq - 1)]):
        report = verify(_pruned(tmp_path / str(number), 1, [wrong]))
        assert not report.ok


def test_with_a_key_only_signed_ones_count(tmp_path: Path) -> None:
    kinds = [bad.kind for bad in verify(_pruned(tmp_path / "a", 1), keys=keys()).bad]
    assert BadKind.SEGMENT_MISSING in kinds
    kinds = [bad.kind for bad in verify(_pruned(tmp_path / "b", 1, signed=True), keys=keys()).bad]
    assert BadKind.SEGMENT_MISSING not in kinds
    kinds = [bad.kind for bad in verify(_pruned(tmp_path / "c", 1, signed=True), keys=keys(2)).bad]
    assert BadKind.SEGMENT_MISSING in kinds


def test_what_is_no_tombstone_is_passed_over() -> None:
    entries: list[Entry] = [
        {"kind": "pruned"},
        {"kind": "pruned", "pruned": {"writer": "x"}},
        {"kind": "decision", "pruned": {}},
        stones(sample_lines())[0].entry(1, "me", "", None),
    ]
    assert [*read_tombstones(entries, None)] == [WRITER]
    unsigned = read_tombstones(entries, keys())
    assert unsigned == {}


def test_the_beginning(tmp_path: Path) -> None:
    lines = sample_lines()
    segments = list_segments(lay(tmp_path, [None, *lines[1:]]))[WRITER]
    one, two, *_ = stones(lines)
    assert beginning(segments, {0: one}) == Begin(1, one.last_seq + 1, one.hash)
    assert isinstance(beginning(segments, {}), Bad)
    assert isinstance(beginning(segments, {0: two}), Bad)
