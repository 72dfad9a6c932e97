"""A chain corrupted in every way must be told, with the first bad entry; a chain left alone must not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audit.chain import GENESIS, canonical, link, read_line
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.damage import CLOCK_BACK, CLOCK_TOLERANCE_S, SEGMENT_HEAD, Bad, BadKind
from gateway.audit.record import Entry
from gateway.audit.verify import iter_entries
from gateway.model import Durability
from tests.unit.audit.chains import (
    START_NS,
    WRITER,
    Lines,
    claims,
    forge,
    lay,
    never,
    open_writer,
    sample,
    sample_lines,
    segment_name,
)
from tests.unit.audit.helping import verified

ALL = [line for lines in sample()[0] for line in lines]
PLACES = [(index, number) for index, lines in enumerate(sample()[0]) for number in range(len(lines))]
places = st.integers(0, len(ALL) - 1)
fast = settings(max_examples=150, deadline=None)
few = settings(max_examples=50, deadline=None)


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _first_bad(lines: Lines | list[list[bytes] | None]) -> Bad:
    with _folder() as directory:
        bad = verified(lay(directory, lines)).first_bad
    assert bad is not None
    return bad


@fast
@given(places, st.data())
def test_any_changed_byte(seq: int, data: st.DataObject) -> None:
    lines = sample_lines()
    index, number = PLACES[seq]
    line = bytearray(lines[index][number])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    lines[index][number] = bytes(line)
    bad = _first_bad(lines)
    assert (bad.segment, bad.line, bad.seq) == (segment_name(index), number + 1, seq)
    # without its newline the last line of a segment is a torn rest: entries are missing, not changed
    assert bad.kind in ({BadKind.CUT} if line[-1:] != b"\n" and number == len(lines[index]) - 1 else {BadKind.EDITED})


@fast
@given(places)
def test_any_entry_rewritten_with_a_hash_made_anew(seq: int) -> None:
    lines = sample_lines()
    index, number = PLACES[seq]
    lines[index][number] = forge(lines[index][number], note="rewritten")
    bad = _first_bad(lines)
    last = seq == len(ALL) - 1
    assert (bad.segment, bad.line, bad.seq) == (segment_name(index), number + 1, seq)
    assert bad.kind is (BadKind.REWRITTEN if last else BadKind.EDITED)


@fast
@given(places)
def test_everything_rewritten_from_here_to_the_end(seq: int) -> None:
    lines = sample_lines()
    prev = claims(ALL[seq])["prev"]
    for later in range(seq, len(ALL)):
        index, number = PLACES[later]
        found = read_line(ALL[later])
        assert found is not None
        lines[index][number], prev = link(canonical({**found.entry, "note": "rewritten"}), later, prev)
    bad = _first_bad(lines)
    assert (bad.kind, bad.seq) == (BadKind.REWRITTEN, len(ALL) - 1)


@fast
@given(places, st.integers(1, 12))
def test_any_entries_deleted(seq: int, count: int) -> None:
    lines = sample_lines()
    gone = [PLACES[place] for place in range(seq, min(seq + count, len(ALL)))]
    for index, number in reversed(gone):
        del lines[index][number]
    bad = _first_bad(lines)
    assert bad.seq == seq
    index, number = gone[-1]
    to_the_end_of_a_segment = number == len(sample()[0][index]) - 1 or not all(lines)
    assert bad.kind is (BadKind.CUT if to_the_end_of_a_segment else BadKind.DELETED)


@fast
@given(places, st.integers(1, len(ALL)))
def test_cut_at_the_end(seq: int, count: int) -> None:
    """Whole lines, whole segments and all, as ``head -n`` would."""
    lines = sample_lines()
    seq = max(seq, 1)
    kept: Lines = []
    for place in range(seq):
        index, _ = PLACES[place]
        if index == len(kept):
            kept.append([])
        kept[index].append(ALL[place])
    bad = _first_bad(kept)
    assert bad.seq == seq
    assert bad.kind is (BadKind.SEGMENT_MISSING if len(kept) < len(lines) else BadKind.CUT)


@fast
@given(places, st.sampled_from([b"\n", b"{}\n", b"null\n", b"\xff\xfe\n", b'{"kind":"decision"}\n']))
def test_any_line_put_in(seq: int, garbage: bytes) -> None:
    lines = sample_lines()
    index, number = PLACES[seq]
    lines[index].insert(number, garbage)
    bad = _first_bad(lines)
    assert (bad.kind, bad.segment, bad.line) == (BadKind.INSERTED, segment_name(index), number + 1)


@fast
@given(places, places)
def test_any_entry_copied_elsewhere(source: int, target: int) -> None:
    lines = sample_lines()
    index, number = PLACES[target]
    lines[index].insert(number, ALL[source])
    bad = _first_bad(lines)
    assert (bad.kind, bad.seq) == (BadKind.INSERTED, source)
    if source != target:  # of two equal neighbours the second is called the copy
        assert (bad.segment, bad.line) == (segment_name(index), number + 1)


@fast
@given(places, st.integers(1, 5))
def test_any_entries_forged_in(seq: int, count: int) -> None:
    lines = sample_lines()
    seq = max(seq, 1)
    index, number = PLACES[seq]
    prev = claims(ALL[seq])["prev"]
    forged = []
    for place in range(seq, seq + count):
        line, prev = link(canonical({"kind": "forged", "at_us": claims(ALL[seq])["at_us"]}), place, prev)
        forged.append(line)
    where = (index, number)
    if number == 0:  # ahead of a head: behind the last line of the segment before
        where = (index - 1, len(lines[index - 1]))
    lines[where[0]][where[1] : where[1]] = forged
    bad = _first_bad(lines)
    assert (bad.kind, bad.segment, bad.line) == (BadKind.INSERTED, segment_name(where[0]), where[1] + 1)


@fast
@given(places, places)
def test_any_two_entries_swapped(one: int, other: int) -> None:
    lines = sample_lines()
    first, second = sorted((one, other))
    (a, i), (b, j) = PLACES[first], PLACES[second]
    lines[a][i], lines[b][j] = lines[b][j], lines[a][i]
    with _folder() as directory:
        report = verified(lay(directory, lines))
    if first == second:
        assert report.ok
        return
    bad = report.first_bad
    assert bad is not None
    assert (bad.kind, bad.segment, bad.line, bad.seq) == (BadKind.SWAPPED, segment_name(a), i + 1, second)


@given(st.integers(0, len(sample()[0]) - 1))
def test_any_segment_gone(gone: int) -> None:
    bad = _first_bad([None if index == gone else lines for index, lines in enumerate(sample_lines())])
    assert (bad.kind, bad.segment) == (BadKind.SEGMENT_MISSING, segment_name(gone))


@few
@given(st.permutations(range(len(sample()[0]))))
def test_any_segments_under_each_others_names(order: list[int]) -> None:
    lines = sample_lines()
    with _folder() as directory:
        report = verified(lay(directory, [lines[index] for index in order]))
    if order == sorted(order):
        assert report.ok
        return
    first = next(place for place, index in enumerate(order) if place != index)
    bad = report.first_bad
    assert bad is not None
    assert (bad.segment, bad.line) in _around(lines, first)


def _around(lines: Lines, segment: int) -> list[tuple[str, int]]:
    """Where a segment that is not the one it should be may be told: at its beginning, or as a cut end before it."""
    before = [(segment_name(segment - 1), len(lines[segment - 1]) + 1)] if segment else []
    return [(segment_name(segment), 1), *before]


@few
@given(places, st.data())
def test_any_segment_cut_within_a_line(seq: int, data: st.DataObject) -> None:
    lines = sample_lines()
    index, number = PLACES[seq]
    line = lines[index][number]
    lines[index][number:] = [line[: data.draw(st.integers(1, len(line) - 1))]]
    bad = _first_bad(lines)
    assert (bad.segment, bad.line, bad.seq) == (segment_name(index), number + 1, seq)
    assert bad.kind in {BadKind.CUT, BadKind.TORN_UNMARKED}


@few
@given(places, places)
def test_any_entry_moved_elsewhere(source: int, target: int) -> None:
    lines = sample_lines()
    (a, i), (b, j) = PLACES[source], PLACES[target]
    line = lines[a].pop(i)
    lines[b].insert(min(j, len(lines[b])), line)
    if lines == sample_lines():
        return
    bad = _first_bad(lines)
    assert bad.seq in {source, target, min(source, target), min(source, target) + 1}
    assert bad.kind in {BadKind.SWAPPED, BadKind.DELETED, BadKind.INSERTED, BadKind.CUT}


@few
@given(st.lists(st.integers(-300, 300), min_size=2, max_size=30))
def test_a_clock_is_told_that_goes_back_and_no_other(steps: list[int]) -> None:
    """Entries chained as they should be, by a clock that does as it likes: the first one that lies more than a minute
    before an earlier one is told."""
    prev, at, lines = GENESIS, 10**9, []
    head: Entry = {"kind": SEGMENT_HEAD, "schema_version": 1, "writer": WRITER, "segment": 0, "at_us": at * 1_000_000}
    moments = [at]
    for step in steps:
        at += step
        moments.append(at)
    entries: list[dict[str, Any]] = [head, *({"kind": "x", "at_us": at * 1_000_000} for at in moments[1:])]
    for seq, entry in enumerate(entries):
        line, prev = link(canonical(entry), seq, prev)
        lines.append(line)
    with _folder() as directory:
        lay(directory, [lines], Checkpoint(writer=WRITER, segment=0, seq=len(lines) - 1, hash=prev).slot()[0])
        bad = verified(directory).first_bad
    back = next((n for n, at in enumerate(moments) if max(moments[: n + 1]) - at > CLOCK_TOLERANCE_S), None)
    assert (bad is None) == (back is None)
    if bad is not None and back is not None:
        assert (bad.kind, bad.seq, bad.line) == (BadKind.CLOCK_BACK, back, back + 1)


@fast
@given(st.lists(st.binary(max_size=400), min_size=1, max_size=4), st.binary(max_size=1100))
def test_junk_is_told_and_never_raises(segments: list[bytes], checkpoint: bytes) -> None:
    with _folder() as directory:
        assert not verified(lay(directory, [[content] for content in segments], checkpoint)).ok
        for entry in iter_entries(directory):
            assert entry


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ENTRIES = st.lists(
    st.dictionaries(st.text(max_size=8).filter(lambda key: key not in ("seq", "prev", "hash")), JSON, max_size=5),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=4), st.sampled_from([4096, 1 << 20]))
def test_what_was_written_is_read_and_verified(runs: list[list[dict]], segment_bytes: int) -> None:
    """Any entries, over restarts and segments: whole, and the same when read."""
    written = []
    with _folder() as directory:
        for entries in runs:
            record = open_writer(directory, segment_bytes)
            for number, entry in enumerate(entries):
                kept = {**entry, "kind": "any", "at_us": number, "schema_version": 1}
                record.append(kept, Durability.WRITTEN, never)
                written.append(kept)
            record.close()
        report = verified(directory)
        assert report.ok or not written
        found = [dict(entry) for entry in iter_entries(directory) if entry["kind"] == "any"]
        for entry in found:
            for field in ("seq", "prev", "hash"):
                del entry[field]
        assert found == written


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, min_size=1, max_size=5), st.integers(0, 10**18))
def test_a_line_is_read_back(entry: dict, seq: int) -> None:
    for field in ("seq", "prev", "hash"):
        entry.pop(field, None)
    entry["kind"] = "any"
    line, digest = link(canonical(entry), seq, "a" * 64)
    found = read_line(line)
    assert found is not None
    assert (found.authentic, found.seq, found.hash, dict(found.entry)) == (True, seq, digest, entry)
    assert line.count(b"\n") == 1


class _Move(NamedTuple):
    way: str
    hours: int  # what the clock says


_WAYS = ("queue", "note", "flush", "append", "owed")


@few
@given(st.lists(st.builds(_Move, st.sampled_from(_WAYS), st.sampled_from((-1, 0, 1))), max_size=25))
@example([_Move("note", 0), _Move("queue", -1), _Move("flush", -1)])  # a completion that waits, and a clock set back
@example([_Move("append", 0), _Move("note", -1), _Move("queue", 0), _Move("flush", 0)])
def test_every_time_the_clock_goes_back_is_marked(moves: list[_Move]) -> None:
    with _folder() as directory:
        record = open_writer(directory / "record")
        for place, (way, hours) in enumerate([_Move("append", 0), *moves]):
            at_us = START_NS // 1000 + hours * 3_600_000_000 + place
            entry: Entry = {"kind": "event", "at_us": at_us, "padding": "x" * 900}  # five in a segment
            match way:
                case "queue":
                    record.queue(canonical(entry), at_us)
                case "note":
                    record.note(canonical(entry), at_us)
                case "flush":
                    record.flush()
                case _:
                    assert record.append(entry, Durability.WRITTEN, never, owed=way == "owed")
        record.close()
        marks = {entry["seq"] for entry in iter_entries(directory / "record") if entry["kind"] == CLOCK_BACK}
        bad = verified(directory / "record").bad
    assert {one.kind for one in bad} <= {BadKind.CLOCK_BACK}
    assert {one.seq for one in bad} == marks
