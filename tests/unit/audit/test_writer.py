from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.chain import canonical
from gateway.audit.checkpoint import read_checkpoint
from gateway.audit.segments import FileCalls
from gateway.audit.verify import Report, iter_entries, verify
from gateway.audit.writer import MIN_SEGMENT_BYTES, RecordWriter
from gateway.errors import ConfigError, Reason, RecordUnavailable
from gateway.model import Durability
from tests.unit.audit.chains import START_NS, WRITER, never, open_writer, repeat, segment_name

LONG = 10.0  # seconds: a test that waits so long has failed


def _file(fd: int) -> str:
    return os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))


class Disk:
    """The real system calls, counted; the sync of a segment can be held up, and made to fail."""

    def __init__(self) -> None:
        self.syncs: list[str] = []
        self.entered, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.failure: OSError | None = None
        self.calls = FileCalls(fdatasync=self.fdatasync)

    def fdatasync(self, fd: int) -> None:
        name = _file(fd)
        self.syncs.append(name)
        if name.endswith(".jsonl"):
            self.entered.set()
            assert self.go.wait(LONG)
            if self.failure is not None:
                raise self.failure
        os.fdatasync(fd)

    @property
    def segment_syncs(self) -> int:
        return sum(name.endswith(".jsonl") for name in self.syncs)


class Waiter:
    """Callbacks of entries, each of which must be told once."""

    def __init__(self) -> None:
        self.told: list[BaseException | None] = []
        self._count = threading.Semaphore(0)

    def __call__(self, error: BaseException | None) -> None:
        self.told.append(error)
        self._count.release()

    def wait(self, count: int) -> list[BaseException | None]:
        for _ in range(count):
            assert self._count.acquire(timeout=LONG)
        return self.told


def _open(directory: Path, calls: FileCalls) -> RecordWriter:
    return RecordWriter.open(directory, segment_bytes=1 << 20, writer=WRITER, calls=calls)


def test_written_entry_is_in_the_kernel_before_return(tmp_path: Path) -> None:
    writes: list[int] = []

    def write(fd: int, data: bytes) -> int:
        writes.append(len(data))
        return os.write(fd, data)

    record = _open(tmp_path, FileCalls(write=write))
    assert record.append(repeat(1), Durability.WRITTEN, never)
    before = len(writes)
    assert record.append(repeat(2), Durability.WRITTEN, never)
    assert len(writes) == before + 1
    assert [entry.get("decision_id") for entry in iter_entries(tmp_path)] == [None, "d1", "d2"]
    assert record.tail[0] == 2
    record.close()


