"""``RecordWriter``: one writer's chain on disk. Thread-safe; never drops an entry in silence.

WRITTEN: one ``os.write``, then the entry survives the process. SYNCED: group commit; a thread of the writer's own
calls one ``fdatasync`` for all entries that wait, moves the checkpoint, then calls their callbacks. The same thread
syncs written entries within a second. What is ``queue``d has its place in the chain, and goes with the next write of
any entry, or at ``flush``: many entries, one call.

Any failure of the disk ends the writer: this and every later append raise RecordUnavailable, and who waits is told. A
failed ``fdatasync`` is never tried again: the kernel may have dropped the pages and would then report success.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.audit.chain import EntryInvalid, canonical, link
from gateway.audit.checkpoint import Checkpoint, checkpoint_path
from gateway.audit.damage import SEGMENT_HEAD, TORN_TAIL
from gateway.audit.folder import FolderLock, lock_alone, lock_as_worker, lock_beside
from gateway.audit.record import SCHEMA_VERSION
from gateway.audit.resume import End, find_end
from gateway.audit.segments import WRITER_NAME, FileCalls, create_file, segment_path
from gateway.errors import ConfigError, Reason, RecordUnavailable
from gateway.model import Durability, JsonValue

SYNC_INTERVAL_S: Final = 0.5  # written entries are on disk within a second: half of it to wait, half for the disk
CHECKPOINT_GROUPS: Final = 64  # under constant load the checkpoint itself is synced every so many groups
MIN_SEGMENT_BYTES: Final = 4096

_log = logging.getLogger(__name__)

OnDurable = Callable[[BaseException | None], None]


class RecordWriter:
    """Made by ``open``; to be closed. A writer that failed stays failed: close it and open a new one."""

    def __init__(
        self, directory: Path, checkpoint: Checkpoint, end: End, fds: _Descriptors, segment_bytes: int, calls: FileCalls
    ) -> None:
        self._directory, self._writer = directory, checkpoint.writer
        self._segment_bytes, self._calls, self._fds = segment_bytes, calls, fds
        # of the sync thread alone:
        self._checkpoint, self._checkpoint_synced, self._groups = checkpoint, True, 0
        # taken out under the lock, put in without it: each is one step of the deque's
        self._queued: deque[str] = deque()
        self._queued_us = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        # guarded by the lock:
        self._segment, self._seq, self._prev = end.segment, end.seq + 1, end.hash
        self._size, self._torn = end.size, end.torn
        # full segments; the sync thread may still be syncing one, so it closes them
        self._retired: list[int] = []
        self._waiting: list[OnDurable] = []
        self._failure = ""
        self._closing = False
        self._syncing = threading.Thread(target=self._run, name="record-sync", daemon=True)
        self._syncing.start()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        segment_bytes: int,
        writer: str,
        shared: bool = False,
        beside: bool = False,
        calls: FileCalls | None = None,
    ) -> RecordWriter:
        """Take the folder and continue the writer's chain where it ends. ``shared``: as one of a gateway's workers,
        whose supervisor has the folder already; ``beside``: as a command, whoever has it.

        Raises ConfigError where the folder is another process's, cannot be used, or holds a record of this writer
        that is damaged: a damaged chain is not continued as if nothing had happened.
        """
        problems = []
        if WRITER_NAME.fullmatch(writer) is None:
            problems.append(
                f"record: the writer's name {writer!r} is not 1 to 64 letters, digits, dots, dashes, underscores"
            )
        if segment_bytes < MIN_SEGMENT_BYTES:
            problems.append(f"record.segment_bytes: {segment_bytes} is less than {MIN_SEGMENT_BYTES}")
        if problems:
            raise ConfigError(problems)
        calls = calls or FileCalls()
        fds = _Descriptors()
        try:
            if beside:
                fds.lock = lock_beside(directory, writer, calls)
            else:
                fds.lock = lock_as_worker(directory, writer) if shared else lock_alone(directory, calls)
            end = find_end(directory, writer)
            checkpoint = _open_files(directory, writer, end, fds, calls)
        except OSError as error:
            fds.close()
            raise ConfigError([f"record: the folder {directory} cannot be used: {error.strerror or error}"]) from None
        except BaseException:
            fds.close()
            raise
        return cls(directory, checkpoint, end, fds, segment_bytes, calls)

    @property
    def healthy(self) -> bool:
        """True while appends are taken."""
        return not self._failure and not self._closing

    @property
    def tail(self) -> tuple[int, str]:
        """Seq and hash of the last entry written; -1 before the first."""
        with self._lock:
            return self._seq - 1, self._prev

    def append(self, entry: Mapping[str, JsonValue], durability: Durability, on_durable: OnDurable) -> bool:
        """Write an entry. True: it is durable as asked, and ``on_durable`` is not called. False: ``on_durable`` will
        be called once, from the writer's thread, with None or with what went wrong.

        Raises RecordUnavailable where it could not be written; ``on_durable`` is then not called.
        """
        try:
            body = canonical(entry)
        except EntryInvalid as error:
            # The caller's fault: this entry is refused, and with it what it was for; the chain is unharmed.
            _log.error("record_entry_invalid", extra={"detail": str(error)})
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, "the entry cannot be written") from error
        at_us = entry.get("at_us")
        with self._lock:
            self._queued.append(body)
            self._write_queued(at_us if isinstance(at_us, int) else 0)
            if durability is Durability.WRITTEN:
                return True
            self._wait(on_durable)
        return False

    def queue(self, body: str, at_us: int) -> None:
        """Take an entry whose canonical text is made already (`gateway.audit.ready`), for the next write. Whoever acts
        upon it waits for ``flush``."""
        self._queued.append(body)
        self._queued_us = at_us

    def flush(self) -> None:
        """Write what is queued: then all of it survives the process. Raises RecordUnavailable, also where an entry
        that was queued has failed with another one's write."""
        with self._lock:
            self._write_queued(self._queued_us)

    def sync(self, on_durable: OnDurable) -> None:
        """Call back when everything written so far is on disk, as ``append`` does. Raises RecordUnavailable."""
        with self._lock:
            self._write_queued(self._queued_us)
            self._wait(on_durable)

    def _wait(self, on_durable: OnDurable) -> None:
        self._waiting.append(on_durable)
        if len(self._waiting) == 1:
            self._wake.notify()

    def _write_queued(self, at_us: int) -> None:
        """One write for all that is queued; the lock is held. Nothing is tried twice: what fails ends the writer."""
        queued = self._queued
        count = len(queued)  # what comes from now on goes with the next
        if self._failure or self._closing:
            queued.clear()
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._failure or "the record is closed")
        if not count:
            return
        try:
            if self._fds.segment < 0 or self._size >= self._segment_bytes:
                self._begin_segment(at_us)
            seq, digest = self._seq, self._prev
            made: list[bytes] = []
            for place in range(seq, seq + count):
                line, digest = link(queued.popleft(), place, digest)
                made.append(line)
            lines = b"".join(made)
            written = self._calls.write(self._fds.segment, lines)
            if written != len(lines):
                raise OSError(0, "the file system took only a part of an entry")
            self._seq = seq + count
            self._prev = digest
            self._size += written
        except OSError as error:
            raise self._fail(error.strerror or str(error)) from error
        except BaseException:
            # An interrupt between the write and the count would make the next entry claim a taken place.
            self._fail("writing was interrupted")
            raise

    def close(self) -> None:
        """Sync what is written, tell who waits, mark the end, give the folder back. Raises RecordUnavailable where
        the last sync failed. Not to be called from a callback."""
        with self._lock:
            if self._closing:
                return
            failed_before = bool(self._failure)
            if not failed_before:
                with suppress(RecordUnavailable):  # said below
                    self._write_queued(self._queued_us)
            self._closing = True
            self._wake.notify()
        self._syncing.join()
        self._fds.close()
        if self._failure and not failed_before:
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._failure)

    def _begin_segment(self, at_us: JsonValue) -> None:
        """Start the next segment; the lock is held. The full one is synced first: after a power cut a segment must
        not be shorter than its successor's head says."""
        if self._fds.segment >= 0:
            self._calls.fdatasync(self._fds.segment)
        number, seq, prev = self._segment + 1, self._seq, self._prev
        opening: list[dict[str, JsonValue]] = [{"kind": SEGMENT_HEAD, "writer": self._writer, "segment": number}]
        if self._torn is not None:
            torn = self._torn
            opening.append(
                {
                    "kind": TORN_TAIL,
                    "segment": self._segment,
                    "line": torn.line,
                    "bytes": torn.size,
                    "sha256": torn.sha256,
                }
            )
        content = b""
        for entry in opening:
            body = canonical({**entry, "schema_version": SCHEMA_VERSION, "at_us": at_us})
            line, prev = link(body, seq, prev)
            content += line
            seq += 1
        fd = create_file(segment_path(self._directory, self._writer, number), content, self._calls)
        if self._fds.segment >= 0:
            self._retired.append(self._fds.segment)
        self._fds.segment, self._segment, self._seq, self._prev = fd, number, seq, prev
        self._size, self._torn = len(content), None

    def _fail(self, why: str) -> RecordUnavailable:
        """End the writer; the lock is held. Only the first failure is told and logged: the rest follow from it."""
        if not self._failure:
            self._failure = why
            _log.error("record_unavailable", extra={"detail": why, "writer": self._writer})
            self._wake.notify()
        return RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._failure)

    def _run(self) -> None:
        while self._sync_once():
            pass

    def _sync_once(self) -> bool:
        """One group: wait, sync, tell. False when the writer is closed."""
        with self._lock:
            if not self._waiting and not self._closing:
                self._wake.wait(SYNC_INTERVAL_S)
            waiting, self._waiting = self._waiting, []
            retired, self._retired = self._retired, []
            closing, fd = self._closing, self._fds.segment
            reached = (self._segment, self._seq - 1, self._prev)
            failure = RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._failure) if self._failure else None
        try:
            if failure is None:
                self._make_durable(fd, reached, settle=closing or not waiting, closing=closing)
            for full in retired:
                os.close(full)
        except BaseException as error:  # an edge: whatever it is, those who wait must be told
            if not isinstance(error, OSError):
                _log.exception("record_sync_failed")
            with self._lock:
                failure = self._fail(getattr(error, "strerror", None) or "the record could not be synced")
        for callback in waiting:
            _tell(callback, failure)
        return not closing

    def _make_durable(self, fd: int, reached: tuple[int, int, str], *, settle: bool, closing: bool) -> None:
        segment, seq, digest = reached
        moved = seq != self._checkpoint.seq
        if moved:
            self._calls.fdatasync(fd)
        if moved or closing:
            self._checkpoint = Checkpoint(
                writer=self._writer,
                generation=self._checkpoint.generation + 1,
                segment=segment,
                seq=seq,
                hash=digest,
                closed=closing,
            )
            _write_checkpoint(self._fds.checkpoint, self._checkpoint, self._calls)
            self._checkpoint_synced = False
            self._groups += 1
        if not self._checkpoint_synced and (settle or self._groups % CHECKPOINT_GROUPS == 0):
            self._calls.fdatasync(self._fds.checkpoint)
            self._checkpoint_synced = True


