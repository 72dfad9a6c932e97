"""Following a record while it is written: the lines of every writer behind a position, each once, in its chain's order.

The only reader of segments that are still growing: sinks ship from it, and whoever looks at the record live reads by
it. It holds one batch in memory, keeps no file open, and takes what lies in the folder as it comes: a line that is not
whole yet (or never will be) is waited for, a full segment is left for the next one, segments that were pruned are
passed over, and writers that appear are followed from their first entry. What it hands on is not verified: that is
`gateway.audit.verify`.

``synced``: only what has reached the disk is handed on. A sink must not have an entry that a power cut takes back, for
the chain would then go on with another one in its place. What a writer wrote that never came back to sync it, after a
crash, is synced here (``settle``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.chain import GENESIS, MAX_LINE_BYTES, TAIL_BYTES, read_line, read_tail
from gateway.audit.checkpoint import CheckpointUnreadable, read_checkpoint
from gateway.audit.segments import Segment, first_seq, list_segments, segment_path
from gateway.model import JsonValue

LINES: Final = 1000
BATCH_BYTES: Final = 1024 * 1024
_BUFFER: Final = 65_536


@dataclass(frozen=True, slots=True)
class Position:
    """Behind which entry a reader stands; -1: before the first. Only ``seq`` has to be known.

    ``hash``: by which a chain that was put in another's place is noticed; it is then read from its beginning.
    ``segment`` and ``offset``: where the entry ends in the files, so that it need not be looked for.
    """

    seq: int = -1
    hash: str = ""
    segment: int = -1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it lies in the record, newline included."""

    writer: str
    seq: int
    hash: str
    raw: bytes
    missing: int = 0  # entries before it that the folder does not hold (any more)
    segment: int = -1
    offset: int = 0  # behind it

    @property
    def position(self) -> Position:
        """Of whoever has taken it."""
        return Position(self.seq, self.hash, self.segment, self.offset)

    @property
    def entry(self) -> Mapping[str, JsonValue]:
        """The entry, parsed; empty where it is no JSON object: nothing is passed over, nor guessed."""
        try:
            value = json.loads(self.raw)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def before(directory: Path, at_us: int) -> dict[str, Position]:
    """Of each writer a position before everything recorded from this moment on: it need not be read from the first
    entry. Raises OSError."""
    found: dict[str, Position] = {}
    for writer, segments in list_segments(directory).items():
        for segment in reversed(segments):
            first = _first_line(segment.path)
            moment = first.entry.get("at_us") if first is not None else None
            if first is not None and isinstance(moment, int) and moment <= at_us:
                found[writer] = Position(first.seq - 1)
                break
    return found


