from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit.checkpoint import Checkpoint, read_checkpoint
from gateway.audit.damage import BadKind
from gateway.audit.verify import Report, iter_entries, verify
from gateway.model import Durability
from tests.unit.audit.chains import (
    START_NS,
    WRITER,
    claims,
    forge,
    lay,
    never,
    open_writer,
    repeat,
    sample,
    sample_lines,
    segment_name,
    write_record,
)


def _first(report: Report) -> tuple[BadKind, str, int | None]:
    assert not report.ok
    assert report.first_bad is not None
    return report.first_bad.kind, report.first_bad.segment, report.first_bad.seq


def _state(checkpoint: Checkpoint) -> bytes:
    content, offset = checkpoint.slot()
    return content if offset == 0 else b" " * 512 + content


def test_whole_record(tmp_path: Path) -> None:
    lines = sample_lines()
    report = verify(lay(tmp_path, lines))
    assert report == Report(entries=sum(map(len, lines)), segments=len(lines), writers=1)
    assert report.ok
    assert report.first_bad is None


def test_several_writers(tmp_path: Path) -> None:
    write_record(tmp_path, 5, writer="a")
    write_record(tmp_path, 5, writer="b")
    assert verify(tmp_path) == Report(entries=12, segments=2, writers=2)
    (tmp_path / "b.00000000.jsonl").write_bytes(b"")
    assert _first(verify(tmp_path)) == (BadKind.CUT, "b.00000000.jsonl", 0)


def test_cut_at_the_end(tmp_path: Path) -> None:
    lines = sample_lines()
    seq = claims(lines[-1].pop())["seq"]
    assert _first(verify(lay(tmp_path, lines))) == (BadKind.CUT, segment_name(len(lines) - 1), seq)


def test_cut_within_the_last_line_is_no_torn_tail(tmp_path: Path) -> None:
    lines = sample_lines()
    seq = claims(lines[-1][-1])["seq"]
    lines[-1][-1] = lines[-1][-1][:-20]
    assert _first(verify(lay(tmp_path, lines))) == (BadKind.CUT, segment_name(len(lines) - 1), seq)


def test_newest_segment_gone(tmp_path: Path) -> None:
    lines = sample_lines()
    seq = claims(lines.pop()[0])["seq"]
    assert _first(verify(lay(tmp_path, lines))) == (BadKind.SEGMENT_MISSING, segment_name(len(lines)), seq)


def test_all_segments_gone(tmp_path: Path) -> None:
    assert _first(verify(lay(tmp_path, []))) == (BadKind.SEGMENT_MISSING, segment_name(0), 0)


def test_last_entry_rewritten(tmp_path: Path) -> None:
    lines = sample_lines()
    seq = claims(lines[-1][-1])["seq"]
    lines[-1][-1] = forge(lines[-1][-1], session="s2")
    assert _first(verify(lay(tmp_path, lines))) == (BadKind.REWRITTEN, segment_name(len(lines) - 1), seq)


def test_entry_added_after_the_end(tmp_path: Path) -> None:
    lines = sample_lines()
    last = claims(lines[-1][-1])
    added = forge(lines[-1][-1], seq=last["seq"] + 1, prev=last["hash"])
    lines[-1].append(added)
    assert _first(verify(lay(tmp_path, lines)))[0::2] == (BadKind.INSERTED, last["seq"] + 1)


def test_rest_added_after_the_end(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[-1].append(b"{")
    assert _first(verify(lay(tmp_path, lines)))[0] is BadKind.INSERTED


def test_entries_beyond_the_checkpoint_of_a_writer_that_crashed_are_fine(tmp_path: Path) -> None:
    lines = sample_lines()
    fifth = claims(lines[0][4])
    state = Checkpoint(writer=WRITER, generation=2, segment=0, seq=4, hash=fifth["hash"])
    assert verify(lay(tmp_path, lines, _state(state))).ok
    other = replace(state, hash="e" * 64)
    assert _first(verify(lay(tmp_path, lines, _state(other)))) == (BadKind.REWRITTEN, segment_name(0), 4)


def test_record_of_a_writer_at_work_is_whole(tmp_path: Path) -> None:
    write_record(tmp_path, 3)
    record = open_writer(tmp_path)
    record.append(repeat(4), Durability.WRITTEN, never)
    assert verify(tmp_path).ok
    record.close()
    assert verify(tmp_path) == Report(entries=5, segments=1, writers=1)


def test_checkpoint_missing(tmp_path: Path) -> None:
    lay(tmp_path, sample_lines())
    (tmp_path / f"{WRITER}.head.json").unlink()
    assert _first(verify(tmp_path)) == (BadKind.CHECKPOINT_MISSING, f"{WRITER}.head.json", None)


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 1024])
def test_checkpoint_unreadable(tmp_path: Path, content: bytes) -> None:
    report = verify(lay(tmp_path, sample_lines(), content))
    assert _first(report) == (BadKind.CHECKPOINT_UNREADABLE, f"{WRITER}.head.json", None)
    assert report.entries == sum(map(len, sample_lines()))


