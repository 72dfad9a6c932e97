"""One sink's loop: everything in its order, at least once, whatever the sink, the folder or the process does."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.audit.follow import Line
from gateway.audit.segments import segment_path
from gateway.links.positions import position_path, read_state
from gateway.links.sinks.sink import SinkError
from gateway.model import Durability
from gateway.sink_metrics import Trouble
from tests.unit.audit.chains import WRITER, open_writer, repeat, write_record
from tests.unit.links.shipments import Told, Watched, refuse, until


def no_gap(seqs: list[int], last: int) -> None:
    """Each new entry follows the one before; what comes twice comes again in order."""
    assert set(seqs) == set(range(last + 1))
    newest = -1
    for seq in seqs:
        assert seq <= newest + 1
        newest = max(newest, seq)


def test_all_chains_also_those_that_begin_later(tmp_path: Path) -> None:
    write_record(tmp_path, 50)
    sink, watched = Told(), None
    watched = Watched(tmp_path, sink, batch_entries=7)
    with watched.running():
        until(lambda: len(sink.lines) >= 50)
        write_record(tmp_path, 10, writer="operator")
        until(lambda: len(sink.seqs("operator")) == 11)
    last = len(sink.seqs(WRITER)) - 1
    assert sink.seqs(WRITER) == list(range(last + 1))
    assert max(sink.batches) == 7
    assert sink.closed
    assert watched.entries == len(sink.lines)
    assert (watched.news[-1].spool, watched.news[-1].behind_us) == (0, 0)
    state = read_state(tmp_path, "log")
    assert state is not None
    assert (state.writers[WRITER].seq, state.writers["operator"].seq, state.kind) == (last, 10, "http")
    assert {writer: seq for told in watched.reached for writer, seq in told.items()} == {WRITER: last, "operator": 10}


def test_goes_on_where_it_was(tmp_path: Path) -> None:
    write_record(tmp_path, 20)
    for first in (20, 10):
        sink = Told()
        with Watched(tmp_path, sink).running():
            until(lambda: len(sink.lines) >= first)  # noqa: B023 - now
        write_record(tmp_path, 10)
    assert sink.seqs(WRITER)[0] > 20


@pytest.mark.parametrize(
    "trouble", [Trouble.UNREACHABLE, Trouble.TIMEOUT, Trouble.REFUSED, Trouble.UNAUTHORISED, Trouble.THROTTLED]
)
def test_what_fails_is_sent_again(tmp_path: Path, trouble: Trouble) -> None:
    write_record(tmp_path, 20)
    sink = Told(refuse(trouble))
    watched = Watched(tmp_path, sink, remote=True)
    with watched.running():
        until(lambda: watched.troubles[trouble] >= 2)
        state = read_state(tmp_path, "log")
        assert state is not None
        assert state.failing is not None
        assert (state.failing.reason, state.failing.detail) == (trouble, "as told")
        assert watched.news[-1].failing
        assert watched.news[-1].spool > 1000
        assert watched.news[-1].behind_us > 0
        sink.fails = lambda lines: None
        until(lambda: len(sink.lines) > 20)
    assert sink.seqs(WRITER) == list(range(len(sink.lines)))
    state = read_state(tmp_path, "log")
    assert state is not None
    assert state.failing is None


def test_a_batch_that_is_too_large_is_cut(tmp_path: Path) -> None:
    write_record(tmp_path, 40)

    def three_at_most(lines: Sequence[Line]) -> None:
        if len(lines) > 3:
            raise SinkError(Trouble.TOO_LARGE, "3 at most")

    sink = Told(three_at_most)
    with Watched(tmp_path, sink).running():
        until(lambda: len(sink.lines) >= 40)
    no_gap(sink.seqs(WRITER), sink.lines[-1].seq)
    assert max(sink.batches) <= 3


def test_what_was_taken_in_part_is_not_sent_again_and_nobody_is_told_that_it_arrived(tmp_path: Path) -> None:
    write_record(tmp_path, 10)
    sink = Told(refuse(Trouble.PARTLY_REFUSED))
    watched = Watched(tmp_path, sink)
    with watched.running():
        until(lambda: watched.troubles[Trouble.PARTLY_REFUSED] == 1)
        sink.fails = lambda lines: None
        write_record(tmp_path, 1, writer="operator")
        until(lambda: len(sink.lines) == 2)
    assert watched.reached == [{"operator": 1}]
    state = read_state(tmp_path, "log")
    assert state is not None
    assert state.refused > 10


def test_pruned_entries_are_told_and_passed_over(tmp_path: Path) -> None:
    write_record(tmp_path, 40)
    segment_path(tmp_path, WRITER, 0).unlink()
    sink = Told()
    watched = Watched(tmp_path, sink)
    with watched.running():
        until(lambda: len(sink.lines) > 10)
    assert watched.troubles[Trouble.PRUNED] == 1


def test_a_position_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    write_record(tmp_path, 10)
    position_path(tmp_path, "log").write_bytes(b"half of")
    sink = Told()
    with Watched(tmp_path, sink).running():
        until(lambda: len(sink.lines) > 10)
    assert sink.seqs(WRITER)[0] == 0


def test_a_folder_that_cannot_be_read_is_waited_for(tmp_path: Path) -> None:
    directory = tmp_path / "record"
    sink = Told()
    watched = Watched(directory, sink, remote=True)
    with watched.running():
        until(lambda: watched.troubles[Trouble.UNREADABLE] >= 1)
        directory.mkdir()
        write_record(directory, 5)
        until(lambda: len(sink.lines) > 5)


def test_a_mistake_of_ours_ends_nothing(tmp_path: Path) -> None:
    write_record(tmp_path, 5)
    moments = iter([True, False])

    def once(lines: Sequence[Line]) -> None:
        if next(moments, False):
            raise ZeroDivisionError

    sink = Told(once)
    watched = Watched(tmp_path, sink, remote=True)
    with watched.running():
        until(lambda: len(sink.lines) > 5)
    assert watched.troubles[Trouble.INTERNAL] == 1


def test_who_waits_is_served_without_delay(tmp_path: Path) -> None:
    sink = Told()
    watched = Watched(tmp_path, sink, remote=True)
    record = open_writer(tmp_path)
    with watched.running():
        for number in range(3):
            assert not record.append(repeat(number), Durability.SYNCED, lambda error: watched.shipper.wake())
            until(lambda: any(told.get(WRITER, -1) >= number for told in watched.reached), seconds=5)  # noqa: B023 - now
    record.close()


def test_a_sink_that_fails_at_random_has_no_gap(tmp_path: Path) -> None:
    chance = random.Random(7)

    def sometimes(lines: Sequence[Line]) -> None:
        if chance.random() < 0.4:
            sink.lines += lines[: len(lines) // 2]  # it had half of them, and nobody was told
            raise SinkError(Trouble.TIMEOUT, "perhaps")

    sink = Told(sometimes)
    for _ in range(4):  # and the process ends and begins again
        write_record(tmp_path, 20)
        with Watched(tmp_path, sink, remote=True, batch_entries=9).running():
            until(lambda: sink.lines and read_state(tmp_path, "log") is not None)
    sink.fails = lambda lines: None
    with Watched(tmp_path, sink).running():
        pass
    no_gap(sink.seqs(WRITER), max(sink.seqs(WRITER)))
    assert max(sink.seqs(WRITER)) >= 80
