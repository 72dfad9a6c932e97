from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.damage import SEGMENT_HEAD, TORN_TAIL, BadKind, Begin, Walk
from gateway.audit.segments import list_segments
from gateway.audit.walk import walk
from tests.unit.audit.chains import WRITER, Lines, claims, lay, sample_lines, segment_name

REST = b'{"at_us":17'


def _walk(directory: Path, lines: Lines) -> Walk:
    return walk(list_segments(lay(directory, lines))[WRITER], clock_tolerance_us=0)


def _chain(*segments: list[dict]) -> Lines:
    """Segments of entries as given, chained."""
    seq, prev, result = 0, GENESIS, []
    for number, entries in enumerate(segments):
        head = {"kind": SEGMENT_HEAD, "schema_version": 1, "writer": WRITER, "segment": number}
        lines = []
        for entry in [head, *entries] if not entries or entries[0].get("kind") != SEGMENT_HEAD else entries:
            line, prev = link(canonical(entry), seq, prev)
            lines.append(line)
            seq += 1
        result.append(lines)
    return result


def _mark(number: int, rest: bytes) -> dict:
    return {"kind": TORN_TAIL, "segment": number, "bytes": len(rest), "sha256": sha256(rest).hexdigest()}


def test_whole_chain_is_walked_to_its_end(tmp_path: Path) -> None:
    lines = sample_lines()
    state = _walk(tmp_path, lines)
    assert state.bad is None
    assert state.entries == state.seq == sum(map(len, lines))
    assert (state.lines, state.size, state.version) == (len(lines[-1]), sum(map(len, lines[-1])), 1)


def test_newest_segment_alone_is_walked_from_its_own_beginning(tmp_path: Path) -> None:
    lines = sample_lines()
    segments = list_segments(lay(tmp_path, lines))[WRITER]
    state = walk(segments[-1:], clock_tolerance_us=0, trust_first=True)
    assert state.bad is None
    assert state.seq == sum(map(len, lines))


