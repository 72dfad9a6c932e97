from __future__ import annotations

from pathlib import Path

from gateway.audit.chain import GENESIS, Link
from gateway.audit.damage import MAX_CLOCK_STEPS, BadKind, Walk, lines_after
from gateway.audit.segments import list_segments
from tests.unit.audit.chains import WRITER, lay, sample_lines


def _link(seq: int, at_us: int | None) -> Link:
    return Link(seq=seq, prev=GENESIS, hash=f"{seq:064x}", authentic=True, entry={"at_us": at_us})


def _state(tmp_path: Path) -> Walk:
    return Walk(list_segments(lay(tmp_path, sample_lines()))[WRITER], clock_tolerance_us=1_000_000)


def test_accepting_moves_the_end(tmp_path: Path) -> None:
    state = _state(tmp_path)
    state.attested = (1, "")
    state.accept(0, 1, _link(0, 10))
    state.accept(0, 2, _link(1, None))
    assert (state.seq, state.prev, state.entries) == (2, f"{1:064x}", 2)
    assert (state.attested_seen, state.attested_at) == (f"{1:064x}", ("gw.00000000.jsonl", 2))


def test_memory_of_accepted_lines_is_bounded(tmp_path: Path) -> None:
    state = _state(tmp_path)
    for seq in range(5000):
        state.accept(0, seq + 1, _link(seq, seq))
    assert len(state.recent) == 256
    assert f"{4999:064x}" in state.known()


def test_clock_within_tolerance_is_not_a_step(tmp_path: Path) -> None:
    state = _state(tmp_path)
    for seq, at in enumerate((5_000_000, 4_000_000, 6_000_000, 5_500_000)):
        state.accept(0, seq + 1, _link(seq, at))
    assert state.clock_steps == []


def test_one_step_back_is_told_once(tmp_path: Path) -> None:
    state = _state(tmp_path)
    for seq, at in enumerate((9_000_000, 2_000_000, 2_100_000, 2_000_001)):
        state.accept(0, seq + 1, _link(seq, at))
    assert [(step.kind, step.seq, step.line) for step in state.clock_steps] == [(BadKind.CLOCK_BACK, 1, 2)]


def test_steps_are_bounded(tmp_path: Path) -> None:
    state = _state(tmp_path)
    for seq in range(100):
        state.accept(0, seq + 1, _link(seq, 10_000_000_000 if seq % 2 else 0))
    assert len(state.clock_steps) == MAX_CLOCK_STEPS


def test_lines_after_go_on_through_later_segments(tmp_path: Path) -> None:
    lines = sample_lines()
    segments = list_segments(lay(tmp_path, lines))[WRITER]
    last_but_one = len(lines[0]) - 1
    found = [(index, line.raw) for index, line in lines_after(segments, 0, last_but_one)]
    assert found[0] == (0, lines[0][-1])
    assert found[1] == (1, lines[1][0])
    assert len(found) == 1 + sum(map(len, lines[1:]))
