from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.chain import canonical
from gateway.audit.checkpoint import (
    Checkpoint,
    CheckpointUnreadable,
    checkpoint_path,
    list_checkpoints,
    read_checkpoint,
)
from gateway.audit.segments import WRITER_NAME

STATE = Checkpoint(writer="gw", generation=4, segment=2, seq=17, hash="ab" * 32, closed=True)


def _write(directory: Path, *states: Checkpoint) -> Path:
    path = checkpoint_path(directory, "gw")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    for state in states:
        os.pwrite(fd, *state.slot())
    os.close(fd)
    return path


def test_state_is_read_back(tmp_path: Path) -> None:
    _write(tmp_path, STATE)
    assert read_checkpoint(tmp_path, "gw") == STATE
    assert list_checkpoints(tmp_path) == ["gw"]


def test_newest_whole_state_counts(tmp_path: Path) -> None:
    later = replace(STATE, generation=5, seq=20)
    path = _write(tmp_path, STATE, later)
    assert read_checkpoint(tmp_path, "gw") == later
    raw = bytearray(path.read_bytes())
    raw[700:] = b"\0" * (len(raw) - 700)  # torn while the second slot was written
    path.write_bytes(raw)
    assert read_checkpoint(tmp_path, "gw") == STATE


def test_none_where_there_is_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path, "gw") is None


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"\0" * 1024, b'{"checkpoint":{"writer":1},"check":""}'])
def test_unreadable_is_said(tmp_path: Path, raw: bytes) -> None:
    checkpoint_path(tmp_path, "gw").write_bytes(raw)
    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(tmp_path, "gw")


@pytest.mark.parametrize(("old", "new"), [(b'"seq":17', b'"seq":16'), (b'"gw"', b'"gx"'), (b"true", b"null")])
def test_changed_state_is_not_believed(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = _write(tmp_path, STATE)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(tmp_path, "gw")


def test_state_of_another_writer_is_not_believed(tmp_path: Path) -> None:
    _write(tmp_path, STATE).rename(checkpoint_path(tmp_path, "other"))
    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(tmp_path, "other")


@given(
    st.builds(
        Checkpoint,
        writer=st.from_regex(WRITER_NAME, fullmatch=True),
        generation=st.integers(0, 10**18),
        segment=st.integers(-1, 10**12),
        seq=st.integers(-1, 10**18),
        hash=st.text("0123456789abcdef", min_size=64, max_size=64),
        closed=st.booleans(),
    )
)
def test_slot_is_canonical_json_of_the_state_and_its_check(state: Checkpoint) -> None:
    fields = asdict(state)
    check = sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    assert state.slot()[0].decode().rstrip() == canonical({"check": check, "checkpoint": fields})


def test_longest_names_and_numbers_fit_their_slot() -> None:
    longest = Checkpoint(
        writer="w" * 64, generation=10**18 + 1, segment=10**12, seq=10**18, hash="f" * 64, closed=False
    )
    content, offset = longest.slot()
    assert (len(content), offset) == (512, 512)