def test_torn_rest_of_the_newest_segment_is_reported_and_not_bad(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[-1].append(REST)
    state = _walk(tmp_path, lines)
    assert state.bad is None
    assert [(torn.segment, torn.size, torn.marked) for torn in state.torn] == [
        (segment_name(len(lines) - 1), len(REST), False)
    ]


def test_a_mark_of_a_segment_that_was_pruned_is_no_cut(tmp_path: Path) -> None:
    lines = _chain([{"kind": "x"}], [_mark(0, REST), {"kind": "x"}])
    segments = list_segments(lay(tmp_path, [None, lines[1]]))[WRITER]
    last = claims(lines[0][-1])
    state = walk(segments, clock_tolerance_us=0, begin=Begin(segment=1, seq=last["seq"] + 1, prev=last["hash"]))
    assert (state.bad, state.entries) == (None, 3)


ZEROS = b'{"at_us":1' + bytes(700) + b'7}\n{"genuine":"and never synced"}\n'


def test_zeros_behind_what_was_synced_are_the_trace_of_a_power_cut(tmp_path: Path) -> None:
    lines = _chain([{"kind": "x"}])
    lines[0].append(ZEROS)
    state = _walk(tmp_path, lines)
    assert state.bad is None
    assert [(torn.line, torn.size, torn.zeros) for torn in state.torn] == [(3, len(ZEROS), True)]
    assert state.size == sum(map(len, lines[0][:-1]))
    marked = _chain([{"kind": "x"}], [_mark(0, ZEROS), {"kind": "y"}])
    marked[0].append(ZEROS)
    state = _walk(tmp_path, marked)
    assert (state.bad, state.entries) == (None, 5)
    assert [torn.marked for torn in state.torn] == [True]


@pytest.mark.parametrize("attested", [1, 2])
def test_zeros_in_what_was_synced_are_damage(tmp_path: Path, attested: int) -> None:
    lines = _chain([{"kind": "x"}, {"kind": "y"}])
    lines[0][2] = ZEROS
    state = walk(list_segments(lay(tmp_path, lines))[WRITER], clock_tolerance_us=0, attested=(attested, GENESIS))
    if attested == 1:
        assert state.bad is None
        return
    assert state.bad is not None
    assert (state.bad.kind, state.bad.line, state.bad.seq) == (BadKind.EDITED, 3, 2)


def test_zeros_that_the_next_segment_does_not_mark_are_damage(tmp_path: Path) -> None:
    lines = _chain([{"kind": "x"}, {"kind": "y"}], [{"kind": "z"}])
    lines[0][1] = ZEROS
    bad = _walk(tmp_path, lines).bad
    assert bad is not None
    assert (bad.kind, bad.segment, bad.line, bad.seq) == (BadKind.EDITED, segment_name(0), 2, 1)


def test_marked_torn_rest_is_reported_and_not_bad(tmp_path: Path) -> None:
    lines = _chain([{"kind": "x"}], [_mark(0, REST), {"kind": "x"}])
    lines[0].append(REST)
    state = _walk(tmp_path, lines)
    assert state.bad is None
    assert [(torn.line, torn.marked) for torn in state.torn] == [(3, True)]


@pytest.mark.parametrize(
    "second",
    [
        [],
        [{"kind": "x"}],
        [_mark(0, REST + b"more")],
        [_mark(0, b"x" * len(REST))],
        [_mark(1, REST)],
        [{"kind": "x"}, _mark(0, REST)],
    ],
    ids=["nothing", "other", "longer", "changed", "wrong-segment", "late"],
)
def test_torn_rest_that_is_not_marked_is_bad(tmp_path: Path, second: list[dict]) -> None:
    lines = _chain([{"kind": "x"}], second)
    lines[0].append(REST)
    bad = _walk(tmp_path, lines).bad
    assert bad is not None
    assert (bad.kind, bad.segment, bad.line) == (BadKind.TORN_UNMARKED, segment_name(0), 3)


def test_mark_without_the_torn_rest_is_a_cut(tmp_path: Path) -> None:
    bad = _walk(tmp_path, _chain([{"kind": "x"}], [_mark(0, REST)])).bad
    assert bad is not None
    assert (bad.kind, bad.segment) == (BadKind.CUT, segment_name(0))


@pytest.mark.parametrize("missing", [0, 1])
def test_missing_segment_is_named(tmp_path: Path, missing: int) -> None:
    lines = sample_lines()
    lay(tmp_path, [None if index == missing else part for index, part in enumerate(lines)])
    bad = walk(list_segments(tmp_path)[WRITER], clock_tolerance_us=0).bad
    assert bad is not None
    assert (bad.kind, bad.segment) == (BadKind.SEGMENT_MISSING, segment_name(missing))


def test_empty_segment_is_a_cut(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[-1] = []
    bad = _walk(tmp_path, lines).bad
    assert bad is not None
    assert (bad.kind, bad.line) == (BadKind.CUT, 1)


def test_segment_without_a_head_is_a_mismatch(tmp_path: Path) -> None:
    line, _ = link(canonical({"kind": "x"}), 0, GENESIS)
    bad = _walk(tmp_path, [[line]]).bad
    assert bad is not None
    assert bad.kind is BadKind.SEGMENT_MISMATCH


@pytest.mark.parametrize("head", [{"segment": 5}, {"writer": "other"}, {"segment": None}])
def test_head_of_another_segment_is_a_mismatch(tmp_path: Path, head: dict) -> None:
    entry = {"kind": SEGMENT_HEAD, "schema_version": 1, "writer": WRITER, "segment": 0} | head
    bad = _walk(tmp_path, _chain([entry])).bad
    assert bad is not None
    assert bad.kind is BadKind.SEGMENT_MISMATCH


def test_joined_segments_are_a_mismatch(tmp_path: Path) -> None:
    lines = sample_lines()
    bad = _walk(tmp_path, [lines[0] + lines[1]]).bad
    assert bad is not None
    assert (bad.kind, bad.line) == (BadKind.SEGMENT_MISMATCH, len(lines[0]) + 1)


def test_later_schema_version_is_said(tmp_path: Path) -> None:
    head = {"kind": SEGMENT_HEAD, "schema_version": 2, "writer": WRITER, "segment": 1}
    bad = _walk(tmp_path, _chain([{"kind": "x"}], [head])).bad
    assert bad is not None
    assert (bad.kind, bad.segment, bad.line) == (BadKind.FUTURE_VERSION, segment_name(1), 1)
