"""The files a writer holds open, and how they are opened again after whatever ended the writer before it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.audit.chain import canonical, link
from gateway.audit.checkpoint import Checkpoint, checkpoint_path
from gateway.audit.damage import SEGMENT_HEAD, TORN_TAIL, TornTail
from gateway.audit.folder import FolderLock
from gateway.audit.record import SCHEMA_VERSION
from gateway.audit.resume import End
from gateway.audit.segments import FileCalls, create_file
from gateway.model import JsonValue


class Descriptors:
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


def opening(writer: str, number: int, torn: TornTail | None, at_us: int, seq: int, prev: str) -> tuple[bytes, int, str]:
    """The first lines of a segment, the seq of what follows them, and the hash it is chained to."""
    entries: list[dict[str, JsonValue]] = [{"kind": SEGMENT_HEAD, "writer": writer, "segment": number}]
    if torn is not None:
        entries.append(
            {
                "kind": TORN_TAIL,
                "segment": number - 1,
                "line": torn.line,
                "bytes": torn.size,
                "sha256": torn.sha256,
            }
        )
    content = b""
    for entry in entries:
        line, prev = link(canonical({**entry, "schema_version": SCHEMA_VERSION, "at_us": at_us}), seq, prev)
        content += line
        seq += 1
    return content, seq, prev


def open_files(directory: Path, writer: str, end: End, fds: Descriptors, calls: FileCalls) -> Checkpoint:
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
    write_checkpoint(fds.checkpoint, checkpoint, calls)
    calls.fdatasync(fds.checkpoint)
    return checkpoint


def write_checkpoint(fd: int, checkpoint: Checkpoint, calls: FileCalls) -> None:
    content, offset = checkpoint.slot()
    if calls.pwrite(fd, content, offset) != len(content):
        raise OSError(0, "the file system took only a part of the checkpoint")
