"""One case of each story; the property tests put them everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.damage import Bad, BadKind
from gateway.audit.segments import list_segments
from gateway.audit.walk import walk
from tests.unit.audit.chains import WRITER, Lines, claims, forge, lay, sample_lines, segment_name


def _bad(directory: Path, lines: Lines) -> Bad:
    last = claims(sample_lines()[-1][-1])
    attested = (last["seq"], last["hash"])
    state = walk(list_segments(lay(directory, lines))[WRITER], clock_tolerance_us=0, attested=attested)
    assert state.bad is not None
    return state.bad


def _place(bad: Bad) -> tuple[BadKind, str, int, int | None]:
    return bad.kind, bad.segment, bad.line, bad.seq


def test_edited(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][4] = lines[0][4].replace(b'"session":"s1"', b'"session":"s2"')
    assert _place(_bad(tmp_path, lines)) == (BadKind.EDITED, segment_name(0), 5, 4)


def test_edited_beyond_recognition(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][4] = b"what?\n"
    assert _place(_bad(tmp_path, lines)) == (BadKind.EDITED, segment_name(0), 5, 4)


def test_edited_with_a_hash_made_anew(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][4] = forge(lines[0][4], session="s2")
    assert _place(_bad(tmp_path, lines)) == (BadKind.EDITED, segment_name(0), 5, 4)


def test_edited_last_of_a_segment_with_a_hash_made_anew(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][-1] = forge(lines[0][-1], session="s2")
    assert _place(_bad(tmp_path, lines)) == (BadKind.EDITED, segment_name(0), len(lines[0]), len(lines[0]) - 1)


def test_rewritten_so_that_it_follows_something_else(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][4] = link(canonical({"kind": "x"}), 4, "e" * 64)[0]
    assert _place(_bad(tmp_path, lines)) == (BadKind.EDITED, segment_name(0), 5, 4)


def test_first_entry_with_another_past(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][0] = link(canonical({"kind": "x"}), 0, "e" * 64)[0]
    assert _place(_bad(tmp_path, lines)) == (BadKind.EDITED, segment_name(0), 1, 0)


@pytest.mark.parametrize("count", [1, 3])
def test_deleted(tmp_path: Path, count: int) -> None:
    lines = sample_lines()
    del lines[0][4 : 4 + count]
    bad = _bad(tmp_path, lines)
    assert _place(bad) == (BadKind.DELETED, segment_name(0), 5, 4)
    assert bad.explanation.startswith("entry 4 is" if count == 1 else "entries 4 to 6 are")


def test_cut_off_a_segment_that_has_a_successor(tmp_path: Path) -> None:
    lines = sample_lines()
    full = len(lines[0])
    del lines[0][-2:]
    bad = _bad(tmp_path, lines)
    assert _place(bad) == (BadKind.CUT, segment_name(0), full - 1, full - 2)
    assert "2 were cut off" in bad.explanation


def test_inserted_line_that_is_no_entry(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0].insert(4, b"\n")
    assert _place(_bad(tmp_path, lines)) == (BadKind.INSERTED, segment_name(0), 5, None)


def test_inserted_entry_with_a_hash_of_its_own(tmp_path: Path) -> None:
    lines = sample_lines()
    before = claims(lines[0][3])
    lines[0].insert(4, link(canonical({"kind": "x"}), 4, before["hash"])[0])
    assert _place(_bad(tmp_path, lines)) == (BadKind.INSERTED, segment_name(0), 5, 4)


def test_inserted_entries_that_continue_each_other(tmp_path: Path) -> None:
    lines = sample_lines()
    first, digest = link(canonical({"kind": "x"}), 4, claims(lines[0][3])["hash"])
    second, _ = link(canonical({"kind": "y"}), 5, digest)
    lines[0][4:4] = [first, second]
    assert _place(_bad(tmp_path, lines)) == (BadKind.INSERTED, segment_name(0), 5, 4)


def test_inserted_before_the_last_entry(tmp_path: Path) -> None:
    lines = sample_lines()
    before, place = claims(lines[-1][-2]), len(lines[-1])
    lines[-1].insert(-1, link(canonical({"kind": "x"}), before["seq"] + 1, before["hash"])[0])
    assert _place(_bad(tmp_path, lines))[:3] == (BadKind.INSERTED, segment_name(len(lines) - 1), place)


@pytest.mark.parametrize(("what", "where"), [(2, 6), (6, 2), (4, 4), (4, 5)])
def test_copied(tmp_path: Path, what: int, where: int) -> None:
    lines = sample_lines()
    lines[0].insert(where, lines[0][what])
    bad = _bad(tmp_path, lines)
    assert (bad.kind, bad.seq) == (BadKind.INSERTED, what)
    assert bad.line == (6 if what == 4 else where + 1)  # of two equal neighbours the second is the copy


def test_old_entry_from_elsewhere(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0].insert(6, link(canonical({"kind": "x"}), 2, GENESIS)[0])
    assert _place(_bad(tmp_path, lines)) == (BadKind.INSERTED, segment_name(0), 7, 2)


@pytest.mark.parametrize(("one", "other"), [((0, 3), (0, 4)), ((0, 3), (0, 9)), ((0, 3), (2, 1)), ((1, 0), (2, 0))])
def test_swapped(tmp_path: Path, one: tuple[int, int], other: tuple[int, int]) -> None:
    lines = sample_lines()
    (a, i), (b, j) = one, other
    there = claims(lines[b][j])["seq"]
    lines[a][i], lines[b][j] = lines[b][j], lines[a][i]
    assert _place(_bad(tmp_path, lines)) == (BadKind.SWAPPED, segment_name(a), i + 1, there)


def test_line_put_behind_the_last_synced_entry(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[-1].append(b"{}\n")
    assert _bad(tmp_path, lines).kind is BadKind.INSERTED
