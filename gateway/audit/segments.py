"""The record's folder: names of segments, bounded reading of their lines, durable creation of a new one.

A segment is ``<writer>.<number, eight digits>.jsonl``. It comes into being whole: its first lines are written to a
temporary name, synced, renamed, and the folder is synced, so a segment without its head is never the work of a crash.
"""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from gateway.audit.chain import MAX_LINE_BYTES, read_tail

WRITER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SEGMENT_NAME: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([0-9]{8,12})\.jsonl")
_UNFINISHED: Final = ".unfinished"
_END: Final = b"\n"[0]
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True)
class FileCalls:
    """The system calls durability hangs on; a test puts a counting or failing one in place."""

    write: Callable[[int, bytes], int] = os.write
    pwrite: Callable[[int, bytes, int], int] = os.pwrite
    fdatasync: Callable[[int], None] = os.fdatasync
    fsync: Callable[[int], None] = os.fsync


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of one writer's chain."""

    writer: str
    number: int
    path: Path

    @property
    def name(self) -> str:
        """The file's name, as reports give it."""
        return self.path.name


class RawLine(NamedTuple):
    """One line as it lies in the file. ``raw`` is None where it is longer than any entry can be."""

    number: int  # from 1
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class TornRest:
    """What is no entry at the end of a segment: a line that a crash or a full disk cut short; or everything from the
    first line on that holds a zero byte (``zeros``), which no entry does. That a power cut leaves where a file had
    grown on the disk and not all of its content had got there."""

    line: int
    size: int
    sha256: str
    zeros: bool = False


def segment_path(directory: Path, writer: str, number: int) -> Path:
    """Where the segment of this number lies."""
    return directory / f"{writer}.{number:08d}.jsonl"


def list_segments(directory: Path) -> dict[str, list[Segment]]:
    """Every writer's segments, in order. Raises OSError where the folder cannot be read."""
    found: dict[str, list[Segment]] = {}
    for name in sorted(os.listdir(directory)):
        match = _SEGMENT_NAME.fullmatch(name)
        if match is not None:
            found.setdefault(match[1], []).append(Segment(match[1], int(match[2]), directory / name))
    for segments in found.values():
        segments.sort()
    return found


def read_lines(segment: Segment, start: int = 0) -> Iterator[RawLine | TornRest]:
    """The segment's lines one by one, counted from this byte on, and last the torn rest if there is one. Holds one line
    in memory at most."""
    with segment.path.open("rb") as file:
        file.seek(start)
        number = 0
        while raw := file.readline(MAX_LINE_BYTES):
            number += 1
            zeros = b"\0" in raw
            if raw[-1] == _END and not zeros:
                yield RawLine(number, raw)
                continue
            digest, size = sha256(raw), len(raw)
            # A piece that is short is the end of the file, also where it has grown since: the rest of what is being
            # written there is not another line.
            while zeros or (len(raw) == MAX_LINE_BYTES and raw[-1] != _END):
                if not (raw := file.readline(MAX_LINE_BYTES)):
                    break
                digest.update(raw)
                size += len(raw)
            if not raw.endswith(b"\n"):
                yield TornRest(number, size, digest.hexdigest(), zeros)
                return
            yield RawLine(number, None)


def first_seq(path: Path) -> int | None:
    """The number of a segment's first entry. Raises OSError."""
    with path.open("rb") as file:
        tail = read_tail(file.readline(MAX_LINE_BYTES))
    return None if tail is None else tail[0]


def find_decision(segments: Iterable[Segment], decision_id: str) -> bytes | None:
    """The line of a decision's full entry, wherever in these segments it is; nothing is taken apart on the way."""
    named = f'"decision_id":{json.dumps(decision_id, ensure_ascii=False)}'.encode()
    for segment in segments:
        with segment.path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                continue
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                at = content.find(named)
                while at >= 0:
                    end = content.find(b"\n", at)
                    line = content[content.rfind(b"\n", 0, at) + 1 : end + 1]
                    if b'"kind":"decision"' in line:
                        return line
                    at = content.find(named, end) if end >= 0 else -1
    return None


def make_folder(directory: Path, calls: FileCalls) -> None:
    """The folder, with mode 0700 where it is new; an existing one keeps the mode its owner gave it."""
    if not directory.exists():
        directory.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        sync_folder(directory.parent, calls)


def sync_folder(directory: Path, calls: FileCalls) -> None:
    """Make the folder's entries durable: a file that is synced but has no name after a power cut is lost."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        calls.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, content: bytes, calls: FileCalls) -> None:
    """Write all of it. Where the kernel takes only a part, it takes the rest then, or says why not: OSError."""
    while content:
        written = calls.write(fd, content)
        if written <= 0:
            raise OSError("the file system took only a part")
        content = content[written:]


def create_file(path: Path, content: bytes, calls: FileCalls) -> int:
    """Create a file with this content, durably and all at once; returns it open for appending.

    Raises OSError, also where the name is taken: nothing is ever overwritten.
    """
    if path.exists():  # rename would replace it; the writer's lock keeps others from making it meanwhile
        raise FileExistsError(f"{path.name} exists")
    unfinished = path.with_name(path.name + _UNFINISHED)
    unfinished.unlink(missing_ok=True)  # of a crash during an earlier attempt; it was never part of the record
    fd = os.open(unfinished, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    try:
        write_all(fd, content, calls)
        calls.fsync(fd)
        unfinished.rename(path)
        sync_folder(path.parent, calls)
    except BaseException:
        os.close(fd)
        raise
    return fd
