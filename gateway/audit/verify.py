"""``verify(directory)``: is the record whole, and if not, which entry is the first bad one. Streams; holds one line
at a time.

What it proves: the entries are those the writer chained, in their order, none missing up to the checkpoint. What it
cannot see: entries of the last moments before a crash that were never synced, a writer whose segments *and*
checkpoint are both gone, and a forger who rewrites segments and checkpoint together. Signed heads tell of the last one,
and heads anchored outside the machine of all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway.audit.attested import Anchored, beyond, gather, unsigned
from gateway.audit.checkpoint import Checkpoint, CheckpointUnreadable, list_checkpoints, read_checkpoint
from gateway.audit.damage import CLOCK_TOLERANCE_S, Bad, BadKind, Mark, TornTail, Walk
from gateway.audit.heads import Keys
from gateway.audit.joined import Helpers, Joined
from gateway.audit.segments import Segment, TornRest, list_segments, read_lines
from gateway.audit.tombstones import KEEPER, Tombstone, beginning, read_tombstones
from gateway.audit.walk import begun, go_on
from gateway.model import JsonValue

_NOWHERE: Final[Anchored] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What ``verify`` found. ``bad`` has at most one break per writer, then its clock steps; ``first_bad`` is the
    first."""

    entries: int
    segments: int
    writers: int
    bad: tuple[Bad, ...] = ()
    torn_tails: tuple[TornTail, ...] = ()
    heads: int = 0  # signed or anchored ones that were compared
    signed: int = 0  # entries of those in the folder that a good head speaks for
    pruned: int = 0  # segments

    @property
    def ok(self) -> bool:
        """True where nothing is wrong. A torn tail that a crash explains is not wrong."""
        return not self.bad

    @property
    def first_bad(self) -> Bad | None:
        """The first bad entry; a break of a chain comes before a clock going back."""
        return self.bad[0] if self.bad else None


def verify(
    directory: Path,
    *,
    clock_tolerance_s: int = CLOCK_TOLERANCE_S,
    keys: Keys | None = None,
    anchored: Anchored = _NOWHERE,
    progress: Callable[[int], object] | None = None,
    helpers: Helpers | None = None,
) -> Report:
    """Check every writer's chain in the folder. Never raises for what lies there: that is what the report is for.

    ``keys``: check the signed heads too; ``anchored``: and what was found at anchors; ``progress`` is told bytes;
    ``helpers``: who checks segments beside this process. The report is the same with as without them.
    """
    try:
        attested = gather(directory, keys, anchored)  # first of all, then checkpoints: the record only grows meanwhile
        checkpoints = {writer: _checkpoint(directory, writer) for writer in list_checkpoints(directory)}
        segments = list_segments(directory)
        tombstones = read_tombstones(_told(segments), keys) if _pruned(segments) else {}
    except OSError as error:
        return _unjudged(BadKind.UNREADABLE, f"the folder cannot be read: {error.strerror}")
    if not segments and not checkpoints and not attested.marks:
        return _unjudged(BadKind.EMPTY, "there is no record in this folder")
    breaks: list[Bad] = []
    steps: list[Bad] = []
    torn: list[TornTail] = []
    entries = signed = pruned = 0
    writers: list[_Writer] = []
    for writer in sorted(segments.keys() | checkpoints.keys() | attested.marks.keys()):
        there, known = segments.get(writer, []), checkpoints.get(writer)
        one = _Writer(directory, writer, there, attested.of(writer), known, clock_tolerance_s * 1_000_000)
        one.begin(tombstones.get(writer, {}), helpers)
        writers.append(one)
    for one in writers:
        writer, there = one.writer, one.segments
        found, state = one.verify(progress)
        breaks.extend(found)
        pruned += there[0].number if there and not isinstance(one.pass_, Bad) else 0  # else they are only gone
        if state is not None:
            steps.extend(state.clock_steps)
            torn.extend(state.torn)
            entries += state.entries
            signed += max(0, min(state.vouched, state.seq - 1) + 1 - (state.seq - state.entries))
        if keys is not None and not found and not any(bad.writer == writer for bad in attested.bad):
            breaks.extend(unsigned(writer, there, attested.of(writer), directory))
    if entries == 0 and not breaks:
        return _unjudged(BadKind.EMPTY, "a writer was opened here and has written nothing yet")
    return Report(
        entries=entries,
        segments=sum(map(len, segments.values())),
        writers=len(segments.keys() | checkpoints.keys()),
        bad=(*breaks, *attested.bad, *steps),
        torn_tails=tuple(torn),
        heads=attested.heads,
        signed=signed,
        pruned=pruned,
    )


def iter_entries(directory: Path) -> Iterator[Mapping[str, JsonValue]]:
    """Every entry, writer by writer, as it lies there: read, not verified. A line that is no JSON object comes as an
    entry of kind ``unreadable_line``, so that it is not passed over. Raises OSError where a file cannot be read.
    """
    for segments in list_segments(directory).values():
        for segment in segments:
            yield from segment_entries(segment)


def segment_entries(segment: Segment) -> Iterator[Mapping[str, JsonValue]]:
    """The entries of one segment, read and not verified."""
    for line in read_lines(segment):
        if isinstance(line, TornRest):
            return  # never an entry: nobody was told that it was written
        try:
            value = json.loads(line.raw or b"")
        except (ValueError, RecursionError):
            value = None
        yield (
            value
            if isinstance(value, dict)
            else {"kind": "unreadable_line", "segment": segment.name, "line": line.number}
        )


def _unjudged(kind: BadKind, explanation: str) -> Report:
    bad = Bad(writer="", segment="", line=0, seq=None, kind=kind, explanation=explanation)
    return Report(entries=0, segments=0, writers=0, bad=(bad,))


