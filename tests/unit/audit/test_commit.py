"""The order of group commit: the segment is on disk, the checkpoint in the kernel, who waits is told; then the
checkpoint is on disk, too."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gateway.audit.checkpoint import read_checkpoint
from gateway.audit.commit import CHECKPOINT_GROUPS
from gateway.audit.segments import FileCalls
from gateway.audit.verify import verify
from gateway.audit.writer import RecordWriter
from gateway.errors import Reason, RecordUnavailable
from gateway.model import Durability
from tests.unit.audit.chains import WRITER, never, repeat
from tests.unit.audit.test_writer import Waiter

_CHECKPOINT = f"{WRITER}.head.json"


class Order:
    """The real calls, noted as they return, beside what is told; a checkpoint's sync can be made to fail."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.waiter = Waiter()
        self.failing = False
        self.calls = FileCalls(pwrite=self._pwrite, fdatasync=self._fdatasync)

    def told(self, error: BaseException | None) -> None:
        self.done.append("told")
        self.waiter(error)

    def _pwrite(self, fd: int, data: bytes, offset: int) -> int:
        written = os.pwrite(fd, data, offset)
        self.done.append("checkpoint written")
        return written

    def _fdatasync(self, fd: int) -> None:
        checkpoint = os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) == _CHECKPOINT
        if checkpoint and self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fdatasync(fd)
        self.done.append("checkpoint synced" if checkpoint else "segment synced")


def _open(directory: Path, order: Order) -> RecordWriter:
    record = RecordWriter.open(directory, segment_bytes=1 << 20, writer=WRITER, calls=order.calls)
    record.append(repeat(0), Durability.SYNCED, order.told)
    assert order.waiter.wait(1) == [None]
    return record


def test_who_waits_is_told_before_the_checkpoint_is_synced(tmp_path: Path) -> None:
    order = Order()
    record = _open(tmp_path, order)
    for number in range(1, 2 * CHECKPOINT_GROUPS):  # one after the other: each is a group
        record.append(repeat(number), Durability.SYNCED, order.told)
        assert order.waiter.wait(1)[-1] is None
        state = read_checkpoint(tmp_path, WRITER)
        assert state is not None
        assert state.seq == number + 1  # of what was acknowledged, nothing can be cut off unseen
    record.close()
    kept = [number for number, step in enumerate(order.done) if step == "checkpoint synced"]
    groups = [step for step in order.done if step != "checkpoint synced"]
    first = groups.index("told") - 2  # before: the files were opened
    assert groups[first : first + 6 * CHECKPOINT_GROUPS] == [
        "segment synced",
        "checkpoint written",
        "told",
    ] * (2 * CHECKPOINT_GROUPS)
    assert any(order.done[number - 1] == "told" for number in kept)  # under load, too
    assert verify(tmp_path).ok


def test_a_checkpoint_that_cannot_be_synced_ends_the_writer_and_takes_nothing_back(tmp_path: Path) -> None:
    order = Order()
    record = _open(tmp_path, order)
    order.failing = True
    record.append(repeat(1), Durability.SYNCED, order.told)
    assert order.waiter.wait(1) == [None, None]  # it is on disk

    def go_on() -> None:
        for number in range(2, 2 * CHECKPOINT_GROUPS):
            record.append(repeat(number), Durability.SYNCED, order.told)
            if (error := order.waiter.wait(1)[-1]) is not None:
                raise error

    with pytest.raises(RecordUnavailable) as refused:
        go_on()
    assert refused.value.reason is Reason.RECORD_UNAVAILABLE
    assert not record.healthy
    with pytest.raises(RecordUnavailable):
        record.append(repeat(0), Durability.WRITTEN, never)
    record.close()
    assert verify(tmp_path).ok
