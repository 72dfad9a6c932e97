"""``columns/`` beside the segments: what of them was laid out by columns, to be asked quickly. Names, and what goes.

It says nothing that the segments do not, and is as much about people as they are: it is made only of a segment whose
chain holds, is the owner's alone, and goes when its segment goes. A folder in it is of one segment as it was: its name
has the hash before the segment's first entry and that of its last one, and how many bytes they take.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.audit.chain import GENESIS, HASH_BYTES, TAIL_BYTES, read_tail
from gateway.audit.segments import Segment, TornRest, read_lines

FOLDER: Final = "columns"
LAYOUT: Final = 2  # of the files in it: what another version laid out is made anew
_SHORT: Final = 16
_DIGEST: Final = len(',"hash":"')
_PREV: Final = len(GENESIS) + 1  # from the end of what is hashed
_NAME: Final = re.compile(
    r"(?P<writer>.+)\.(?P<number>[0-9]{8,12})\.(?P<before>[0-9a-f]{16})-(?P<last>[0-9a-f]{16})\.(?P<size>[0-9]+)"
    r"\.v(?P<layout>[0-9]+)"
)


class ChainBroken(Exception):
    """A segment's lines do not follow each other: nothing is laid out of it, nor told. `sekisho audit verify` says
    what was done to it."""

    def __init__(self, segment: Segment, line: int) -> None:
        super().__init__(f"{segment.name} line {line} does not continue the chain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A segment whose lines follow each other, as far as they do."""

    segment: Segment
    before: str  # the hash its first line continues
    last: str
    seq: int  # of the last line
    lines: int
    size: int  # bytes of whole lines
    torn: bool  # something lies behind them, which is no entry

    @property
    def name(self) -> str:
        """Of its folder."""
        chain = f"{self.before[:_SHORT]}-{self.last[:_SHORT]}"
        return f"{self.segment.writer}.{self.segment.number:08d}.{chain}.{self.size}.v{LAYOUT}"


@dataclass(frozen=True, slots=True)
class Laid:
    """A folder of ``columns/``: of which segment, and how that stood in its chain."""

    path: Path
    writer: str
    number: int
    before: str
    last: str
    size: int

    def fits(self, segment: Segment) -> bool:
        """Whether the segment still ends where it did when it was laid out."""
        with segment.path.open("rb") as file:
            file.seek(max(0, self.size - TAIL_BYTES))
            tail = read_tail(file.read(min(self.size, TAIL_BYTES)))
        return tail is not None and tail[1].startswith(self.last) and segment.path.stat().st_size >= self.size


def check(segment: Segment) -> Held:
    """Go over a segment's lines. Raises ChainBroken, and OSError where it cannot be read."""
    before, last, size, count, torn = b"", b"", 0, 0, False
    raw = b""
    for line in read_lines(segment):
        if isinstance(line, TornRest):
            torn = True
            break
        raw = line.raw or b""
        # Bytes only: of ten million lines each is looked at for a microsecond. Its number is part of what is hashed.
        content, tail = raw[:-HASH_BYTES], raw[-HASH_BYTES:]
        prev, digest = content[-_PREV:-1], tail[_DIGEST:-3]
        if (count and prev != last) or sha256(content).hexdigest().encode() != digest:
            raise ChainBroken(segment, line.number)
        before = before or prev
        last = digest
        size += len(raw)
        count += 1
    tail_of_last = read_tail(raw)
    if tail_of_last is None:
        raise ChainBroken(segment, count or 1)
    return Held(
        segment=segment,
        before=before.decode(),
        last=last.decode(),
        seq=tail_of_last[0],
        lines=count,
        size=size,
        torn=torn,
    )


def laid(directory: Path) -> Iterator[Laid]:
    """What was laid out, by this version."""
    folder = directory / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is not None and int(match["layout"]) == LAYOUT:
            number, size = int(match["number"]), int(match["size"])
            yield Laid(path, match["writer"], number, match["before"], match["last"], size)


def forget(directory: Path, writer: str, number: int) -> None:
    """Take away what was laid out of a segment, of whichever version: the segment goes, or is not what it was."""
    folder = directory / FOLDER
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is not None and (match["writer"], int(match["number"])) == (writer, number):
            shutil.rmtree(path)
