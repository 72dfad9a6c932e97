"""``RecordWriter``: one writer's chain on disk. Thread-safe; never drops an entry in silence.

WRITTEN: one ``os.write``, then the entry survives the process. SYNCED: group commit; a thread of the writer's own
calls one ``fdatasync`` for all entries that wait, moves the checkpoint, then calls their callbacks
(`gateway.audit.commit`). The same thread syncs written entries within a second. What is ``queue``d has its place in the
chain, and goes with the next write of any entry, or at ``flush``: many entries, one call.

A full disk stops the writer until there is room (`gateway.audit.full`): every append raises RecordUnavailable, or waits
where it is ``patient``, and the writer's thread tries again by itself. Any other failure of the disk ends the writer:
this and every later append raise, and who waits is told. A failed ``fdatasync`` is never tried again: the kernel may
have dropped the pages and would then report success.

A clock that goes back is marked: an entry says so before the first one of the new time.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from gateway.audit.chain import EntryInvalid, canonical, link
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.commit import GroupCommit
from gateway.audit.damage import CLOCK_TOLERANCE_US
from gateway.audit.files import Descriptors, open_files, opening
from gateway.audit.folder import lock_alone, lock_as_worker, lock_beside
from gateway.audit.full import Batch, Full, OnDurable, is_full, landed, tell
from gateway.audit.resume import End, find_end
from gateway.audit.segments import WRITER_NAME, FileCalls, create_file, segment_path, write_all
from gateway.errors import ConfigError, Reason, RecordUnavailable
from gateway.model import Durability, JsonValue

SYNC_INTERVAL_S: Final = 0.5  # written entries are on disk within a second: half of it to wait, half for the disk
MIN_SEGMENT_BYTES: Final = 4096

_log = logging.getLogger(__name__)


class RecordWriter:
    """Made by ``open``; to be closed. A writer that failed stays failed: close it and open a new one."""

    def __init__(
        self, directory: Path, checkpoint: Checkpoint, end: End, fds: Descriptors, segment_bytes: int, calls: FileCalls
    ) -> None:
        self._directory, self._writer = directory, checkpoint.writer
        self._segment_bytes, self._calls, self._fds = segment_bytes, calls, fds
        self._commit = GroupCommit(checkpoint, fds, calls)  # of the sync thread alone
        # taken out under the lock, put in without it: each is one step of the deque's; nobody waits for noted ones
        self._queued: deque[str] = deque()
        self._noted: deque[str] = deque()
        self._queued_us = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        # guarded by the lock:
        self._segment, self._seq, self._prev = end.segment, end.seq + 1, end.hash
        self._size, self._torn, self._latest_us = end.size, end.torn, end.latest_us
        self._full: Full | None = None
        self._denied = False  # entries that were queued found no room: whoever asks for them next is told
        self._ended: list[tuple[int, int, str]] = []
        self._retired: list[int] = []  # full segments, for the sync thread to close: it may be syncing one
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
            problems.append(f"record: the writer's name {writer!r} is not 1 to 64 letters, digits, dots, dashes or _")
        if segment_bytes < MIN_SEGMENT_BYTES:
            problems.append(f"record.segment_bytes: {segment_bytes} is less than {MIN_SEGMENT_BYTES}")
        if problems:
            raise ConfigError(problems)
        calls = calls or FileCalls()
        fds = Descriptors()
        try:
            if beside:
                fds.lock = lock_beside(directory, writer, calls)
            else:
                fds.lock = lock_as_worker(directory, writer) if shared else lock_alone(directory, calls)
            end = find_end(directory, writer)
            checkpoint = open_files(directory, writer, end, fds, calls)
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
        return not self._failure and not self._closing and self._full is None

    @property
    def synced(self) -> Checkpoint:
        """What was on disk when the last group was synced."""
        return self._commit.state

    def ended(self) -> list[tuple[int, int, str]]:
        """Segments that have ended, each with its last seq and hash; each is told once."""
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    @property
    def tail(self) -> tuple[int, str]:
        """Seq and hash of the last entry written; -1 before the first."""
        with self._lock:
            return self._seq - 1, self._prev

    def append(
        self,
        entry: Mapping[str, JsonValue],
        durability: Durability,
        on_durable: OnDurable,
        *,
        patient: bool = False,
        owed: bool = False,
    ) -> bool:
        """Write an entry. True: it is durable as asked, and ``on_durable`` is not called. False: ``on_durable`` will
        be called once, from the writer's thread, with None or with what went wrong.

        Where the disk is full, one that is ``patient`` waits for room, until ``withdraw``; one that is ``owed`` is
        written when there is some, and nobody is told. Raises RecordUnavailable where it could not be written;
        ``on_durable`` is then not called.
        """
        try:
            body = canonical(entry)
        except EntryInvalid as error:
            # The caller's fault: this entry is refused, and with it what it was for; the chain is unharmed.
            _log.error("record_entry_invalid", extra={"detail": str(error)})
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, "the entry cannot be written") from error
        at = entry.get("at_us")
        at_us = at if isinstance(at, int) else 0
        self._part(at_us)
        with self._lock:
            if patient and self._full is not None:
                self._full.wait(body, on_durable)
                return False
            alone, denied = not owed and not self._queued, self._denied
            (self._noted if owed else self._queued).append(body)
            try:
                self._write_queued(at_us)
            except RecordUnavailable:
                self._denied = denied if alone else self._denied
                if owed and self._full is not None:
                    return False
                raise
            if durability is Durability.WRITTEN:
                return True
            self._wait(on_durable)
        return False

    def withdraw(self, on_durable: OnDurable) -> bool:
        """Take back a patient entry. False: it does not wait any more, or never did."""
        with self._lock:
            return self._full is not None and self._full.withdraw(on_durable)

    def queue(self, body: str, at_us: int) -> None:
        """Take an entry whose canonical text is made already (`gateway.audit.ready`), for the next write. Whoever acts
        upon it waits for ``flush``."""
        self._part(at_us)
        self._queued.append(body)

    def note(self, body: str, at_us: int) -> None:
        """The same for one that nobody waits for: it survives a full disk in memory, until there is room."""
        self._part(at_us)
        self._noted.append(body)

    def _part(self, at_us: int) -> None:
        """A mark stands before all that goes with one write: what was queued before the clock jumped goes now."""
        jumped = abs(at_us - self._queued_us) > CLOCK_TOLERANCE_US
        if jumped and (self._queued or self._noted):
            with self._lock, suppress(RecordUnavailable):  # who flushes is told of it
                self._write_queued(self._queued_us)
        if jumped or at_us > self._queued_us:
            self._queued_us = at_us

    def flush(self) -> None:
        """Write what is queued. Raises RecordUnavailable, also where such an entry has failed with another's write."""
        with self._lock:
            self._flush()

    def sync(self, on_durable: OnDurable) -> None:
        """Call back when everything so far is on disk, as ``append`` does. Raises RecordUnavailable."""
        with self._lock:
            self._flush()
            self._wait(on_durable)

    def _flush(self) -> None:
        denied = self._denied
        try:
            self._write_queued(self._queued_us)
        finally:
            self._denied = False
        if denied:
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, "an entry of these found no room")

    def _wait(self, on_durable: OnDurable) -> None:
        self._waiting.append(on_durable)
        if len(self._waiting) == 1:
            self._wake.notify()

    def _write_queued(self, at_us: int) -> None:
        """One write for all that is queued; the lock is held."""
        queued, noted = self._queued, self._noted
        count, notes = len(queued), len(noted)  # what comes from now on goes with the next
        if self._failure or self._closing:
            queued.clear()
            noted.clear()
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._failure or "the record is closed")
        if not count and not notes:
            if self._full is None:
                return
            at_us = self._latest_us
        batch: Batch | None = None  # what goes before the queued ones
        if notes or self._full is not None or self._latest_us - at_us > CLOCK_TOLERANCE_US:
            batch = Batch([noted.popleft() for _ in range(notes)])
            batch.begin(self._latest_us, at_us, self._full)
        made: list[bytes] = []
        try:
            if self._fds.segment < 0 or self._size >= self._segment_bytes or self._torn is not None:
                # a head of an earlier time would come before the mark that says so
                self._begin_segment(max(at_us, self._latest_us))
            seq, digest = self._seq, self._prev
            if batch is not None:
                for body in batch.bodies:
                    line, digest = link(body, seq, digest)
                    made.append(line)
                    seq += 1
            for place in range(seq, seq + count):
                line, digest = link(queued.popleft(), place, digest)
                made.append(line)
            lines = b"".join(made)
            written = self._calls.write(self._fds.segment, lines)
            if written != len(lines):
                write_all(self._fds.segment, lines[written:], self._calls)
            self._seq = seq + count
            self._prev = digest
            self._size += len(lines)
        except OSError as error:
            if not made:  # nor taken out of the queue
                for _ in range(count):
                    queued.popleft()
            raise self._stumble(error, made, batch or Batch([]), count, at_us) from error
        except BaseException:
            # an interrupt between write and count would make the next entry claim a taken place
            self._fail("writing was interrupted")
            raise
        if at_us > self._latest_us or (batch is not None and batch.first):
            self._latest_us = at_us
        if self._full is not None:
            _log.warning("record_writable_again", extra={"writer": self._writer, "refused": self._full.refused})
            self._waiting += self._full.taken(len(self._full.patient))
            self._full = None

    def _stumble(self, error: OSError, made: list[bytes], batch: Batch, count: int, at_us: int) -> RecordUnavailable:
        """A write failed; the lock is held. Where the disk is only full, what landed of it is taken in and what is owed
        is kept; anything else ends the writer."""
        next_one = segment_path(self._directory, self._writer, self._segment + 1)
        if not is_full(error) or next_one.exists():  # there, and perhaps not durably so
            return self._fail(error.strerror or str(error))
        try:
            left = landed(segment_path(self._directory, self._writer, self._segment), self._size, made)
        except OSError as unreadable:
            return self._fail(unreadable.strerror or str(unreadable))
        if left is None:
            return self._fail("a write that failed left something else behind")
        self._seq, self._size = self._seq + left.lines, self._size + left.size
        self._prev, self._torn = left.hash or self._prev, left.torn or self._torn
        if self._full is None:
            _log.error("record_full", extra={"detail": error.strerror, "writer": self._writer})
            self._full = Full(why=error.strerror or "the disk is full", since_us=at_us)
        self._denied = self._denied or count > 0
        owed, written = self._full.stumbled(batch, count, left.lines, at_us)
        self._noted.extendleft(reversed(owed))
        self._waiting += written
        return RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._full.why)

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

    def _begin_segment(self, at_us: int) -> None:
        """Start the next segment. The full one is synced first: no power cut may shorten it to less than that says."""
        if self._fds.segment >= 0:
            try:
                self._calls.fdatasync(self._fds.segment)
            except OSError as error:  # whatever it says: what it was to sync may be gone
                raise self._fail(error.strerror or str(error)) from error
        number = self._segment + 1
        content, seq, prev = opening(self._writer, number, self._torn, at_us, self._seq, self._prev)
        fd = create_file(segment_path(self._directory, self._writer, number), content, self._calls)
        if self._fds.segment >= 0:
            self._retired.append(self._fds.segment)
        self._ended.append((self._segment, self._seq - 1, self._prev))
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
        """One group. False when the writer is closed."""
        with self._lock:
            if not self._waiting and not self._closing:
                self._wake.wait(SYNC_INTERVAL_S)
            if self._full is not None and not self._closing and not self._failure:
                with suppress(RecordUnavailable):  # told to whoever comes; here only somebody looks for room
                    self._write_queued(self._latest_us)
            waiting, self._waiting = self._waiting, []
            retired, self._retired = self._retired, []
            closing, fd = self._closing, self._fds.segment
            whole = closing and self._torn is None  # a torn tail is marked when the writer is opened again
            reached = (self._segment, self._seq - 1, self._prev)
            failure = RecordUnavailable(Reason.RECORD_UNAVAILABLE, self._failure) if self._failure else None
            refused = self._full.taken(len(self._full.patient)) if self._full and (closing or failure) else []
        if failure is None:
            failure = self._tried(partial(self._commit.advance, fd, reached, ends=closing, closed=whole))
        for callback in waiting:
            tell(callback, failure)
        for callback in refused:
            tell(callback, RecordUnavailable(Reason.RECORD_UNAVAILABLE, "the disk is full"))
        if failure is None:
            self._tried(partial(self._commit.keep, settle=closing or not waiting))
        for full in retired:
            self._tried(partial(os.close, full))
        return not closing

    def _tried(self, step: Callable[[], None]) -> RecordUnavailable | None:
        """What went wrong with a step of the sync thread, which ends the writer."""
        try:
            step()
        except BaseException as error:  # an edge: whatever it is, those who wait must be told
            if not isinstance(error, OSError):
                _log.exception("record_sync_failed")
            with self._lock:
                return self._fail(getattr(error, "strerror", None) or "the record could not be synced")
        return None
