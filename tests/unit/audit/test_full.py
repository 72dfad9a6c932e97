"""Disks without room: what landed, what is refused, what is owed, and that it goes on when there is room again."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.chain import canonical
from gateway.audit.damage import GAP
from gateway.audit.full import Full, Landed, is_full, landed
from gateway.audit.segments import FileCalls
from gateway.audit.verify import iter_entries, verify
from gateway.audit.writer import RecordWriter
from gateway.errors import RecordUnavailable
from gateway.model import Durability
from tests.unit.audit.chains import START_NS, WRITER, never, repeat

LONG = 10.0


class Room:
    """A file system with so many bytes left; it takes what it can, and then says that it is full."""

    def __init__(self, left: int = 1 << 30) -> None:
        self._left, self._lock = left, threading.Lock()  # the writer's own thread looks for room meanwhile
        self.calls = FileCalls(write=self.write)

    @property
    def left(self) -> int:
        return self._left

    @left.setter
    def left(self, left: int) -> None:
        with self._lock:
            self._left = left

    def write(self, fd: int, data: bytes) -> int:
        with self._lock:
            if not self._left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = os.write(fd, data[: self._left])
            self._left -= written
            return written


def _open(directory: Path, room: Room, segment_bytes: int = 1 << 20) -> RecordWriter:
    return RecordWriter.open(directory, segment_bytes=segment_bytes, writer=WRITER, calls=room.calls)


def _until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(int(LONG * 100)):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("in vain")


def _ids(directory: Path) -> list[object]:
    return [one["decision_id"] for one in iter_entries(directory) if one["kind"] == "repeat"]


def _gaps(directory: Path) -> list[dict]:
    return [dict(one) for one in iter_entries(directory) if one["kind"] == GAP]


def _refused(record: RecordWriter, number: int, durability: Durability = Durability.WRITTEN) -> None:
    with pytest.raises(RecordUnavailable):
        record.append(repeat(number), durability, never)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_what_passes_by_itself_is_a_full_disk(number: int) -> None:
    assert is_full(OSError(number, "no"))
    assert not is_full(OSError(errno.EIO, "no"))


@pytest.mark.parametrize("left", [0, 1, 150, 400])
def test_nothing_of_a_failed_write_is_taken_for_written_and_it_goes_on(tmp_path: Path, left: int) -> None:
    """Whether nothing, a part of a line, or some of several lines landed."""
    room = Room()
    record = _open(tmp_path, room)
    record.append(repeat(0), Durability.WRITTEN, never)
    room.left = left
    for number in (1, 2, 3):
        record.queue(canonical(repeat(number)), START_NS // 1000)
    with pytest.raises(RecordUnavailable):
        record.flush()
    assert not record.healthy
    _refused(record, 4, Durability.SYNCED)
    assert verify(tmp_path).ok
    room.left = 1 << 30
    _until(lambda: record.healthy)  # by itself: a gateway that is not ready is asked for nothing
    assert record.append(repeat(5), Durability.WRITTEN, never)
    record.close()
    report = verify(tmp_path)
    assert report.ok, report
    whole = _ids(tmp_path)
    assert whole[0] == "d0"
    assert whole[-1] == "d5"
    assert "d4" not in whole
    (gap,) = _gaps(tmp_path)
    assert gap["refused"] == 4 - (len(whole) - 2)
    assert gap["lost"] == 0
    assert [torn.marked for torn in report.torn_tails] == ([] if left == 0 else [True])


def test_what_nobody_waits_for_is_owed(tmp_path: Path) -> None:
    room = Room()
    record = _open(tmp_path, room)
    record.append(repeat(0), Durability.WRITTEN, never)
    room.left = 0
    record.note(canonical(repeat(1)), START_NS // 1000)
    assert not record.append(repeat(2), Durability.SYNCED, never, owed=True)
    _refused(record, 3)
    assert not record.append(repeat(4), Durability.WRITTEN, never, owed=True)
    room.left = 1 << 30
    _until(lambda: record.healthy)
    record.close()
    assert _ids(tmp_path) == ["d0", "d1", "d2", "d4"]
    assert _gaps(tmp_path)[0]["refused"] == 1
    assert verify(tmp_path).ok


def test_who_is_patient_waits_for_room(tmp_path: Path) -> None:
    room, told, gone = Room(), threading.Event(), threading.Event()
    errors: list[BaseException | None] = []

    def callback(error: BaseException | None) -> None:
        errors.append(error)
        told.set()

    def left(error: BaseException | None) -> None:
        gone.set()

    record = _open(tmp_path, room)
    record.append(repeat(0), Durability.WRITTEN, never)
    room.left = 0
    _refused(record, 1)
    assert not record.append(repeat(2), Durability.WRITTEN, callback, patient=True)
    assert not record.append(repeat(3), Durability.SYNCED, left, patient=True)
    assert record.withdraw(left)
    assert not record.withdraw(left)
    room.left = 1 << 30
    assert told.wait(LONG)
    assert errors == [None]
    assert not record.withdraw(callback)
    record.close()
    assert not gone.is_set()
    assert _ids(tmp_path) == ["d0", "d2"]


def test_the_end_does_not_wait_for_room(tmp_path: Path) -> None:
    room = Room()
    errors: list[BaseException | None] = []
    record = _open(tmp_path, room)
    record.append(repeat(0), Durability.WRITTEN, never)
    room.left = 30
    _refused(record, 1)
    record.append(repeat(2), Durability.WRITTEN, errors.append, patient=True)
    record.close()
    assert [type(error) for error in errors] == [RecordUnavailable]
    assert verify(tmp_path).ok
    again = _open(tmp_path, Room())
    again.append(repeat(5), Durability.WRITTEN, never)
    again.close()
    assert _ids(tmp_path) == ["d0", "d5"]
    assert [torn.marked for torn in verify(tmp_path).torn_tails] == [True]


def test_segment_that_finds_no_room_is_begun_later(tmp_path: Path) -> None:
    room = Room()
    record = _open(tmp_path, room)
    room.left = 10
    _refused(record, 0)
    room.left = 1 << 30
    _until(lambda: record.healthy)
    record.append(repeat(1), Durability.WRITTEN, never)
    record.close()
    assert _ids(tmp_path) == ["d1"]
    assert verify(tmp_path).ok


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=6), st.booleans())
def test_wherever_it_is_full(tmp_path_factory: pytest.TempPathFactory, rooms: list[int], rotates: bool) -> None:
    """Room comes and goes, at any byte: what was said to be written is there, the rest of it is told, the chain is
    whole."""
    directory = tmp_path_factory.mktemp("record")
    room = Room()
    record = _open(directory, room, 4096 if rotates else 1 << 20)
    number, good, owed = 0, [], []
    for left in [*rooms, 1 << 30]:
        room.left = left
        for _ in range(4):
            number += 1
            if number % 3 == 0:
                record.append(repeat(number), Durability.WRITTEN, never, owed=True)
                owed.append(f"d{number}")
                continue
            try:
                if record.append(repeat(number), Durability.WRITTEN, never):
                    good.append(f"d{number}")
            except RecordUnavailable:
                pass
    record.close()
    report = verify(directory)
    assert report.ok, report
    found = _ids(directory)
    assert set(good) | set(owed) <= set(found)
    assert len(found) == len(set(found)), "nothing is there twice"


def test_something_else_in_the_segment_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "gw.00000000.jsonl"
    path.write_bytes(b"first\nsecond\nxyz")
    found = landed(path, 6, [b"second\n", b"xyz1\n"])
    assert found is not None
    assert found.torn is not None
    assert (found.lines, found.size, found.torn.line, found.torn.size) == (1, 7, 3, 3)
    assert landed(path, 6, [b"second\n", b"abc\n"]) is None
    assert landed(path, 6, []) == Landed()


def test_patience_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.full.MAX_OWED", 1)
    full = Full(why="full", since_us=0)
    full.wait("{}", never)
    with pytest.raises(RecordUnavailable):
        full.wait("{}", never)
