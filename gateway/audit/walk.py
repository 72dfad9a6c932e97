"""One pass over one writer's chain, line by line: what holds, where it first does not, and what a crash left.

A torn rest (bytes behind the last newline of a segment, or from the first zero byte on) is judged so:
- newest segment, every synced entry before it intact: the trace of a crash, not yet marked; reported, not an error;
- older segment: the next segment must mark it, in its second line ``torn_tail``, with the same size and SHA-256; then
  it is reported, not an error. Unmarked or different, somebody cut the segment (``torn_unmarked``);
- in either case, entries that the checkpoint calls synced and that are not there: ``cut``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.audit.blame import blame
from gateway.audit.chain import Link, read_link
from gateway.audit.damage import FROM_FIRST, SEGMENT_HEAD, TORN_TAIL, BadKind, Begin, Mark, TornTail, Walk
from gateway.audit.record import SCHEMA_VERSION
from gateway.audit.segments import Segment, TornRest, read_lines

_IN_THEIR_PLACE: Final = frozenset({SEGMENT_HEAD, TORN_TAIL})
_NO_MARKS: Final[Mapping[int, Mark]] = MappingProxyType({})
_TELL: Final = 20_000  # lines between two words of progress


def walk(
    segments: Sequence[Segment],
    *,
    clock_tolerance_us: int,
    attested: tuple[int, str] | None = None,
    trust_first: bool = False,
    begin: Begin = FROM_FIRST,
    marks: Mapping[int, Mark] = _NO_MARKS,
    progress: Callable[[int], object] | None = None,
) -> Walk:
    """Pass over a writer's segments. ``trust_first``: begin where the first line says, for a writer that opens its
    newest segment; the segments before it are left to ``verify``. ``begin``: where those before it were pruned;
    ``marks``: what others say of its entries; ``progress`` is told bytes now and then. Raises OSError where a file
    cannot be read.
    """
    state = begun(segments, clock_tolerance_us=clock_tolerance_us, attested=attested, begin=begin, marks=marks)
    if state.bad is None:
        go_on(state, range(len(segments)), trust_first=trust_first, progress=progress)
    return state


def begun(
    segments: Sequence[Segment],
    *,
    clock_tolerance_us: int,
    attested: tuple[int, str] | None,
    begin: Begin,
    marks: Mapping[int, Mark],
) -> Walk:
    """A pass that has not looked at any segment."""
    state = Walk(segments, clock_tolerance_us, attested, marks, begin, seq=begin.seq, prev=begin.prev)
    if begin.seq - 1 in marks and marks[begin.seq - 1].hash != begin.prev:
        pruned = begin.seq - 1
        why = f"what was pruned is not what {marks[pruned].source} says of entry {pruned}"
        state.refuse(segments[0].name, 0, pruned, BadKind.REWRITTEN, why)
    return state


def go_on(
    state: Walk,
    indexes: range,
    *,
    trust_first: bool = False,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Pass over these of its segments, which follow those it has passed over; the one before them had no torn rest."""
    torn: TornTail | None = None
    for index in indexes:
        segment = state.segments[index]
        if not (trust_first and index == 0) and not follows(state, index):
            return
        rest = _walk_segment(state, index, torn, trust_first, progress)
        if state.bad is not None:
            return
        torn = None
        if rest is not None:
            torn = TornTail(
                segment=segment.name,
                line=rest.line,
                size=rest.size,
                sha256=rest.sha256,
                marked=index + 1 < len(state.segments),
                zeros=rest.zeros,
            )
            state.torn.append(torn)
    if torn is not None and not torn.marked and torn.zeros and state.attested and state.attested[0] >= state.seq:
        _unmarked(state, torn)  # it had reached the disk: no power cut did that


def follows(state: Walk, index: int) -> bool:
    """Whether the segment is the one behind those passed over; if not, that is what is bad."""
    segment = state.segments[index]
    expected = state.segments[index - 1].number + 1 if index else state.begin.segment
    if segment.number == expected:
        return True
    name = f"{segment.writer}.{expected:08d}.jsonl"
    why = f"segment {expected} is not there; the next one found is {segment.name}"
    state.refuse(name, 0, state.seq, BadKind.SEGMENT_MISSING, why)
    return False


