"""How far a sink has the record, on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.audit.follow import Position
from gateway.audit.segments import FileCalls
from gateway.links.positions import SinkState, position_path, read_state, shipped_everywhere, write_state
from gateway.sink_metrics import Trouble

HERE = Position(seq=7, hash="ab" * 32, segment=1, offset=99)
STATE = SinkState(sink="lake", kind="kafka").acknowledged({"gateway": HERE}, 8, 100.0)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    failing = STATE.failed(Trouble.TIMEOUT, "no answer", 200.0).failed(Trouble.REFUSED, "no", 300.0)
    assert failing.failing is not None
    assert (failing.failing.since, failing.failing.attempts, failing.failing.reason) == (200.0, 2, Trouble.REFUSED)
    for state in (STATE, failing):
        write_state(tmp_path, state)
        assert read_state(tmp_path, "lake") == state
    assert failing.acknowledged({"operator": HERE}, 1, 400.0).failing is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"failing":1,"writers":{"a":{"b":1}}}', b"\xff"])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, content: bytes) -> None:
    position_path(tmp_path, "lake").write_bytes(content)
    assert read_state(tmp_path, "lake") is None


def test_nothing_is_nothing(tmp_path: Path) -> None:
    assert read_state(tmp_path, "lake") is None


def test_a_full_disk_leaves_the_old_one(tmp_path: Path) -> None:
    write_state(tmp_path, STATE)
    half = FileCalls(write=lambda fd, content: os.write(fd, content[:10]))
    with pytest.raises(OSError, match="a part"):
        write_state(tmp_path, STATE.acknowledged({"gateway": Position(9)}, 1, 1.0), half)
    assert read_state(tmp_path, "lake") == STATE


def test_what_all_sinks_have(tmp_path: Path) -> None:
    write_state(tmp_path, STATE.acknowledged({"operator": Position(3)}, 1, 1.0))
    write_state(tmp_path, SinkState(sink="pg", kind="postgres").acknowledged({"gateway": Position(5)}, 1, 1.0))
    assert shipped_everywhere(tmp_path, ["lake", "pg"]) == {"gateway": 5}
    assert shipped_everywhere(tmp_path, ["lake"]) == {"gateway": 7, "operator": 3}
    assert shipped_everywhere(tmp_path, ["lake", "pg", "new"]) == {}
    assert shipped_everywhere(tmp_path, []) == {}


def test_what_a_sink_took_only_a_part_of_is_not_shipped(tmp_path: Path) -> None:
    lacking = STATE.took_a_part(3).acknowledged({"gateway": Position(20), "new": Position(2)}, 14, 2.0).took_a_part(1)
    write_state(tmp_path, lacking)
    assert read_state(tmp_path, "lake") == lacking
    assert lacking.refused == 4
    assert shipped_everywhere(tmp_path, ["lake"]) == {"gateway": 7}, "what came after it is there, and so is a hole"
