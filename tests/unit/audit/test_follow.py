"""Following a record that is written, rotated, torn, pruned and joined by others while somebody reads it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from gateway.audit.chain import canonical, link
from gateway.audit.checkpoint import checkpoint_path
from gateway.audit.follow import Follower, Line, Position
from gateway.audit.segments import segment_path
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from tests.unit.audit.chains import WRITER, lay, never, open_writer, repeat, sample, sample_lines, write_record
from tests.unit.audit.growing import grows_when_its_end_is_read

ALL = [line for lines in sample()[0] for line in lines]


def everything(follower: Follower, **bounds: int) -> list[Line]:
    found: list[Line] = []
    while batch := follower.read(**bounds):
        found += batch
    return found


def lay_out(directory: Path) -> Path:
    return lay(directory, [list(lines) for lines in sample_lines()])


def raws(lines: list[Line]) -> list[bytes]:
    return [line.raw for line in lines]


def test_every_entry_once_and_in_order(tmp_path: Path) -> None:
    follower = Follower(lay_out(tmp_path))
    found = everything(follower)
    assert raws(found) == ALL
    assert [line.seq for line in found] == list(range(len(ALL)))
    assert {line.missing for line in found} == {0}
    assert found[1].entry["decision_id"] == "d0"
    assert follower.read() == []
    assert follower.positions[WRITER].seq == len(ALL) - 1


@pytest.mark.parametrize("at", [1, 100, -1])
def test_a_line_that_is_seen_in_parts_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A write that is under way is seen by others as far as it has come: the end of it may come between two reads."""
    *before, last = ALL[:5]
    segment = lay(tmp_path, [[*before, last[:at]]]) / segment_path(tmp_path, WRITER, 0).name

    def grow() -> None:
        with open(segment, "ab") as file:
            file.write(last[at:])

    grows_when_its_end_is_read(monkeypatch, segment, grow)
    follower = Follower(tmp_path)
    found = everything(follower) + everything(follower)
    assert raws(found) == [*before, last]
    assert {line.missing for line in found} == {0}


@pytest.mark.parametrize("bounds", [{"lines": 1}, {"size": 1}, {"lines": 7}, {"size": 1000}])
def test_a_batch_is_bounded(tmp_path: Path, bounds: dict[str, int]) -> None:
    follower = Follower(lay_out(tmp_path))
    first = follower.read(**bounds)
    assert len(first) <= bounds.get("lines", len(first))
    assert sum(map(len, raws(first[:-1]))) < bounds.get("size", 1 << 30)
    assert raws(first + everything(follower, **bounds)) == ALL


@pytest.mark.parametrize("known", [True, False])
def test_from_any_position_as_kept_or_by_its_number_only(tmp_path: Path, known: bool) -> None:
    lay_out(tmp_path)
    follower = Follower(tmp_path)
    for number in range(len(ALL)):
        (line,) = follower.read(lines=1)
        kept = follower.positions if known else {WRITER: Position(line.seq)}
        assert raws(everything(Follower(tmp_path, kept))) == ALL[number + 1 :]


def test_a_kept_place_that_is_not_so_any_more_is_looked_for(tmp_path: Path) -> None:
    lay_out(tmp_path)
    follower = Follower(tmp_path)
    last = follower.read(lines=20)[-1]
    for segment, offset in ((0, 5), (1, 10_000_000), (7, 12)):
        kept = Position(last.seq, last.hash, segment, offset)
        assert raws(everything(Follower(tmp_path, {WRITER: kept}))) == ALL[20:]


@pytest.mark.parametrize("seq", [3, 10_000])
def test_another_chain_in_the_folder_is_read_from_its_beginning(tmp_path: Path, seq: int) -> None:
    lay_out(tmp_path)
    assert raws(everything(Follower(tmp_path, {WRITER: Position(seq, "e" * 64)}))) == ALL


def test_what_is_behind_the_end_is_waited_for(tmp_path: Path) -> None:
    assert everything(Follower(lay_out(tmp_path), {WRITER: Position(10_000)})) == []


def test_from_the_end_there_is_only_what_comes(tmp_path: Path) -> None:
    write_record(tmp_path, 10)
    follower = Follower.from_end(tmp_path)
    assert follower.read() == []
    record = open_writer(tmp_path)
    record.append(repeat(11), Durability.WRITTEN, never)
    assert [line.entry["decision_id"] for line in follower.read()] == ["d11"]
    record.close()
    write_record(tmp_path, 1, writer="other")
    follower.look()
    assert [line.writer for line in follower.read()] == ["other", "other"]


@pytest.mark.parametrize("start", [0, 5])
def test_pruned_segments_are_passed_over_and_told(tmp_path: Path, start: int) -> None:
    lay_out(tmp_path)
    follower = Follower(tmp_path)
    if start:
        follower.read(lines=start)
    segment_path(tmp_path, WRITER, 0).unlink()
    gone = len(sample_lines()[0])
    found = everything(follower if start else Follower(tmp_path))
    assert raws(found) == ALL[gone:]
    assert [line.missing for line in found[:2]] == [gone - start, 0]


def test_lines_that_are_no_entries_are_not_handed_on_and_missed(tmp_path: Path) -> None:
    lines = [list(segment) for segment in sample_lines()]
    lines[0][3] = b"what?\n"
    lines[0][4] = link(canonical({"kind": "x"}), 10**18, "0" * 64)[0].replace(b'"kind":"x"', b'"kind":"y"')
    lines[0][5] = b"x" * (5 * 1024 * 1024) + b"\n"
    found = everything(Follower(lay(tmp_path, lines)))
    assert raws(found) == ALL[:3] + ALL[6:]
    assert found[3].missing == 3


