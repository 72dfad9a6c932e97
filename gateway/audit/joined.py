"""One writer's chain, checked a segment at a time, in any order and anywhere, and joined: what ``walk`` says of it.

A segment whose lines follow each other says all that is needed in a few words (``Stretch``): to what its first line is
chained, where it ends, and between which times it lies. Where those words fit what came before, the segment need not be
looked at again. Where they do not, or there are none, it is walked as ``walk`` does it, from so far back that all is
remembered that a break is judged by: so one thing alone decides what is wrong, and with how many it was found makes no
difference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.audit.damage import REMEMBERED, Mark, Walk
from gateway.audit.segments import Segment
from gateway.audit.walk import follows, go_on, walk


@dataclass(frozen=True, slots=True)
class Work:
    """One segment to be checked by itself."""

    segment: Segment
    clock_tolerance_us: int
    attested: tuple[int, str] | None
    marks: Mapping[int, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What a segment says by itself that holds, has no torn rest, and leans on nothing before it."""

    first_seq: int
    first_prev: str
    last_seq: int
    last_hash: str
    lines: int
    size: int
    version: int | None
    earliest_us: int
    latest_us: int
    vouched: int
    attested_seen: str | None
    attested_at: tuple[str, int]


class Helpers(Protocol):
    """Who checks segments. ``begin`` returns at once; what it returns waits, and raises what the check raised. None:
    the segment has to be looked at in its place."""

    def begin(self, work: Work) -> Callable[[], Stretch | None]: ...


def check_alone(work: Work) -> Stretch | None:
    """The check of one segment. None: it can be judged only in its place. Raises OSError."""
    state = walk(
        (work.segment,),
        clock_tolerance_us=work.clock_tolerance_us,
        attested=work.attested,
        marks=work.marks,
        trust_first=True,
    )
    if state.bad is not None or state.torn or state.clock_steps or state.leaning:
        return None
    return Stretch(
        first_seq=state.begin.seq,
        first_prev=state.begin.prev,
        last_seq=state.seq - 1,
        last_hash=state.prev,
        lines=state.lines,
        size=state.size,
        version=state.version,
        earliest_us=state.earliest_us,
        latest_us=state.latest_us,
        vouched=state.vouched,
        attested_seen=state.attested_seen,
        attested_at=state.attested_at,
    )


class Joined:
    """One writer's chain. Helpers are at work on it from when this is made; ``walk`` waits for them."""

    def __init__(self, state: Walk, helpers: Helpers) -> None:
        """``state``: as ``begun`` has it."""
        self._state = state
        self._stretches = [
            helpers.begin(Work(one, state.clock_tolerance_us, state.attested, state.marks)) for one in state.segments
        ]
        self._saved: deque[tuple[int, Walk]] = deque()  # how it stood before segments it may have to go back to

    def walk(self, progress: Callable[[int], object] | None) -> Walk:
        """What ``walk`` finds. Raises OSError."""
        torn = False
        for index, stretch in enumerate(self._stretches):
            if self._state.bad is not None or not follows(self._state, index):
                break
            if not torn:
                self._save(index)
            found = stretch()
            if torn or found is None or not _fits(self._state, found):
                torn = self._again(index)
            else:
                _take(self._state, found)
            if progress is not None:
                progress(self._state.size)
        return self._state

    def _save(self, index: int) -> None:
        state = self._state
        self._saved.append((index, _copy(state)))
        while len(self._saved) > 1 and self._saved[1][1].seq <= state.seq - REMEMBERED:
            self._saved.popleft()

    def _again(self, index: int) -> bool:
        """Walk up to the end of this segment. True: it has a torn rest, which what follows has to tell of."""
        start, state = self._saved[0]
        self._state = _copy(state)
        go_on(self._state, range(start, index + 1))
        return bool(self._state.torn) and self._state.torn[-1].segment == self._state.segments[index].name


def _fits(state: Walk, stretch: Stretch) -> bool:
    behind = state.latest_us - stretch.earliest_us  # the furthest of any entry in it
    in_time = state.latest_us >= 0 and behind <= state.clock_tolerance_us
    return in_time and (stretch.first_seq, stretch.first_prev) == (state.seq, state.prev)


def _take(state: Walk, stretch: Stretch) -> None:
    state.seq, state.prev, state.entries = stretch.last_seq + 1, stretch.last_hash, state.entries + stretch.lines
    state.lines, state.size, state.version = stretch.lines, stretch.size, stretch.version
    state.latest_us = max(state.latest_us, stretch.latest_us)
    state.vouched = max(state.vouched, stretch.vouched)
    if stretch.attested_seen is not None:
        state.attested_seen, state.attested_at = stretch.attested_seen, stretch.attested_at


def _copy(state: Walk) -> Walk:
    return replace(
        state, torn=[*state.torn], clock_steps=[*state.clock_steps], recent=deque(state.recent, state.recent.maxlen)
    )
