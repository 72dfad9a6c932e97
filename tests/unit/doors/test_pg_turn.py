"""Entries of one turn of the loop: one write, then all go on; or none does."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest
from prometheus_client import CollectorRegistry

from gateway.audit.segments import FileCalls
from gateway.audit.verify import iter_entries, verify
from gateway.audit.writer import RecordWriter
from gateway.doors.pg_turn import Turn
from gateway.errors import Reason
from gateway.links.remote import Remote
from gateway.metrics import Metrics
from gateway.model import Durability, Effect, Verdict
from gateway.reuse import Repeat, Standing


class Waits:
    """A session that waits, and what it was told."""

    def __init__(self, fails: bool = False) -> None:
        self.told: list[str] = []
        self.heard = asyncio.Event()
        self._fails = fails

    def written(self) -> None:
        self.told.append("written")
        self.heard.set()
        if self._fails:
            raise RuntimeError("nobody foresaw this")

    def unwritten(self) -> None:
        self.told.append("unwritten")
        self.heard.set()

    def failed(self) -> None:
        self.told.append("failed")


def repeat(number: int, durability: Durability = Durability.WRITTEN, at_ns: int = 1000) -> Repeat:
    verdict = Verdict(effect=Effect.ALLOW, reason=Reason.ALLOWED, valid_until=1, revision="r", durability=durability)
    standing = Standing(
        verdict=verdict,
        understanding=None,  # type: ignore[arg-type]  # not looked at here
        revision="r",
        epoch="e",
        normalised="",
        statement_hash="",
    )
    return Repeat(standing, f"d-{number}", f'{{"at_us":1,"decision_id":"d-{number}","kind":"repeat"}}', at_ns)


def play(folder, use, calls: FileCalls | None = None, *, acknowledges: bool = True):
    """``use`` with a turn on a real record, which a sink has at once, or never; then the metrics."""
    metrics = Metrics(CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0")

    async def work() -> None:
        recorder = RecordWriter.open(folder, segment_bytes=1 << 20, writer="gateway", calls=calls)
        try:
            remote = Remote(recorder, 0.05, metrics.sinks)
            if acknowledges:
                remote.wake = lambda: remote.reached({"gateway": recorder.tail[0]})
            await use(Turn(recorder, metrics, remote))
        finally:
            if recorder.healthy:
                recorder.close()

    asyncio.run(work())
    return metrics.registry.get_sample_value


def ids(folder) -> list[object]:
    return [one["decision_id"] for one in iter_entries(folder) if "decision_id" in one]


def test_one_write_for_all_of_a_turn_and_nobody_goes_on_before(tmp_path):
    waits = [Waits() for _ in range(5)]
    writes: list[list[list[str]]] = []

    def write(fd: int, data: bytes) -> int:
        writes.append([list(one.told) for one in waits])
        return os.write(fd, data)

    async def use(turn: Turn) -> None:
        turn.enter(waits[0], repeat(0))
        await asyncio.sleep(0)  # the segment begins
        writes.clear()
        for number in range(1, 5):
            turn.enter(waits[number], repeat(number))
            turn.note(f'{{"at_us":1,"decision_id":"c-{number}","kind":"completion"}}', 1)
        assert writes == []
        await asyncio.sleep(0)

    value = play(tmp_path, use, FileCalls(write=write))
    assert writes == [[["written"], [], [], [], []]]
    assert [one.told for one in waits] == [["written"]] * 5
    # Ends are of statements of earlier turns: they go first.
    assert ids(tmp_path) == ["d-0", *(f"{kind}-{number}" for kind in "cd" for number in range(1, 5))]
    assert verify(tmp_path).ok
    assert value("sekisho_record_entries_total", {"durability": "written"}) == 5
    assert (
        value("sekisho_decisions_total", {"door": "postgres", "effect": "allow", "mode": "enforce", "source": "reused"})
        == 5
    )
    for stage in ("total", "record"):
        labels = {"door": "postgres", "stage": stage}
        assert value("sekisho_decision_duration_seconds_count", labels) == 5


def test_who_needs_the_disk_waits_for_it_and_nobody_else_does(tmp_path):
    synced, written = Waits(), Waits()

    async def use(turn: Turn) -> None:
        turn.enter(synced, repeat(1, Durability.SYNCED))
        turn.enter(written, repeat(2))
        await asyncio.sleep(0)
        assert (written.told, synced.told) == (["written"], [])
        async with asyncio.timeout(60):
            await synced.heard.wait()

    value = play(tmp_path, use)
    assert synced.told == ["written"]
    assert value("sekisho_record_entries_total", {"durability": "synced"}) == 1


@pytest.mark.parametrize("acknowledges", [True, False])
def test_who_needs_a_sink_waits_for_it_and_nobody_else_does(tmp_path, acknowledges):
    elsewhere, synced = Waits(), Waits()

    async def use(turn: Turn) -> None:
        turn.enter(elsewhere, repeat(1, Durability.REMOTE))
        turn.enter(synced, repeat(2, Durability.SYNCED))
        async with asyncio.timeout(60):
            await synced.heard.wait()
            await elsewhere.heard.wait()

    value = play(tmp_path, use, acknowledges=acknowledges)
    assert synced.told == ["written"]
    assert elsewhere.told == (["written"] if acknowledges else ["unwritten"])
    assert value("sekisho_record_entries_total", {"durability": "remote"}) == int(acknowledges)


@pytest.mark.parametrize("durability", list(Durability))
def test_who_comes_alone_waits_for_no_turn(tmp_path, durability):
    first, alone, close, crowd = (Waits() for _ in range(4))

    async def use(turn: Turn) -> None:
        turn.enter(first, repeat(0, at_ns=1))
        assert first.told == []
        await asyncio.sleep(0)
        turn.enter(alone, repeat(1, durability, at_ns=10**9))
        if durability is not Durability.WRITTEN:
            assert alone.told == []
            async with asyncio.timeout(60):
                await alone.heard.wait()
        assert alone.told == ["written"]
        assert ids(tmp_path) == ["d-0", "d-1"]
        turn.enter(close, repeat(2, at_ns=10**9 + 1))
        turn.enter(crowd, repeat(3, at_ns=10**9 + 2))
        assert (close.told, crowd.told) == ([], [])
        await asyncio.sleep(0)
        assert (close.told, crowd.told) == (["written"], ["written"])
        for number in (4, 5):  # there were two the last time: others may be about to come
            after = Waits()
            turn.enter(after, repeat(number, at_ns=number * 10**9))
            assert after.told == ([] if number == 4 else ["written"])
            await asyncio.sleep(0)
            assert after.told == ["written"]

    play(tmp_path, use)
    assert ids(tmp_path) == [f"d-{number}" for number in range(6)]


def test_what_nobody_waits_for_goes_with_the_next_or_soon_by_itself(tmp_path):
    waits, wrote = Waits(), asyncio.Event()

    def write(fd: int, data: bytes) -> int:
        wrote.set()
        return os.write(fd, data)

    async def use(turn: Turn) -> None:
        turn.note('{"at_us":1,"decision_id":"c-0","kind":"completion"}', 1)
        assert ids(tmp_path) == []
        turn.enter(waits, repeat(1, at_ns=10**9))
        assert ids(tmp_path) == ["c-0", "d-1"]
        turn.note('{"at_us":1,"decision_id":"c-1","kind":"completion"}', 1)
        assert ids(tmp_path) == ["c-0", "d-1"]
        wrote.clear()
        async with asyncio.timeout(60):
            await wrote.wait()
        assert ids(tmp_path) == ["c-0", "d-1", "c-1"]
        turn.note('{"at_us":1,"decision_id":"c-2","kind":"completion"}', 1)

    play(tmp_path, use, FileCalls(write=write))
    assert ids(tmp_path) == ["c-0", "d-1", "c-1", "c-2"], "what is left is written when the record is closed"
    assert verify(tmp_path).ok


def test_what_is_lost_that_nobody_waited_for_is_told(tmp_path, caplog):
    failed = asyncio.Event()

    def full(fd: int, data: bytes) -> int:
        if b"decision_id" in data:
            failed.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)

    async def use(turn: Turn) -> None:
        turn.note('{"at_us":1,"decision_id":"c-0","kind":"completion"}', 1)
        async with asyncio.timeout(60):
            await failed.wait()

    play(tmp_path, use, FileCalls(write=full))
    assert [one.entries for one in caplog.records if one.message == "entry_not_written"] == [1]


@pytest.mark.parametrize("durability", list(Durability))
def test_where_the_disk_takes_nothing_nobody_goes_on(tmp_path, caplog, durability):
    waits = Waits()

    def full(fd: int, data: bytes) -> int:
        if b"decision_id" in data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)

    async def use(turn: Turn) -> None:
        turn.enter(waits, repeat(1, durability))
        turn.note('{"at_us":1,"decision_id":"c-1","kind":"completion"}', 1)
        await asyncio.sleep(0)

    value = play(tmp_path, use, FileCalls(write=full))
    assert waits.told == ["unwritten"]
    assert (
        value("sekisho_decisions_total", {"door": "postgres", "effect": "allow", "mode": "enforce", "source": "reused"})
        == 0
    )
    assert [one.message for one in caplog.records if one.message == "entry_not_written"] == ["entry_not_written"]


def test_one_that_fails_keeps_nobody_else_waiting(tmp_path, caplog):
    waits = [Waits(fails=True), Waits()]

    async def use(turn: Turn) -> None:
        for number, one in enumerate(waits):
            turn.enter(one, repeat(number))
        await asyncio.sleep(0)

    play(tmp_path, use)
    assert [one.told for one in waits] == [["written", "failed"], ["written"]]
    assert "connection_failed" in caplog.text