class _Descriptors:
    """The files a writer holds open; -1 = not (yet) open. Closing the lock gives the folder back."""

    __slots__ = ("checkpoint", "lock", "segment")

    def __init__(self) -> None:
        self.segment, self.checkpoint = -1, -1
        self.lock: FolderLock | None = None

    def close(self) -> None:
        for fd in (self.segment, self.checkpoint):
            if fd >= 0:
                os.close(fd)
        if self.lock is not None:
            self.lock.close()
        self.segment, self.checkpoint, self.lock = -1, -1, None


def _tell(callback: OnDurable, failure: BaseException | None) -> None:
    try:
        callback(failure)
    except Exception:  # an edge: one caller's fault must not keep the others waiting for ever
        _log.exception("record_callback_failed")


def _open_files(directory: Path, writer: str, end: End, fds: _Descriptors, calls: FileCalls) -> Checkpoint:
    """Open the newest segment and the checkpoint, and make durable what a predecessor wrote and did not live to
    sync."""
    if end.path is not None:
        fd = os.open(end.path, os.O_WRONLY | os.O_APPEND)
        try:
            calls.fdatasync(fd)
        finally:
            if end.continues:
                fds.segment = fd
            else:
                os.close(fd)
    path = checkpoint_path(directory, writer)
    if end.generation < 0:
        os.close(create_file(path, Checkpoint(writer=writer).slot()[0], calls))
    checkpoint = Checkpoint(
        writer=writer, generation=max(end.generation, 0) + 1, segment=end.segment, seq=end.seq, hash=end.hash
    )
    fds.checkpoint = os.open(path, os.O_WRONLY)
    _write_checkpoint(fds.checkpoint, checkpoint, calls)
    calls.fdatasync(fds.checkpoint)
    return checkpoint


def _write_checkpoint(fd: int, checkpoint: Checkpoint, calls: FileCalls) -> None:
    content, offset = checkpoint.slot()
    if calls.pwrite(fd, content, offset) != len(content):
        raise OSError(0, "the file system took only a part of the checkpoint")