def _walk_segment(
    state: Walk,
    index: int,
    torn: TornTail | None,
    trust_first: bool,
    progress: Callable[[int], object] | None,
) -> TornRest | None:
    """One segment; ``torn`` is what the one before it ended with. Returns what this one ends with."""
    segment, rest = state.segments[index], None
    state.size, state.lines = 0, 0
    told = 0
    for line in read_lines(segment):
        if isinstance(line, TornRest):
            rest = line
            break
        link = None if line.raw is None else read_link(line.raw)
        if trust_first and state.entries == 0 and link is not None and link.authentic:
            state.begin = Begin(segment.number, link.seq, link.prev)
            state.seq, state.prev = link.seq, link.prev
        if link is None or not link.authentic or link.seq != state.seq or link.prev != state.prev:
            if torn is not None and torn.zeros and line.number == 1:
                _unmarked(state, torn)
            else:
                state.bad = blame(state, index, line.number, link)
            return None
        state.accept(index, line.number, link)
        # The segment it speaks of is not there to be asked: it was pruned, or only the newest one is walked.
        of_another = index == 0 and segment.number > 0 and line.number == 2 and link.kind == TORN_TAIL
        if of_another:
            state.leaning = True
        elif line.number <= 2 or link.kind in _IN_THEIR_PLACE or (link.integer("schema_version") or 0) > SCHEMA_VERSION:
            _check_content(state, segment, line.number, link, torn)
        if state.bad is not None:
            return None
        state.lines = line.number
        state.size += 0 if line.raw is None else len(line.raw)
        if progress is not None and line.number % _TELL == 0:
            progress(state.size - told)
            told = state.size
    if progress is not None:
        progress(state.size - told)
    if state.lines == 0:
        state.refuse(segment.name, 1, state.seq, BadKind.CUT, "the segment has no whole line: its head was cut off")
    elif torn is not None and state.lines < 2:
        _unmarked(state, torn)
    return rest


def _unmarked(state: Walk, torn: TornTail) -> None:
    kind = BadKind.EDITED if torn.zeros else BadKind.TORN_UNMARKED
    why = (
        "there are zeros in the place of an entry that had been synced"
        if torn.zeros
        else "the segment ends within a line, and the next segment does not mark that as the trace of a crash"
    )
    state.refuse(torn.segment, torn.line, state.seq, kind, why)


def _check_content(state: Walk, segment: Segment, number: int, link: Link, torn: TornTail | None) -> None:
    """What a line that continues the chain must say in its place: head first, then the mark of a torn rest."""
    version = link.integer("schema_version")
    state.version = version if number == 1 else state.version
    if version is not None and version > SCHEMA_VERSION:
        state.refuse(
            segment.name,
            number,
            link.seq,
            BadKind.FUTURE_VERSION,
            f"written under schema version {version}; this program knows versions up to {SCHEMA_VERSION}",
        )
    elif (link.kind == SEGMENT_HEAD) != (number == 1) or (
        number == 1 and (link.integer("segment") != segment.number or link.entry.get("writer") != segment.writer)
    ):
        state.refuse(
            segment.name,
            number,
            link.seq,
            BadKind.SEGMENT_MISMATCH,
            "the head of a segment is not in its place, or is that of another segment: files were renamed or joined",
        )
    elif torn is not None and number == 2:
        fields = (link.entry.get("segment"), link.entry.get("bytes"), link.entry.get("sha256"))
        if link.kind != TORN_TAIL or fields != (segment.number - 1, torn.size, torn.sha256):
            _unmarked(state, torn)
    elif link.kind == TORN_TAIL:
        earlier = f"{segment.writer}.{segment.number - 1:08d}.jsonl"
        state.refuse(
            earlier,
            0,
            link.seq,
            BadKind.CUT,
            f"the torn rest that {segment.name} line {number} attests is no longer at the end of the segment",
        )
