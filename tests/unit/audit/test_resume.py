from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit.checkpoint import Checkpoint, checkpoint_path, read_checkpoint
from gateway.audit.damage import BadKind
from gateway.audit.resume import End, find_end
from gateway.audit.verify import verify
from gateway.errors import ConfigError
from gateway.model import Durability
from tests.unit.audit.chains import (
    WRITER,
    claims,
    forge,
    lay,
    never,
    open_writer,
    repeat,
    sample_lines,
    segment_name,
)


def _problem(directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        find_end(directory, WRITER)
    (problem,) = caught.value.problems
    assert "is damaged and is not continued" in problem
    return problem


def test_new_folder_has_no_end(tmp_path: Path) -> None:
    assert find_end(tmp_path, WRITER) == End()


def test_end_of_a_closed_record(tmp_path: Path) -> None:
    lines = sample_lines()
    end = find_end(lay(tmp_path, lines), WRITER)
    last = claims(lines[-1][-1])
    assert (end.segment, end.seq, end.hash) == (len(lines) - 1, last["seq"], last["hash"])
    assert end.size == sum(map(len, lines[-1]))
    assert end.continues
    assert end.torn is None
    state = read_checkpoint(tmp_path, WRITER)
    assert state is not None
    assert end.generation == state.generation


def test_only_the_newest_segment_is_asked(tmp_path: Path) -> None:
    lines = sample_lines()
    del lines[0][3]
    assert find_end(lay(tmp_path, lines), WRITER).continues


def test_clock_is_not_judged_at_opening(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[-1][-1] = forge(lines[-1][-1], at_us=1)
    lay(tmp_path, lines)
    assert BadKind.REWRITTEN in _problem(tmp_path)  # and not clock_back


def test_damaged_newest_segment_is_refused(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[-1][2] = lines[-1][2].replace(b"s1", b"s2")
    problem = _problem(lay(tmp_path, lines))
    assert f"{segment_name(len(lines) - 1)} line 3: {BadKind.EDITED}" in problem


def test_cut_end_is_refused(tmp_path: Path) -> None:
    lines = sample_lines()
    del lines[-1][-1]
    assert BadKind.CUT in _problem(lay(tmp_path, lines))


@pytest.mark.parametrize("gone", [1, 99])
def test_missing_segments_are_refused(tmp_path: Path, gone: int) -> None:
    assert BadKind.SEGMENT_MISSING in _problem(lay(tmp_path, sample_lines()[:-gone]))


def test_a_marked_torn_end_is_no_damage_to_whoever_opens_the_record_after_that(tmp_path: Path) -> None:
    lines = sample_lines()
    (lay(tmp_path, lines) / segment_name(len(lines) - 1)).write_bytes(b"".join([*lines[-1], b'{"at_us"']))
    checkpoint = replace(_checkpoint(tmp_path), closed=False, generation=_checkpoint(tmp_path).generation + 1)
    with checkpoint_path(tmp_path, WRITER).open("r+b") as file:
        content, offset = checkpoint.slot()
        os.pwrite(file.fileno(), content, offset)
    for number in range(3):
        record = open_writer(tmp_path)
        record.append(repeat(number), Durability.WRITTEN, never)
        record.close()
    report = verify(tmp_path)
    assert (report.ok, [torn.marked for torn in report.torn_tails]) == (True, [True])


def _checkpoint(directory: Path) -> Checkpoint:
    found = read_checkpoint(directory, WRITER)
    assert found is not None
    return found


def test_segments_without_a_checkpoint_are_refused(tmp_path: Path) -> None:
    lay(tmp_path, sample_lines())
    (tmp_path / f"{WRITER}.head.json").unlink()
    assert "is not there" in _problem(tmp_path)


def test_unreadable_checkpoint_is_refused(tmp_path: Path) -> None:
    assert "holds no state" in _problem(lay(tmp_path, sample_lines(), b"{}"))