def _checkpoint(directory: Path, writer: str) -> Checkpoint | Bad:
    kind, explanation = BadKind.CHECKPOINT_MISSING, "the checkpoint was removed while it was being read"
    try:
        found = read_checkpoint(directory, writer)
        if found is not None:
            return found
    except CheckpointUnreadable as error:
        kind, explanation = BadKind.CHECKPOINT_UNREADABLE, str(error)
    except OSError as error:
        kind, explanation = BadKind.UNREADABLE, f"the checkpoint cannot be read: {error.strerror}"
    return Bad(writer=writer, segment=f"{writer}.head.json", line=0, seq=None, kind=kind, explanation=explanation)


def _told(segments: Mapping[str, list[Segment]]) -> Iterator[Mapping[str, JsonValue]]:
    for segment in segments.get(KEEPER, []):
        yield from segment_entries(segment)


def _pruned(segments: Mapping[str, list[Segment]]) -> bool:
    return any(of_one[0].number for of_one in segments.values())


@dataclass(slots=True)
class _Writer:
    """One writer's chain, and what others say of it."""

    directory: Path
    writer: str
    segments: list[Segment]
    marks: Mapping[int, Mark]
    checkpoint: Checkpoint | Bad | None
    tolerance_us: int
    pass_: Walk | Joined | Bad | None = None

    def begin(self, tombstones: Mapping[int, Tombstone], helpers: Helpers | None) -> None:
        """Be ready; helpers are at work from now on."""
        if not self.segments:
            return
        begin = beginning(self.segments, tombstones)
        if isinstance(begin, Bad):
            self.pass_ = begin
            return
        known = self.checkpoint if isinstance(self.checkpoint, Checkpoint) else None
        state = begun(
            self.segments,
            clock_tolerance_us=self.tolerance_us,
            attested=None if known is None or known.seq < 0 else (known.seq, known.hash),
            begin=begin,
            marks=self.marks,
        )
        self.pass_ = state if helpers is None or state.bad is not None else Joined(state, helpers)

    def verify(self, progress: Callable[[int], object] | None) -> tuple[list[Bad], Walk | None]:
        """The break, if any (one, in a list), and the pass over it."""
        state: Walk | None = None
        checkpoint = self.checkpoint
        if self.pass_ is not None:
            walked = self._walk(self.pass_, progress)
            if isinstance(walked, Bad):
                return [walked], None
            state = walked
            if state.bad is not None:
                return [state.bad], state
        if isinstance(checkpoint, Bad):
            return [checkpoint], state
        lines = 0 if state is None else state.lines
        gone = beyond(self.writer, self.segments, -1 if state is None else state.seq - 1, lines, self.marks)
        if checkpoint is None:
            why = "the writer's checkpoint is not there, so a cut at the end could not be seen"
            return [gone or self._bad(f"{self.writer}.head.json", BadKind.CHECKPOINT_MISSING, why)], state
        found = compare(checkpoint, self.segments, state)
        if found is not None and checkpoint.closed and _checkpoint(self.directory, self.writer) != checkpoint:
            found = None  # the writer was opened again while we read
        worst = found or gone
        return ([] if worst is None else [worst]), state

    def _walk(self, begun: Walk | Joined | Bad, progress: Callable[[int], object] | None) -> Walk | Bad:
        try:
            if isinstance(begun, Joined):
                return begun.walk(progress)
            if isinstance(begun, Walk) and begun.bad is None:
                go_on(begun, range(len(self.segments)), progress=progress)
            return begun
        except OSError as error:
            name = Path(error.filename).name if isinstance(error.filename, str) else self.segments[0].name
            return self._bad(name, BadKind.UNREADABLE, f"the segment cannot be read: {error.strerror}")

    def _bad(self, segment: str, kind: BadKind, why: str) -> Bad:
        return Bad(writer=self.writer, segment=segment, line=0, seq=None, kind=kind, explanation=why)


def compare(checkpoint: Checkpoint, segments: list[Segment], state: Walk | None) -> Bad | None:
    """What the checkpoint says against the chain, which holds in itself."""

    def bad(segment: str, line: int, seq: int | None, kind: BadKind, explanation: str) -> Bad:
        return Bad(writer=checkpoint.writer, segment=segment, line=line, seq=seq, kind=kind, explanation=explanation)

    tail = -1 if state is None else state.seq - 1
    newest = segments[-1] if segments else None
    if checkpoint.seq > tail:
        if newest is None or checkpoint.segment > newest.number:
            first = 0 if newest is None else newest.number + 1
            why = f"segments {first} to {checkpoint.segment} are not there, with entries up to {checkpoint.seq}"
            name = f"{checkpoint.writer}.{first:08d}.jsonl"
            return bad(name, 0, tail + 1, BadKind.SEGMENT_MISSING, why)
        why = f"the record ends with entry {tail}; entries up to {checkpoint.seq} were synced and are not there"
        return bad(newest.name, 0 if state is None else state.lines + 1, tail + 1, BadKind.CUT, why)
    if state is None or newest is None:
        return None
    if checkpoint.seq >= 0 and state.attested_seen not in (None, checkpoint.hash):
        segment, line = state.attested_at
        why = "the chain holds in itself but is not the one that was synced: this entry or earlier ones were rewritten"
        return bad(segment, line, checkpoint.seq, BadKind.REWRITTEN, why)
    if checkpoint.closed and (tail > checkpoint.seq or (state.torn and not state.torn[-1].marked)):
        why = f"the writer ended in good order with entry {checkpoint.seq}; what follows was put there afterwards"
        return bad(newest.name, 0, checkpoint.seq + 1, BadKind.INSERTED, why)
    return None