class Follower:
    """Every writer of one folder. For one thread at a time. All methods raise OSError where a file cannot be read."""

    def __init__(
        self, directory: Path, positions: Mapping[str, Position] | None = None, *, synced: bool = False
    ) -> None:
        """``positions``: of writers not read from their beginning."""
        self._directory = directory
        self._synced = synced
        self._positions = dict(positions or {})
        self._cursors: dict[str, _Cursor] = {}
        self._settled: dict[str, Position] = {}  # how far a writer's entries were synced here
        self._lately: dict[str, Position] = {}  # where its chain ended at the last ``settle``
        self._turn = 0
        self._looked = False

    @classmethod
    def from_end(cls, directory: Path, *, synced: bool = False) -> Follower:
        """Of what is written from now on."""
        ends = {writer: _end(segments) for writer, segments in list_segments(directory).items()}
        return cls(directory, ends, synced=synced)

    @classmethod
    def of_last(cls, directory: Path, size: int) -> Follower:
        """Of the last so many bytes of every writer, or all of them, and of what is written from now on."""
        return cls(directory, {writer: _back(chain, size) for writer, chain in list_segments(directory).items()})

    @property
    def positions(self) -> dict[str, Position]:
        """Where the reader stands with every writer, those included that have nothing in the folder any more."""
        return self._positions | {writer: cursor.position for writer, cursor in self._cursors.items()}

    def look(self) -> None:
        """Find writers that have appeared. To be called now and then: ``read`` finds only further segments."""
        for writer, segments in list_segments(self._directory).items():
            cursor = self._cursors.get(writer)
            if cursor is None:
                start = self._positions.get(writer, Position())
                self._cursors[writer] = cursor = _Cursor(self._directory, writer, start)
            cursor.numbers = [segment.number for segment in segments]
        self._looked = True

    def read(self, *, lines: int = LINES, size: int = BATCH_BYTES) -> list[Line]:
        """The next entries: so many, and so many bytes, at the most; one, if it is longer. Writers take turns in
        coming first, so that none waits for the others' backlog to end."""
        if not self._looked:
            self.look()
        found: list[Line] = []
        writers = sorted(self._cursors)
        for place in range(len(writers)):
            writer = writers[(self._turn + place) % len(writers)]
            for line in self._cursors[writer].lines(self._until(writer)):
                found.append(line)
                size -= len(line.raw)
                if len(found) >= lines or size <= 0:
                    self._turn += place + 1
                    return found
        return found

    def nexts(self) -> list[Line]:
        """The next entry of every writer that has one. Those are read."""
        if not self._looked:
            self.look()
        found = (next(self._cursors[writer].lines(self._until(writer)), None) for writer in sorted(self._cursors))
        return [line for line in found if line is not None]

    def unread(self) -> int:
        """Bytes of segments behind the positions, of entries not synced yet too."""
        self.look()
        return sum(cursor.unread() for cursor in self._cursors.values())

    def settle(self) -> None:
        """Sync what writers left behind that are gone: what lies behind a checkpoint that has not moved since the last
        call, which was so long ago that a writer at work would have synced it."""
        for writer, segments in list_segments(self._directory).items():
            end = _end(segments)
            if end.seq <= self._until(writer):
                self._lately.pop(writer, None)
            elif self._lately.get(writer) != end:
                self._lately[writer] = end
            else:
                fd = os.open(segments[-1].path, os.O_RDONLY)
                try:
                    os.fdatasync(fd)
                finally:
                    os.close(fd)
                self._settled[writer] = end

    def _until(self, writer: str) -> int:
        """The last entry that may be handed on."""
        if not self._synced:
            return _NO_END
        settled = self._settled.get(writer, Position()).seq
        try:
            checkpoint = read_checkpoint(self._directory, writer)
        except CheckpointUnreadable:
            return settled  # for verify to tell; the entries come nevertheless, when they are settled
        return max(settled, -1 if checkpoint is None else checkpoint.seq)


_NO_END: Final = 1 << 63


