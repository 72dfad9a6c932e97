"""``verify(directory)``: is the record whole, and if not, which entry is the first bad one. Streams; holds one line
at a time.

What it proves: the entries are those the writer chained, in their order, none missing up to the checkpoint. What it
cannot see: entries of the last moments before a crash that were never synced, a writer whose segments *and*
checkpoint are both gone, and a forger who rewrites segments and checkpoint together. Against these stands only an
anchor outside the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.checkpoint import Checkpoint, CheckpointUnreadable, list_checkpoints, read_checkpoint
from gateway.audit.damage import CLOCK_TOLERANCE_S, Bad, BadKind, TornTail, Walk
from gateway.audit.segments import Segment, TornRest, list_segments, read_lines
from gateway.audit.walk import walk
from gateway.model import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What ``verify`` found. ``bad`` has at most one break per writer, then its clock steps; ``first_bad`` is the
    first."""

    entries: int
    segments: int
    writers: int
    bad: tuple[Bad, ...] = ()
    torn_tails: tuple[TornTail, ...] = ()

    @property
    def ok(self) -> bool:
        """True where nothing is wrong. A torn tail that a crash explains is not wrong."""
        return not self.bad

    @property
    def first_bad(self) -> Bad | None:
        """The first bad entry; a break of a chain comes before a clock going back."""
        return self.bad[0] if self.bad else None


def verify(directory: Path, *, clock_tolerance_s: int = CLOCK_TOLERANCE_S) -> Report:
    """Check every writer's chain in the folder. Never raises for what lies there: that is what the report is for."""
    try:
        # checkpoints first: a writer at work only ever adds to the segments what its checkpoint then names
        checkpoints = {writer: _checkpoint(directory, writer) for writer in list_checkpoints(directory)}
        segments = list_segments(directory)
    except OSError as error:
        return _unjudged(BadKind.UNREADABLE, f"the folder cannot be read: {error.strerror}")
    if not segments and not checkpoints:
        return _unjudged(BadKind.EMPTY, "there is no record in this folder")
    breaks: list[Bad] = []
    steps: list[Bad] = []
    torn: list[TornTail] = []
    entries = 0
    for writer in sorted(segments.keys() | checkpoints.keys()):
        checkpoint = checkpoints.get(writer)
        found, state = _verify_writer(directory, writer, segments.get(writer, []), checkpoint, clock_tolerance_s)
        breaks.extend(found)
        if state is not None:
            steps.extend(state.clock_steps)
            torn.extend(state.torn)
            entries += state.entries
    if entries == 0 and not breaks:
        return _unjudged(BadKind.EMPTY, "a writer was opened here and has written nothing yet")
    return Report(
        entries=entries,
        segments=sum(map(len, segments.values())),
        writers=len(segments.keys() | checkpoints.keys()),
        bad=(*breaks, *steps),
        torn_tails=tuple(torn),
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


def _verify_writer(
    directory: Path, writer: str, segments: list[Segment], checkpoint: Checkpoint | Bad | None, tolerance_s: int
) -> tuple[list[Bad], Walk | None]:
    """The break of one writer's chain, if any (one, in a list), and the pass over it."""
    known = checkpoint if isinstance(checkpoint, Checkpoint) else None
    state: Walk | None = None
    if segments:
        attested = None if known is None or known.seq < 0 else (known.seq, known.hash)
        try:
            state = walk(segments, clock_tolerance_us=tolerance_s * 1_000_000, attested=attested)
        except OSError as error:
            name = Path(error.filename).name if isinstance(error.filename, str) else segments[0].name
            why = f"the segment cannot be read: {error.strerror}"
            return [Bad(writer=writer, segment=name, line=0, seq=None, kind=BadKind.UNREADABLE, explanation=why)], None
        if state.bad is not None:
            return [state.bad], state
    if isinstance(checkpoint, Bad):
        return [checkpoint], state
    if checkpoint is None:
        why = "the writer's checkpoint is not there, so a cut at the end could not be seen"
        name = f"{writer}.head.json"
        missing = Bad(writer=writer, segment=name, line=0, seq=None, kind=BadKind.CHECKPOINT_MISSING, explanation=why)
        return [missing], state
    beyond = compare(checkpoint, segments, state)
    if beyond is not None and checkpoint.closed and _checkpoint(directory, writer) != checkpoint:
        return [], state  # the writer was opened again while we read
    return ([] if beyond is None else [beyond]), state


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
