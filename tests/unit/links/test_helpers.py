from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gateway.audit.joined import Work, check_alone
from gateway.audit.segments import list_segments
from gateway.audit.verify import verify
from gateway.links.helpers import helpers_for, helping
from tests.unit.audit.chains import WRITER, lay, sample_lines, write_record


def test_segments_are_checked_by_processes_of_their_own(tmp_path: Path) -> None:
    segments = list_segments(lay(tmp_path, sample_lines()))[WRITER]
    work = [Work(segment, 0, None, {}) for segment in segments]
    with helping(2) as helpers:
        assert helpers is not None
        waiting = [helpers.begin(one) for one in work]
        found = [wait() for wait in waiting]
        assert found == [check_alone(one) for one in work]
        assert all(found)
        segments[0].path.unlink()
        gone = helpers.begin(work[0])
        with pytest.raises(FileNotFoundError):
            gone()


def test_a_process_that_was_killed_is_done_without(tmp_path: Path) -> None:
    write_record(tmp_path, 40)
    with helping(2) as helpers:
        assert helpers is not None
        helpers._pool.submit(_die)  # type: ignore[attr-defined]
        report = verify(tmp_path, helpers=helpers)
    assert report == verify(tmp_path)
    assert report.ok


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_how_many_are_worth_their_start(tmp_path: Path) -> None:
    write_record(tmp_path, 40)
    assert helpers_for(tmp_path, None) == 1  # so short a record
    assert helpers_for(tmp_path, 2) == 2
    assert helpers_for(tmp_path, 200) == len(list(tmp_path.glob("*.jsonl")))
    assert helpers_for(tmp_path / "nothing", 8) == 0
    with helping(1) as helpers:
        assert helpers is None
    with next(tmp_path.glob("*.jsonl")).open("ab") as file:
        file.truncate(1 << 30)  # sparse
    assert helpers_for(tmp_path, None) >= 1