class _Cursor:
    """The place in one writer's segments."""

    __slots__ = ("_directory", "_found", "_sealed", "_writer", "numbers", "position")

    def __init__(self, directory: Path, writer: str, start: Position) -> None:
        self._directory, self._writer = directory, writer
        self.position = start
        self.numbers: list[int] = []  # of the segments there were at the last look
        self._found = False  # the position's place in the files is known to be right
        self._sealed = False  # the next segment was there already when this one's end was read

    def lines(self, until: int) -> Iterator[Line]:
        """Whole lines up to that entry. Whoever stops taking them stands behind the last one taken."""
        if self.position.seq >= until or not (self._found or self._find()):
            return
        while True:
            yield from self._segment_lines(until)
            if self.position.seq >= until or not self._more():
                return

    def unread(self) -> int:
        """Bytes behind the position."""
        if not self._found and self.position.segment < 0:
            self._find()
        at = self.position
        sizes = {number: _size(self._path(number)) for number in self.numbers if number >= at.segment}
        return max(0, sum(sizes.values()) - min(at.offset, sizes.get(at.segment, 0)))

    def _path(self, number: int) -> Path:
        return segment_path(self._directory, self._writer, number)

    def _segment_lines(self, until: int) -> Iterator[Line]:
        """Those of the segment the position is in."""
        try:
            file = self._path(self.position.segment).open("rb", buffering=_BUFFER)
        except FileNotFoundError:  # pruned while it was read
            self._sealed = True
            return
        with file:
            offset = file.seek(min(self.position.offset, os.fstat(file.fileno()).st_size))
            while raw := file.readline(MAX_LINE_BYTES):
                if b"\0" in raw:  # nothing behind it is an entry: the chain goes on in the next segment
                    return
                size = len(raw)
                while not raw.endswith(b"\n"):
                    if len(raw) < MAX_LINE_BYTES:  # not whole, or not yet: its end may come while it is read
                        return
                    raw = file.readline(MAX_LINE_BYTES)  # longer than any entry can be
                    size += len(raw)
                offset += size
                at = self.position
                line = self._line(raw, offset) if size == len(raw) else None
                if line is None:  # not an entry: the next one tells that some are missing
                    self.position = Position(at.seq, at.hash, at.segment, offset)
                    continue
                if line.seq > until:
                    return
                self.position = line.position
                yield line

    def _line(self, raw: bytes, offset: int) -> Line | None:
        """The entry, if it is one that follows."""
        tail = read_tail(raw)
        expected = self.position.seq + 1
        if tail is None or tail[0] < expected:
            return None
        if tail[0] > expected:
            # A line with a far too high number must not make all that follow look as if they had been read.
            link = read_line(raw)
            if link is None or not link.authentic:
                return None
        return Line(self._writer, tail[0], tail[1], raw, tail[0] - expected, self.position.segment, offset)

    def _more(self) -> bool:
        """At the end of a segment: whether there is more to read, in it after all or in the next one."""
        number = self.position.segment + 1
        if not self._path(number).exists():
            later = [other for other in self.numbers if other > number and self._path(other).exists()]
            if not later:
                return False
            number = later[0]
        if self._sealed:
            at = self.position
            self.position, self._sealed = Position(at.seq, at.hash, number, 0), False
        else:  # read once more: nothing is written to a segment when the next one is there
            self._sealed = True
        return True

    def _find(self) -> bool:
        """Find the position's place in the files. False while there is none."""
        at = self.position
        if at.segment in self.numbers and at.offset and _ends(self._path(at.segment), at.offset) == (at.seq, at.hash):
            self._found = True
            return True
        if not self.numbers:
            return False
        for number in reversed(self.numbers):
            first = first_seq(self._path(number))
            if number == self.numbers[0] or (first is not None and first <= at.seq + 1):
                break
        self.position, self._found = self._place(at, number), True
        return True

    def _place(self, at: Position, number: int) -> Position:
        """Behind the position's entry, which is in this segment if it is anywhere."""
        before = Position(at.seq, at.hash, number, 0)
        if at.seq < 0:
            return before
        offset = 0
        with self._path(number).open("rb", buffering=_BUFFER) as file:
            while (raw := file.readline(MAX_LINE_BYTES)).endswith(b"\n"):
                offset += len(raw)
                tail = read_tail(raw)
                if tail is None or tail[0] < at.seq:
                    continue
                if tail[0] > at.seq:  # it is not there any more
                    return before
                if at.hash in ("", tail[1]):
                    return Position(at.seq, tail[1], number, offset)
                break
        # Another chain lies here than the one the position is of, or one that has not come so far.
        return before if not at.hash else Position(-1, GENESIS, self.numbers[0], 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _first_line(path: Path) -> Line | None:
    with path.open("rb") as file:
        raw = file.readline(MAX_LINE_BYTES)
    tail = read_tail(raw)
    return None if tail is None else Line("", tail[0], tail[1], raw)


def _ends(path: Path, offset: int) -> tuple[int, str] | None:
    """Seq and hash of the line that ends there."""
    with path.open("rb") as file:
        file.seek(max(0, offset - TAIL_BYTES))
        return read_tail(file.read(min(offset, TAIL_BYTES)))


def _end(segments: list[Segment]) -> Position:
    """Behind the last whole line of a chain, found from its end."""
    for segment in reversed(segments):
        with segment.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            length = _BUFFER
            while True:
                start = file.seek(max(0, size - length))
                offset = start + file.read(size - start).rfind(b"\n") + 1
                if offset > start or start == 0 or length > MAX_LINE_BYTES:
                    break
                length *= 4
        tail = _ends(segment.path, offset) if offset else None
        if tail is not None:
            return Position(tail[0], tail[1], segment.number, offset)
    return Position()


def _back(segments: list[Segment], size: int) -> Position:
    """Behind which entry so many bytes are left, at the most."""
    for segment in reversed(segments):
        length = _size(segment.path)
        if length >= size:
            with segment.path.open("rb") as file:
                file.seek(length - size)
                file.readline(MAX_LINE_BYTES)
                offset = file.tell()
            end = _ends(segment.path, offset)
            return Position() if end is None else Position(end[0], end[1], segment.number, offset)
        size -= length
    return Position()