def test_an_entry_that_is_no_object_parses_to_nothing() -> None:
    assert Line("gw", 0, "", b"[]\n").entry == Line("gw", 0, "", b"{\n").entry == {}


def test_no_writer_waits_for_the_backlog_of_another(tmp_path: Path) -> None:
    for writer in ("a", "b", "c"):
        write_record(tmp_path, 30, writer=writer)
    follower = Follower(tmp_path)
    assert {follower.read(lines=5)[0].writer for _ in range(3)} == {"a", "b", "c"}


def test_unread_bytes_are_those_behind_the_positions(tmp_path: Path) -> None:
    follower = Follower(lay_out(tmp_path))
    assert follower.unread() == sum(map(len, ALL))
    follower.read(lines=25)
    assert follower.unread() == sum(map(len, ALL[25:]))
    everything(follower)
    assert follower.unread() == 0
    assert Follower(tmp_path, follower.positions).unread() == 0


def test_only_what_is_synced_where_that_is_asked(tmp_path: Path) -> None:
    lay_out(tmp_path)
    record = open_writer(tmp_path)
    synced = Follower(tmp_path, synced=True)
    assert raws(everything(synced)) == ALL
    record.append(repeat(100), Durability.WRITTEN, never)
    assert len(everything(Follower(tmp_path))) == len(ALL) + 1
    record.close()  # which syncs
    assert [line.seq for line in everything(synced)] == [len(ALL)]


def _abandoned(directory: Path) -> None:
    """What a process that was killed leaves behind: entries written, and not synced."""
    lay_out(directory)
    lines, _ = link(canonical(repeat(100)), len(ALL), read_hash(ALL[-1]))
    with segment_path(directory, WRITER, len(sample_lines()) - 1).open("ab") as file:
        file.write(lines + b'{"at_us":1')


def read_hash(raw: bytes) -> str:
    return raw[-67:-3].decode()


def test_what_a_killed_writer_left_is_synced_when_nobody_does(tmp_path: Path) -> None:
    _abandoned(tmp_path)
    follower = Follower(tmp_path, synced=True)
    assert raws(everything(follower)) == ALL
    follower.settle()
    assert everything(follower) == []  # its writer may still be at work
    follower.settle()
    assert [line.seq for line in everything(follower)] == [len(ALL)]
    follower.settle()


def test_an_unreadable_checkpoint_holds_nothing_back_for_ever(tmp_path: Path) -> None:
    lay_out(tmp_path)
    checkpoint_path(tmp_path, WRITER).write_bytes(b"nonsense")
    follower = Follower(tmp_path, synced=True)
    assert everything(follower) == []
    follower.settle()
    follower.settle()
    assert raws(everything(follower)) == ALL


def test_the_end_is_found_behind_a_long_torn_rest(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    record.append(repeat(1), Durability.WRITTEN, never)
    before = checkpoint_path(tmp_path, WRITER).read_bytes()
    record.close()
    checkpoint_path(tmp_path, WRITER).write_bytes(before)  # as a crash leaves it
    with segment_path(tmp_path, WRITER, 0).open("ab") as file:
        file.write(b"x" * 300_000)
    follower = Follower.from_end(tmp_path)
    assert follower.positions[WRITER].seq == 1
    record = open_writer(tmp_path)  # marks the rest, in a segment of its own
    record.append(repeat(100), Durability.WRITTEN, never)
    assert [line.entry["kind"] for line in everything(follower)] == ["segment_head", "torn_tail", "repeat"]
    record.close()


def test_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / f"{WRITER}.00000000.jsonl").write_bytes(b"")
    (tmp_path / "other.00000000.jsonl").write_bytes(b'{"half')
    for follower in (Follower(tmp_path), Follower.from_end(tmp_path), Follower(tmp_path, synced=True)):
        assert follower.read() == []
        follower.settle()
    assert Follower(tmp_path / ".").unread() == len(b'{"half')


def test_reading_holds_a_batch_and_not_the_record(tmp_path: Path) -> None:
    record = RecordWriter.open(tmp_path, segment_bytes=1 << 24, writer=WRITER)
    for number in range(400):
        record.append(repeat(number) | {"padding": "x" * 20_000}, Durability.WRITTEN, never)
    record.close()
    follower = Follower(tmp_path)
    tracemalloc.start()
    read = 0
    while batch := follower.read(size=200_000):
        read += len(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == 401
    assert peak < 1_500_000


@pytest.mark.parametrize("size", [1, 300, 5000, 1 << 20])
def test_last_bytes_of_every_writer_from_whole_entries_on(tmp_path: Path, size: int) -> None:
    write_record(tmp_path, 60, writer="a")
    write_record(tmp_path, 2, writer="b")
    whole = everything(Follower(tmp_path))
    last = everything(Follower.of_last(tmp_path, size))
    for writer in ("a", "b"):
        every, lines = ([line for line in found if line.writer == writer] for found in (whole, last))
        assert lines == every[len(every) - len(lines) :]
        assert sum(len(line.raw) for line in lines) <= size or len(lines) == len(every)
        assert len(lines) == len(every) or sum(len(line.raw) for line in every[-len(lines) - 1 :]) >= size
    assert Follower.of_last(tmp_path / "..", size).read() == []
