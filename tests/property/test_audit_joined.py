"""A record that is checked segment by segment, and joined: the same report as of one pass, whatever was done to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.damage import CLOCK_BACK, FROM_FIRST, SEGMENT_HEAD, TORN_TAIL, Mark
from gateway.audit.joined import Joined
from gateway.audit.segments import list_segments
from gateway.audit.walk import begun, walk
from tests.unit.audit.chains import WRITER, claims, forge, lay
from tests.unit.audit.helping import Inline, verified

SEGMENTS = 60
REST = b'{"at_us":17'
START_US = 1_700_000_000_000_000


@cache
def _record(jumps: tuple[tuple[int, int], ...], torn: frozenset[int]) -> tuple[tuple[bytes, ...], ...]:
    """Sixty segments of ten lines, more than are remembered at a break. ``jumps``: of the clock, by seconds, before
    so many lines, the second half of them marked; ``torn``: segments that end with half a line."""
    moved, seq, prev, at, segments = dict(jumps), 0, GENESIS, START_US, []
    for number in range(SEGMENTS):
        entries: list[dict] = [{"kind": SEGMENT_HEAD, "writer": WRITER, "segment": number, "schema_version": 1}]
        if number - 1 in torn:
            digest = sha256(REST).hexdigest()
            entries.append({"kind": TORN_TAIL, "segment": number - 1, "bytes": len(REST), "sha256": digest})
        lines = []
        for place, entry in enumerate([*entries, *({"kind": "repeat"} for _ in range(9))]):
            step = moved.get(seq, 0) * 1_000_000
            marked = step < 0 and place > 2 and seq % 2
            at += step or 1000
            line, prev = link(canonical({**entry, "at_us": at} | ({"kind": CLOCK_BACK} if marked else {})), seq, prev)
            lines.append(line)
            seq += 1
        segments.append((*lines, *([REST] if number in torn else [])))
    return tuple(segments)


def _checkpoint(segments: tuple[tuple[bytes, ...], ...]) -> bytes:
    last = next(claims(line) for line in reversed(segments[-1]) if line.endswith(b"\n"))
    return Checkpoint(writer=WRITER, segment=SEGMENTS - 1, seq=last["seq"], hash=last["hash"]).slot()[0]


Damage = Callable[[list[list[bytes]], int, int], None]


def _nothing(_lines: list[list[bytes]], _index: int, _line: int) -> None:
    pass


def _edit(lines: list[list[bytes]], index: int, line: int) -> None:
    lines[index][line] = lines[index][line].replace(b'"kind"', b'"mind"', 1)


def _forge(lines: list[list[bytes]], index: int, line: int) -> None:
    lines[index][line] = forge(lines[index][line], note="forged")


def _delete(lines: list[list[bytes]], index: int, line: int) -> None:
    del lines[index][line:]


def _copy(lines: list[list[bytes]], index: int, line: int) -> None:
    lines[min(SEGMENTS - 1, index + 20)].insert(line, lines[index][line])


def _cut(lines: list[list[bytes]], index: int, line: int) -> None:
    lines[index][line:] = [lines[index][line][:-5]]


def _gone(lines: list[list[bytes]], index: int, _line: int) -> None:
    lines[index].clear()


def _swap(lines: list[list[bytes]], index: int, _line: int) -> None:
    lines[index], lines[index - 1] = lines[index - 1], lines[index]


def _heal(lines: list[list[bytes]], index: int, _line: int) -> None:
    lines[index] = [line for line in lines[index] if line != REST]


def _zeros(lines: list[list[bytes]], index: int, line: int) -> None:
    lines[index][line:] = [bytes(40)]


DAMAGES: tuple[Damage, ...] = (_nothing, _edit, _forge, _delete, _copy, _cut, _gone, _swap, _heal, _zeros)
jumps = st.lists(
    st.tuples(st.integers(0, SEGMENTS * 10), st.sampled_from((-7200, -61, -59, -30, 90, 3600))), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(
    jumps.map(tuple),
    st.frozensets(st.integers(0, SEGMENTS - 1), max_size=3),
    st.sampled_from(DAMAGES),
    st.integers(0, SEGMENTS - 1),
    st.integers(0, 8),
)
@example(((25, -59), (338, -30)), frozenset(), _nothing, 0, 0)  # a clock set back within what is tolerated, and marked
@example((), frozenset({5}), _heal, 5, 0)
def test_the_report_is_the_same(
    jumps: tuple[tuple[int, int], ...], torn: frozenset[int], damage: Damage, index: int, line: int
) -> None:
    segments = _record(jumps, torn)
    lines = [[*one] for one in segments]
    damage(lines, index, line)
    with TemporaryDirectory() as folder:
        lay(Path(folder), [one or None for one in lines], _checkpoint(segments))
        verified(Path(folder))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, SEGMENTS * 10 - 1), st.booleans(), st.integers(1, 3))
def test_what_others_say_of_it_is_told_the_same(seq: int, true: bool, every: int) -> None:
    segments = _record((), frozenset())
    lines = [line for one in segments for line in one]
    marks = {
        place: Mark(place, claims(lines[place])["hash"], place // 10, "a head") for place in range(0, 600, every * 30)
    }
    marks[seq] = Mark(seq, claims(lines[seq])["hash"] if true else "0" * 64, seq // 10, "an anchor")
    with TemporaryDirectory() as folder:
        chain = list_segments(lay(Path(folder), [[*one] for one in segments], b""))[WRITER]
        asked: dict[str, Any] = {"clock_tolerance_us": 60_000_000, "attested": (17, "x"), "marks": marks}
        helpers = Inline()
        joined = Joined(begun(chain, begin=FROM_FIRST, **asked), helpers).walk(None)
        whole = walk(chain, **asked)
    assert (joined.bad, joined.vouched, joined.attested_seen, joined.attested_at, joined.entries) == (
        whole.bad,
        whole.vouched,
        whole.attested_seen,
        whole.attested_at,
        whole.entries,
    )
    assert all(helpers.found) == true
