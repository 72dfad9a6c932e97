"""Whose the record's folder is: one process's, or a supervisor's and its workers', and nobody else's meanwhile."""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path

import pytest

from gateway.audit.folder import FolderLock, lock_alone, lock_as_worker, lock_for_workers
from gateway.audit.segments import FileCalls
from gateway.audit.verify import verify
from gateway.audit.writer import RecordWriter
from gateway.errors import ConfigError
from gateway.model import Durability
from tests.unit.audit.chains import never, repeat

CALLS = FileCalls()


def refused(take: object, *arguments: object) -> None:
    with pytest.raises(ConfigError, match="is in use by another gateway; each one needs a folder of its own"):
        take(*arguments)  # type: ignore[operator]


def test_one_process_has_it_alone(tmp_path: Path) -> None:
    lock = lock_alone(tmp_path / "new" / "record", CALLS)
    assert (tmp_path / "new" / "record").stat().st_mode & 0o777 == 0o700
    refused(lock_alone, tmp_path / "new" / "record", CALLS)
    refused(lock_for_workers, tmp_path / "new" / "record", CALLS)
    refused(lock_as_worker, tmp_path / "new" / "record", "gateway-1")
    lock.close()
    lock.close()  # nothing left
    lock_alone(tmp_path / "new" / "record", CALLS).close()


def test_workers_share_it_and_each_has_its_own_chain(tmp_path: Path) -> None:
    supervisor = lock_for_workers(tmp_path, CALLS)
    one, two = lock_as_worker(tmp_path, "gateway-1"), lock_as_worker(tmp_path, "gateway-2")
    refused(lock_as_worker, tmp_path, "gateway-2")
    two.close()
    two = lock_as_worker(tmp_path, "gateway-2")  # started again
    for lock in (supervisor, one):
        refused(lock_alone, tmp_path, CALLS)
        refused(lock_for_workers, tmp_path, CALLS)
        lock.close()  # the supervisor first: what it started and is not gone yet still writes
    refused(lock_alone, tmp_path, CALLS)
    two.close()
    lock_alone(tmp_path, CALLS).close()


def test_what_fails_leaves_nothing_locked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock_as_worker(tmp_path / "nowhere", "gateway-1")
    (tmp_path / "gateway-1.lock").mkdir()
    with pytest.raises(IsADirectoryError):
        lock_as_worker(tmp_path, "gateway-1")
    lock_alone(tmp_path, CALLS).close()


def test_a_lock_that_cannot_be_shared_is_given_back(tmp_path: Path) -> None:
    mine, other = FolderLock(), FolderLock()
    other.take(tmp_path / "lock", fcntl.LOCK_EX)
    with pytest.raises(BlockingIOError):
        mine.take(tmp_path / "lock", fcntl.LOCK_SH)
    with pytest.raises(BlockingIOError):
        mine.share()
    mine.close()
    other.share()
    lock_as_worker(tmp_path, "gateway-1").close()
    other.close()


def test_a_folder_that_others_may_write_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o777)
    with caplog.at_level(logging.WARNING):
        lock_alone(tmp_path, CALLS).close()
    assert [one.message for one in caplog.records] == ["record_folder_writable_by_others"]


def test_chains_of_several_writers_are_verified_together(tmp_path: Path) -> None:
    supervisor = lock_for_workers(tmp_path, CALLS)
    writers = [
        RecordWriter.open(tmp_path, segment_bytes=4096, writer=f"gateway-{number}", shared=True) for number in (1, 2)
    ]
    for number in range(40):
        writers[number % 2].append(repeat(number), Durability.WRITTEN, never)
    with pytest.raises(ConfigError, match="in use"):
        RecordWriter.open(tmp_path, segment_bytes=4096, writer="gateway-1", shared=True)
    for writer in writers:
        writer.close()
    supervisor.close()
    report = verify(tmp_path)
    assert report.ok
    assert report.writers == 2
