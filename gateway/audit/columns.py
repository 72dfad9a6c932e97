"""``columns/`` beside the segments: what of them was laid out by columns, to be asked quickly. Names, and what goes.

It says nothing that the segments do not, and is as much about people as they are: it is made only of a segment whose
chain holds, is the owner's alone, and goes when its segment goes. A folder in it is of a piece of one segment: its name
has the hash before the piece's first entry and that of its last one, where it begins, and how many bytes it takes. A
segment that has ended is one piece. One that still grows is several, each at least twice as long as the one behind it:
for a question only what is new is laid out, and now and then together with the last ones before it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.audit.chain import GENESIS, HASH_BYTES, MAX_LINE_BYTES, TAIL_BYTES, read_tail
from gateway.audit.segments import Segment, TornRest, read_lines

FOLDER: Final = "columns"
LAYOUT: Final = 3  # of the files in it: what another version laid out is made anew
_SHORT: Final = 16
_DIGEST: Final = len(',"hash":"')
_PREV: Final = len(GENESIS) + 1  # from the end of what is hashed
_NAME: Final = re.compile(
    r"(?P<writer>.+)\.(?P<number>[0-9]{8,12})\.(?P<before>[0-9a-f]{16})-(?P<last>[0-9a-f]{16})"
    r"\.(?:(?P<start>[0-9]+)-)?(?P<size>[0-9]+)\.v(?P<layout>[0-9]+)"
)


class ChainBroken(Exception):
    """A segment's lines do not follow each other: nothing is laid out of it, nor told. `sekisho audit verify` says
    what was done to it."""

    def __init__(self, segment: Segment, line: int) -> None:
        super().__init__(f"{segment.name} line {line} does not continue the chain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A piece of a segment whose lines follow each other, as far as they do."""

    segment: Segment
    before: str  # the hash its first line continues
    last: str
    lines: int
    start: int
    size: int  # bytes of whole lines

    @property
    def name(self) -> str:
        """Of its folder."""
        chain = f"{self.before[:_SHORT]}-{self.last[:_SHORT]}"
        return f"{self.segment.writer}.{self.segment.number:08d}.{chain}.{self.start}-{self.size}.v{LAYOUT}"

    def laid(self, path: Path) -> Laid:
        """As it is found again."""
        before, last = self.before[:_SHORT], self.last[:_SHORT]
        return Laid(path, self.segment.writer, self.segment.number, before, last, self.start, self.size)


@dataclass(frozen=True, slots=True)
class Laid:
    """A folder of ``columns/``: of which piece, and how that stood in its chain."""

    path: Path
    writer: str
    number: int
    before: str
    last: str
    start: int
    size: int

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.start + self.size

    def fits(self, segment: Segment) -> bool:
        """Whether the piece still ends where it did when it was laid out."""
        with segment.path.open("rb") as file:
            file.seek(max(0, self.end - TAIL_BYTES))
            tail = read_tail(file.read(min(self.end, TAIL_BYTES)))
        return tail is not None and tail[1].startswith(self.last) and segment.path.stat().st_size >= self.end


def check(segment: Segment, start: int = 0, before: str = "") -> Held | None:
    """Go over a segment's lines, from a line on that continues this hash. None: there is none. Raises ChainBroken, and
    OSError where it cannot be read."""
    first, last, size, count = b"", b"", 0, 0
    raw = b""
    for line in read_lines(segment, start):
        if isinstance(line, TornRest):
            break
        raw = line.raw or b""
        # Bytes only: of ten million lines each is looked at for a microsecond. Its number is part of what is hashed.
        content, tail = raw[:-HASH_BYTES], raw[-HASH_BYTES:]
        prev, digest = content[-_PREV:-1], tail[_DIGEST:-3]
        follows = prev == last if count else prev.startswith(before.encode())
        if not follows or sha256(content).hexdigest().encode() != digest:
            raise ChainBroken(segment, _lines_before(segment, start) + line.number)
        first = first or prev
        last = digest
        size += len(raw)
        count += 1
    if count == 0 and start:
        return None
    if read_tail(raw) is None:
        raise ChainBroken(segment, _lines_before(segment, start) + (count or 1))
    return Held(segment=segment, before=first.decode(), last=last.decode(), lines=count, start=start, size=size)


def _lines_before(segment: Segment, start: int) -> int:
    """Asked for once, of a chain that is broken."""
    with segment.path.open("rb") as file:
        return file.read(start).count(b"\n")


def covered(segment: Segment, pieces: Iterable[Laid]) -> list[Laid]:
    """Pieces that fit, one behind the other from the segment's beginning, as far as there are any."""
    chain: list[Laid] = []
    for one in sorted(pieces, key=lambda one: (one.start, -one.size)):
        end, last = (chain[-1].end, chain[-1].last) if chain else (0, one.before)
        if (one.start, one.before) == (end, last) and one.fits(segment):
            chain.append(one)
    return chain


def more(segment: Segment, end: int) -> bool:
    """Whether there are whole lines behind this byte."""
    with segment.path.open("rb") as file:
        file.seek(end)
        line = file.readline(MAX_LINE_BYTES)
    return line.endswith(b"\n") and b"\0" not in line


def again(chain: list[Laid], size: int) -> list[Laid]:
    """Of the pieces of a segment of this many bytes those that stay as they are, while what is behind them is laid
    out: each is longer than all behind it, so that there are few."""
    kept = [*chain]
    while kept and kept[-1].size <= size - kept[-1].end:
        kept.pop()
    return kept


def laid(directory: Path) -> Iterator[Laid]:
    """What was laid out, by this version."""
    folder = directory / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is not None and int(match["layout"]) == LAYOUT:
            place = int(match["start"] or 0), int(match["size"])
            yield Laid(path, match["writer"], int(match["number"]), match["before"], match["last"], *place)


def forget(directory: Path, writer: str, number: int) -> None:
    """Take away what was laid out of a segment, of whichever version: the segment goes, or is not what it was."""
    folder = directory / FOLDER
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is not None and (match["writer"], int(match["number"])) == (writer, number):
            shutil.rmtree(path)