def test_break_comes_before_a_missing_checkpoint(tmp_path: Path) -> None:
    lines = sample_lines()
    del lines[0][3]
    assert _first(verify(lay(tmp_path, lines, b"")))[0] is BadKind.DELETED


def test_clock_going_back(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    for seconds in (100, 200, 139, 141, 200):
        entry = repeat(1) | {"at_us": START_NS // 1000 + seconds * 1_000_000}
        record.append(entry, Durability.WRITTEN, never)
    record.close()
    report = verify(tmp_path)
    assert _first(report) == (BadKind.CLOCK_BACK, segment_name(0), 3)
    assert len(report.bad) == 1
    assert verify(tmp_path, clock_tolerance_s=61).ok


def test_break_comes_before_a_clock_step(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    for seconds in (900, 100, 200, 300):
        record.append(repeat(1) | {"at_us": seconds * 1_000_000}, Durability.WRITTEN, never)
    record.close()
    path = tmp_path / segment_name(0)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    assert [bad.kind for bad in verify(tmp_path).bad] == [BadKind.DELETED, BadKind.CLOCK_BACK]


def test_empty_folder(tmp_path: Path) -> None:
    assert _first(verify(tmp_path)) == (BadKind.EMPTY, "", None)


def test_opened_and_never_written(tmp_path: Path) -> None:
    open_writer(tmp_path).close()
    assert _first(verify(tmp_path)) == (BadKind.EMPTY, "", None)


def test_no_folder(tmp_path: Path) -> None:
    assert _first(verify(tmp_path / "none"))[0] is BadKind.UNREADABLE


def test_unreadable_segment(tmp_path: Path) -> None:
    lay(tmp_path, sample_lines())
    # a folder of that name: unreadable for every user, where a mode of 000 is not for root
    (tmp_path / segment_name(1)).unlink()
    (tmp_path / segment_name(1)).mkdir()
    assert _first(verify(tmp_path)) == (BadKind.UNREADABLE, segment_name(1), None)


def test_checkpoint_that_is_a_folder(tmp_path: Path) -> None:
    lay(tmp_path, sample_lines())
    (tmp_path / f"{WRITER}.head.json").unlink()
    (tmp_path / f"{WRITER}.head.json").mkdir()
    assert _first(verify(tmp_path)) == (BadKind.UNREADABLE, f"{WRITER}.head.json", None)


def test_truncated_file_at_every_length(tmp_path: Path) -> None:
    lines = sample_lines()
    newest = b"".join(lines[-1])
    lay(tmp_path, lines)
    for length in range(0, len(newest), 97):
        (tmp_path / segment_name(len(lines) - 1)).write_bytes(newest[:length])
        kind, segment, seq = _first(verify(tmp_path))
        whole = newest[:length].count(b"\n")
        assert (kind, segment, seq) == (
            BadKind.CUT,
            segment_name(len(lines) - 1),
            claims(lines[-1][0])["seq"] + whole,
        )


def test_entries_are_read_in_order_and_nothing_is_passed_over(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][2] = b"what?\n"
    lines[-1].append(b'{"torn":')
    entries = list(iter_entries(lay(tmp_path, lines)))
    assert len(entries) == sum(map(len, sample()[0]))
    assert entries[0]["kind"] == "segment_head"
    assert entries[2] == {"kind": "unreadable_line", "segment": segment_name(0), "line": 3}
    assert [entry["seq"] for entry in entries[3:]] == list(range(3, len(entries)))


def test_checkpoint_of_the_sample_is_closed(tmp_path: Path) -> None:
    state = read_checkpoint(lay(tmp_path, []), WRITER)
    assert state is not None
    assert state.closed