def test_queued_entries_are_one_write_with_the_next_and_keep_their_order(tmp_path: Path) -> None:
    writes: list[int] = []

    def write(fd: int, data: bytes) -> int:
        writes.append(len(data))
        return os.write(fd, data)

    record = _open(tmp_path, FileCalls(write=write))
    record.append(repeat(1), Durability.WRITTEN, never)
    before = len(writes)
    for number in (2, 3):
        record.queue(canonical(repeat(number)), START_NS // 1000)
    assert len(writes) == before
    assert record.append(repeat(4), Durability.WRITTEN, never)
    assert len(writes) == before + 1
    record.flush()
    assert len(writes) == before + 1
    record.queue(canonical(repeat(5)), START_NS // 1000)
    record.queue(canonical(repeat(6)), START_NS // 1000)
    record.flush()
    assert len(writes) == before + 2
    record.queue(canonical(repeat(7)), START_NS // 1000)
    record.close()
    assert [one.get("decision_id") for one in iter_entries(tmp_path)][1:] == [f"d{number}" for number in range(1, 8)]
    assert verify(tmp_path).ok


def test_what_is_queued_can_be_waited_for(tmp_path: Path) -> None:
    told = Waiter()
    record = _open(tmp_path, FileCalls())
    record.queue(canonical(repeat(1)), START_NS // 1000)
    record.sync(told)
    assert told.wait(1) == [None]
    state = read_checkpoint(tmp_path, WRITER)
    assert state is not None
    assert state.seq == 1
    record.close()


@pytest.mark.parametrize("how", ["full", "broken"])
def test_who_queued_is_told_of_anothers_failure(tmp_path: Path, how: str) -> None:
    """Also where there is room again when they ask: their entries were not written."""
    broken = threading.Event()

    def maybe(fd: int, data: bytes) -> int:
        return {"full": _full, "broken": _broken}[how](fd, data) if broken.is_set() else os.write(fd, data)

    record = _open(tmp_path, FileCalls(write=maybe))
    record.append(repeat(1), Durability.WRITTEN, never)
    record.queue(canonical(repeat(2)), START_NS // 1000)
    broken.set()
    with pytest.raises(RecordUnavailable):
        record.append(repeat(3), Durability.WRITTEN, never)
    broken.clear()
    with pytest.raises(RecordUnavailable):
        record.flush()
    if how == "full":
        record.flush()
        assert record.healthy
    else:
        with pytest.raises(RecordUnavailable):
            record.sync(never)
    record.close()
    assert [one.get("decision_id") for one in iter_entries(tmp_path) if one["kind"] == "repeat"] == ["d1"]


def test_queued_entries_begin_a_segment_of_their_own_where_one_is_full(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    for number in range(60):
        record.queue(canonical(repeat(number)), START_NS // 1000)
        record.flush()
    record.close()
    report = verify(tmp_path)
    assert report.ok
    assert report.segments >= 3


def test_written_entry_is_synced_within_a_second(tmp_path: Path) -> None:
    disk = Disk()
    record = _open(tmp_path, disk.calls)
    record.append(repeat(1), Durability.WRITTEN, never)
    assert disk.entered.wait(1.0)
    record.close()


def test_synced_entry_is_told_from_the_writers_thread(tmp_path: Path) -> None:
    disk, told = Disk(), Waiter()
    threads: list[str] = []

    def callback(error: BaseException | None) -> None:
        threads.append(threading.current_thread().name)
        told(error)

    record = _open(tmp_path, disk.calls)
    assert not record.append(repeat(1), Durability.SYNCED, callback)
    assert told.wait(1) == [None]
    assert threads == ["record-sync"]
    assert disk.segment_syncs >= 1
    state = read_checkpoint(tmp_path, WRITER)
    assert state is not None
    assert state.seq == 1
    record.close()


def test_one_sync_for_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.writer.SYNC_INTERVAL_S", 3600.0)  # nobody is told by the clock alone
    disk, told = Disk(), Waiter()
    disk.go.clear()
    record = _open(tmp_path, disk.calls)
    assert not record.append(repeat(0), Durability.SYNCED, told)
    assert disk.entered.wait(LONG)
    threads = [
        threading.Thread(target=record.append, args=(repeat(number), Durability.SYNCED, told))
        for number in range(1, 65)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.told == []
    disk.go.set()
    assert told.wait(65) == [None] * 65
    assert disk.segment_syncs == 2
    record.close()
    assert len(told.told) == 65
    assert verify(tmp_path) == Report(entries=66, segments=1, writers=1)


def test_callback_that_fails_does_not_keep_others_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk, told = Disk(), Waiter()
    record = _open(tmp_path, disk.calls)

    def broken(error: BaseException | None) -> None:
        raise RuntimeError("the loop is closed")

    record.append(repeat(0), Durability.SYNCED, broken)
    record.append(repeat(1), Durability.SYNCED, told)
    assert told.wait(1) == [None]
    assert record.healthy
    record.close()
    assert "record_callback_failed" in caplog.messages


def test_close_tells_who_waits_and_marks_the_end(tmp_path: Path) -> None:
    told = Waiter()
    record = open_writer(tmp_path)
    record.append(repeat(1), Durability.SYNCED, told)
    record.close()
    record.close()
    assert told.told == [None]
    state = read_checkpoint(tmp_path, WRITER)
    assert state is not None
    assert (state.closed, state.seq) == (True, 1)
    assert not record.healthy
    with pytest.raises(RecordUnavailable) as caught:
        record.append(repeat(2), Durability.WRITTEN, never)
    assert caught.value.reason is Reason.RECORD_UNAVAILABLE


def test_folder_and_files_are_private(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "record"
    record = open_writer(directory)
    record.append(repeat(1), Durability.WRITTEN, never)
    record.close()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "lock": 0o600,
        segment_name(0): 0o600,
        f"{WRITER}.head.json": 0o600,
    }


def test_folder_that_others_may_write_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o777)
    open_writer(tmp_path).close()
    assert "record_folder_writable_by_others" in caplog.messages


def test_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    for number in range(3):
        record = open_writer(tmp_path)
        record.append(repeat(number), Durability.WRITTEN, never)
        record.close()
    assert verify(tmp_path) == Report(entries=4, segments=1, writers=1)
    assert [entry["seq"] for entry in iter_entries(tmp_path)] == [0, 1, 2, 3]


def test_segments_rotate_by_size(tmp_path: Path) -> None:
    record = open_writer(tmp_path, segment_bytes=MIN_SEGMENT_BYTES)
    for number in range(100):
        record.append(repeat(number), Durability.WRITTEN, never)
    record.close()
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.jsonl"))]
    assert len(sizes) > 5
    assert all(MIN_SEGMENT_BYTES <= size < MIN_SEGMENT_BYTES + 400 for size in sizes[:-1])
    heads = [entry for entry in iter_entries(tmp_path) if entry["kind"] == "segment_head"]
    assert [(head["segment"], head["writer"], head["schema_version"]) for head in heads] == [
        (number, WRITER, 1) for number in range(len(sizes))
    ]
    assert heads[0]["at_us"] == repeat(0)["at_us"]
    report = verify(tmp_path)
    assert report.ok
    assert report.entries == 100 + len(sizes)


def test_rotation_while_a_sync_is_under_way(tmp_path: Path) -> None:
    disk, told = Disk(), Waiter()
    record = RecordWriter.open(tmp_path, segment_bytes=MIN_SEGMENT_BYTES, writer=WRITER, calls=disk.calls)
    for number in range(500):
        record.append(repeat(number), Durability.SYNCED, told)
    assert told.wait(500) == [None] * 500
    record.close()
    assert verify(tmp_path).ok


def test_many_threads_make_one_chain(tmp_path: Path) -> None:
    record = open_writer(tmp_path)

    def write() -> None:
        for number in range(100):
            record.append(repeat(number), Durability.WRITTEN, never)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record.close()
    report = verify(tmp_path)
    assert report.ok
    assert report.entries == 800 + report.segments


def test_torn_tail_is_kept_and_marked(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    record.append(repeat(1), Durability.WRITTEN, never)
    record.close()
    # a predecessor that died while writing: the mark of good order is gone with the reopening, the rest stays
    crashed = open_writer(tmp_path)
    with (tmp_path / segment_name(0)).open("ab") as file:
        file.write(b'{"at_us":17')
    crashed._failure = "killed"  # so that closing marks nothing
    crashed.close()
    report = verify(tmp_path)
    assert report.ok
    assert [torn.marked for torn in report.torn_tails] == [False]
    record = open_writer(tmp_path)
    for number in range(30):
        record.append(repeat(number), Durability.WRITTEN, never)
    record.close()
    report = verify(tmp_path)
    assert report.ok
    assert report.segments > 2
    assert [(torn.marked, torn.size, torn.line) for torn in report.torn_tails] == [(True, 11, 3)]
    kinds = [entry["kind"] for entry in iter_entries(tmp_path)]
    assert kinds[:5] == ["segment_head", "repeat", "segment_head", "torn_tail", "repeat"]
    assert kinds.count("torn_tail") == 1
    assert (tmp_path / segment_name(0)).read_bytes().endswith(b'{"at_us":17')


def test_folder_of_another_writer_is_refused(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    with pytest.raises(ConfigError, match="in use by another gateway"):
        open_writer(tmp_path, writer="other")
    record.close()
    open_writer(tmp_path, writer="other").close()


def test_unusable_settings_are_all_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        RecordWriter.open(tmp_path, segment_bytes=10, writer="../x")
    assert len(caught.value.problems) == 2


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be used"):
        open_writer(tmp_path / "f")


def test_damaged_record_is_not_continued_and_the_folder_is_given_back(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    record.append(repeat(1), Durability.WRITTEN, never)
    record.close()
    path = tmp_path / segment_name(0)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ConfigError, match="is damaged"):
        open_writer(tmp_path)
    path.write_bytes(whole)
    open_writer(tmp_path).close()


@pytest.mark.parametrize("entry", [{"kind": "x", "seq": 1}, {"kind": object()}, {}, {"kind": "x" * (5 << 20)}])
def test_entry_that_cannot_be_written_is_refused_and_harms_nothing(tmp_path: Path, entry: dict) -> None:
    record = open_writer(tmp_path)
    with pytest.raises(RecordUnavailable):
        record.append(entry, Durability.SYNCED, never)
    assert record.healthy
    assert record.append(repeat(1), Durability.WRITTEN, never)
    record.close()
    assert verify(tmp_path).ok


def test_failed_sync_is_told_to_all_and_never_tried_again(tmp_path: Path) -> None:
    disk, told = Disk(), Waiter()
    disk.failure = OSError(errno.EIO, os.strerror(errno.EIO))
    disk.go.clear()
    record = _open(tmp_path, disk.calls)
    record.append(repeat(0), Durability.SYNCED, told)
    assert disk.entered.wait(LONG)
    for number in range(1, 10):
        record.append(repeat(number), Durability.SYNCED, told)
    disk.go.set()
    errors = told.wait(10)
    assert [getattr(error, "reason", None) for error in errors] == [Reason.RECORD_UNAVAILABLE] * 10
    assert not record.healthy
    with pytest.raises(RecordUnavailable):
        record.append(repeat(99), Durability.WRITTEN, never)
    record.close()
    assert disk.segment_syncs == 1
    assert len(told.told) == 10


def test_failure_of_the_last_sync_is_raised_by_close(tmp_path: Path) -> None:
    disk = Disk()
    record = _open(tmp_path, disk.calls)
    record.append(repeat(0), Durability.WRITTEN, never)
    disk.failure = OSError(errno.EIO, os.strerror(errno.EIO))
    disk.syncs.clear()
    with pytest.raises(RecordUnavailable):
        record.close()
    state = read_checkpoint(tmp_path, WRITER)
    assert state is not None
    assert not state.closed


def _short(fd: int, data: bytes) -> int:
    return os.write(fd, data[: len(data) // 2])


def _full(_fd: int, _data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _broken(_fd: int, _data: bytes) -> int:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def _interrupted(_fd: int, _data: bytes) -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("write", "raised"),
    [(_short, RecordUnavailable), (_broken, RecordUnavailable), (_interrupted, KeyboardInterrupt)],
)
def test_failed_write_ends_the_writer(
    tmp_path: Path, write: Callable[[int, bytes], int], raised: type[BaseException]
) -> None:
    disk, told, broken = Disk(), Waiter(), threading.Event()

    def maybe(fd: int, data: bytes) -> int:
        return write(fd, data) if broken.is_set() else os.write(fd, data)

    record = _open(tmp_path, FileCalls(write=maybe, fdatasync=disk.fdatasync))
    record.append(repeat(0), Durability.WRITTEN, never)
    disk.entered.clear()
    disk.go.clear()
    record.append(repeat(1), Durability.SYNCED, told)
    assert disk.entered.wait(LONG)
    record.append(repeat(2), Durability.SYNCED, told)  # waits for the next group, which will not come
    broken.set()
    with pytest.raises(raised):
        record.append(repeat(3), Durability.SYNCED, never)
    broken.clear()
    assert not record.healthy
    for durability in Durability:
        with pytest.raises(RecordUnavailable):
            record.append(repeat(4), durability, never)
    disk.go.set()
    errors = told.wait(2)
    assert errors[0] is None  # its sync was under way and succeeded
    assert isinstance(errors[1], RecordUnavailable)
    record.close()
    report = verify(tmp_path)
    assert report.ok
    assert len(report.torn_tails) == (1 if write is _short else 0)
    again = _open(tmp_path, FileCalls())
    assert again.append(repeat(5), Durability.WRITTEN, never)
    again.close()
    assert verify(tmp_path).ok


def test_segment_that_cannot_be_created_ends_the_writer(tmp_path: Path) -> None:
    def fsync(fd: int) -> None:
        if _file(fd).endswith(".jsonl.unfinished"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        os.fsync(fd)

    record = _open(tmp_path, FileCalls(fsync=fsync))
    with pytest.raises(RecordUnavailable):
        record.append(repeat(0), Durability.WRITTEN, never)
    assert not record.healthy
    record.close()
    again = _open(tmp_path, FileCalls())
    assert again.append(repeat(0), Durability.WRITTEN, never)
    again.close()
    assert verify(tmp_path) == Report(entries=2, segments=1, writers=1)


FILE_LIMIT = 20_000
FILL = """
import sys
from pathlib import Path
from gateway.audit.writer import RecordWriter
from gateway.errors import RecordUnavailable
from gateway.model import Durability
from tests.unit.audit.chains import repeat
record = RecordWriter.open(Path(sys.argv[1]), segment_bytes=1 << 20, writer="gw")
told, accepted = [], 0
try:
    while True:
        durability = Durability.SYNCED if accepted % 3 == 0 else Durability.WRITTEN
        record.append(repeat(accepted), durability, told.append)
        accepted += 1
except RecordUnavailable as error:
    first = error.reason
try:
    record.append(repeat(0), Durability.WRITTEN, told.append)
except RecordUnavailable as error:
    second = error.reason
healthy = record.healthy
record.close()
print(accepted, len(told), first, second, healthy)
"""


def test_disk_that_takes_no_more(tmp_path: Path) -> None:
    limit = (FILE_LIMIT, FILE_LIMIT)
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert done.returncode == 0, done.stderr
    accepted, told, *rest = done.stdout.split()
    assert rest == [Reason.RECORD_UNAVAILABLE, Reason.RECORD_UNAVAILABLE, "False"]
    assert int(told) == (int(accepted) + 2) // 3
    report = verify(tmp_path)
    assert report.ok
    assert report.entries == int(accepted) + 1
    assert [torn.marked for torn in report.torn_tails] == [False]
    record = open_writer(tmp_path)
    record.append(repeat(1), Durability.WRITTEN, never)
    record.close()
    report = verify(tmp_path)
    assert report.ok
    assert [torn.marked for torn in report.torn_tails] == [True]


def test_whatever_fails_in_the_sync_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = Waiter()

    def die(fd: int) -> None:
        if _file(fd).endswith(".jsonl"):
            raise MemoryError
        os.fdatasync(fd)

    record = _open(tmp_path, FileCalls(fdatasync=die))
    record.append(repeat(0), Durability.SYNCED, told)
    error: Any = told.wait(1)[0]
    assert error.reason is Reason.RECORD_UNAVAILABLE
    assert not record.healthy
    record.close()
    assert "record_sync_failed" in caplog.messages
