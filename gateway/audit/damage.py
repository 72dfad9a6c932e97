"""What can be wrong with a record, and the state of one pass over a writer's chain: the words of ``walk`` and
``blame``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.audit.chain import GENESIS, Link
from gateway.audit.segments import RawLine, Segment, read_lines

SEGMENT_HEAD: Final = "segment_head"  # kind of a segment's first entry
TORN_TAIL: Final = "torn_tail"  # kind of the entry that marks what a crash left in the segment before
GAP: Final = "gap"  # kind of the entry that says for how long the disk was full
CLOCK_BACK: Final = "clock_back"  # kind of the entry that marks the first one of an earlier time
CLOCK_TOLERANCE_S: Final = 60  # an entry is made before its statement is analysed, which may wait for a lock
CLOCK_TOLERANCE_US: Final = CLOCK_TOLERANCE_S * 1_000_000
PRUNED: Final = "pruned"  # kind of the entry that a pruned segment leaves behind
MAX_CLOCK_STEPS: Final = 20  # reported; one step is enough to make a record suspect
FOREVER_US: Final = 1 << 63
REMEMBERED: Final = 256  # accepted lines kept to tell which side of a fork is the false one


class BadKind(StrEnum):
    """What is wrong with the first bad entry, or why the record cannot be judged."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    SWAPPED = "swapped"
    CUT = "cut"
    TORN_UNMARKED = "torn_unmarked"
    SEGMENT_MISSING = "segment_missing"
    SEGMENT_MISMATCH = "segment_mismatch"
    REWRITTEN = "rewritten"
    CLOCK_BACK = "clock_back"
    HEAD_MISSING = "head_missing"
    HEAD_FALSE = "head_false"
    KEY_UNKNOWN = "key_unknown"
    CHECKPOINT_MISSING = "checkpoint_missing"
    CHECKPOINT_UNREADABLE = "checkpoint_unreadable"
    FUTURE_VERSION = "future_version"
    UNREADABLE = "unreadable"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One thing that is wrong, with its place. ``line`` is counted from 1; 0 where it is not about a line."""

    writer: str
    segment: str
    line: int
    seq: int | None
    kind: BadKind
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TornTail:
    """What a crash left behind the last whole line of a segment."""

    segment: str
    line: int
    size: int
    sha256: str
    marked: bool  # the next segment says so
    zeros: bool = False  # a power cut left zeros where entries had not reached the disk


class Begin(NamedTuple):
    """Where a chain begins whose first segments were pruned: which segment, which entry, chained to what."""

    segment: int = 0
    seq: int = 0
    prev: str = GENESIS


FROM_FIRST: Final = Begin()


class Mark(NamedTuple):
    """What somebody else than the chain says of one of its entries."""

    seq: int
    hash: str
    segment: int
    source: str


class Seen(NamedTuple):
    """An accepted line and where it lies."""

    place: int  # of the segment
    line: int
    seq: int
    hash: str


@dataclass(slots=True)
class Walk:
    """State and result of a pass. ``bad`` is set once, at the first break; the pass ends there."""

    segments: Sequence[Segment]
    clock_tolerance_us: int
    attested: tuple[int, str] | None = None  # seq and hash of the checkpoint
    marks: Mapping[int, Mark] = field(default_factory=dict)
    begin: Begin = FROM_FIRST
    vouched: int = -1  # the last entry a mark was found true of
    seq: int = 0  # of the next entry
    prev: str = GENESIS
    entries: int = 0
    bad: Bad | None = None
    torn: list[TornTail] = field(default_factory=list)
    clock_steps: list[Bad] = field(default_factory=list)
    latest_us: int = 0
    size: int = 0  # bytes of whole lines in the last segment
    lines: int = 0  # whole lines in the last segment
    version: int | None = None  # schema version of the last segment's head
    attested_seen: str | None = None  # hash found at the checkpoint's seq
    attested_at: tuple[str, int] = ("", 0)
    recent: deque[Seen] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    earliest_us: int = FOREVER_US
    leaning: bool = False  # an entry was met that only what lies before the segment can be judged by

    def refuse(self, segment: str, line: int, seq: int | None, kind: BadKind, explanation: str) -> None:
        """Note the first bad entry."""
        self.bad = Bad(
            writer=self.segments[0].writer, segment=segment, line=line, seq=seq, kind=kind, explanation=explanation
        )

    def accept(self, index: int, line: int, link: Link) -> None:
        """The line continues the chain."""
        self.seq, self.prev, self.entries = link.seq + 1, link.hash, self.entries + 1
        self.recent.append(Seen(index, line, link.seq, link.hash))
        if self.attested is not None and link.seq == self.attested[0]:
            self.attested_seen, self.attested_at = link.hash, (self.segments[index].name, line)
        if link.seq in self.marks:
            self._compare(index, line, link.seq, link.hash)
        at = link.integer("at_us")
        if at is not None:
            self._pass(index, line, link, at)

    def known(self) -> dict[str, Seen]:
        """Accepted lines, the last ones, by their hashes."""
        return {seen.hash: seen for seen in self.recent}

    def _pass(self, index: int, line: int, link: Link, at: int) -> None:
        """The time of an entry."""
        behind = self.latest_us - at
        self.earliest_us = min(self.earliest_us, at)
        if behind > self.clock_tolerance_us and len(self.clock_steps) < MAX_CLOCK_STEPS:
            self.clock_steps.append(
                Bad(
                    writer=self.segments[0].writer,
                    segment=self.segments[index].name,
                    line=line,
                    seq=link.seq,
                    kind=BadKind.CLOCK_BACK,
                    explanation=f"its time lies {behind / 1e6:.3f} s before that of an earlier entry",
                )
            )
        marked = link.kind == CLOCK_BACK
        self.leaning = self.leaning or marked
        # after a step the new time counts, else every later entry would be reported for the same step
        if behind <= 0 or marked or behind > self.clock_tolerance_us:
            self.latest_us = at

    def _compare(self, index: int, line: int, seq: int, digest: str) -> None:
        mark = self.marks[seq]
        if mark.hash == digest:
            self.vouched = seq
            return
        first = self.vouched + 1
        why = f"the chain holds in itself, but {mark.source} says another hash of entry {seq}: entries from {first} on"
        self.refuse(self.segments[index].name, line, seq, BadKind.REWRITTEN, f"{why} were rewritten")


def lines_after(segments: Sequence[Segment], index: int, number: int) -> Iterator[tuple[int, RawLine]]:
    """The whole lines behind this place, through all later segments. Read again from the files: used once, at a
    break."""
    for later in range(index, len(segments)):
        for line in read_lines(segments[later]):
            if isinstance(line, RawLine) and (later > index or line.number > number):
                yield later, line
