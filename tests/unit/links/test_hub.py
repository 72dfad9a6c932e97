"""The supervisor's ends: who is told what, how far all have come, and sums that never go back."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.gathered import Snapshot, counted, gathered
from gateway.links import hub as module
from gateway.links.hub import Hub, Phase
from gateway.links.line import Line, Word
from gateway.metrics import Metrics
from gateway.model import EntityId

AT = 1_795_000_000
LINE = EntityId("line-jp")


class Worker:
    """A worker's end, moved by hand."""

    def __init__(self) -> None:
        self.heard: list[tuple[Word, Any]] = []
        self.counts: Snapshot | None = []  # None: it does not answer
        self._changed = asyncio.Event()

    async def over(self, end: socket.socket) -> None:
        self.line = await Line.over(end, self._take, self._changed.set)

    def _take(self, word: Word, about: Any) -> None:
        if word is Word.SNAPSHOT:
            if self.counts is not None:
                self.line.send(Word.SNAPSHOT, self.counts)
        elif word is not Word.STATE:
            self.heard.append((word, about))
        else:
            self.state = about
        self._changed.set()

    def said(self, word: Word) -> list[Any]:
        return [about for one, about in self.heard if one is word]

    async def hears(self, word: Word) -> None:
        await self.until(lambda: self.said(word))

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


async def until(holds: Callable[[], Any]) -> None:
    """Until the hub has taken what was said: it tells nobody."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.001)


class Stage:
    """A hub with its workers."""

    def __init__(self, count: int) -> None:
        self.volume = VolumeCounter()
        self.sightings = Sightings(window=600, most=10)
        self.hung: list[int] = []
        self.hub = Hub(count, self.volume, self.sightings, self.hung.append)
        self.workers: dict[int, Worker] = {}

    async def seat(self, number: int) -> Worker:
        worker = self.workers[number] = Worker()
        ours, theirs = socket.socketpair()
        await worker.over(theirs)
        await self.hub.seat(number, ours)
        return worker

    async def phase(self, number: int, word: Word, phase: Phase) -> None:
        self.workers[number].line.send(word)
        await until(lambda: self.hub._seats[number].phase is phase)

    async def open(self, *numbers: int) -> None:
        for number in numbers:
            await self.seat(number)
            await self.phase(number, Word.PREPARED, Phase.PREPARED)
        self.hub.let_open()
        for number in numbers:
            await self.phase(number, Word.OPENED, Phase.OPEN)

    async def scrape(self, number: int, own: Snapshot) -> dict[str, float]:
        """The sums of a scrape at this worker."""
        worker = self.workers[number]
        worker.heard.clear()
        worker.line.send(Word.COLLECT, [7, own])
        await worker.until(lambda: worker.said(Word.COLLECTED))
        ((asked, snapshots),) = worker.said(Word.COLLECTED)
        assert asked == 7
        return {one.name: one.value for family in gathered([own, *snapshots], {}) for one in family.samples}


def run(count: int, work: Callable[[Stage], Awaitable[None]]) -> None:
    async def whole() -> None:
        stage = Stage(count)
        await work(stage)
        await stage.hub.close()
        for number, worker in stage.workers.items():
            worker.line.close()
            stage.hub.gone(number)

    asyncio.run(whole())


def test_all_open_when_the_last_is_prepared_and_later_ones_at_once() -> None:
    async def work(stage: Stage) -> None:
        hub = stage.hub
        one, two = await stage.seat(1), await stage.seat(2)
        await stage.phase(1, Word.PREPARED, Phase.PREPARED)
        assert not hub.all_prepared.is_set()
        await stage.phase(2, Word.PREPARED, Phase.PREPARED)
        assert hub.all_prepared.is_set()
        hub.let_open()
        for worker in (one, two):
            await worker.hears(Word.OPEN)
        await stage.phase(1, Word.OPENED, Phase.OPEN)
        assert (hub.serving, hub.all_open.is_set()) == (1, False)
        await one.until(lambda: one.state == [False, []])
        await stage.phase(2, Word.OPENED, Phase.OPEN)
        assert (hub.serving, hub.all_open.is_set()) == (2, True)
        await one.until(lambda: one.state == [True, []])
        hub.gone(2)
        await one.until(lambda: one.state == [True, ["worker 2 has ended and is started again"]])
        two = await stage.seat(2)
        await stage.phase(2, Word.PREPARED, Phase.PREPARED)
        await two.until(lambda: two.said(Word.OPEN))
        await stage.phase(2, Word.OPENED, Phase.OPEN)
        await one.until(lambda: one.state == [True, []])
        hub.stop()
        for worker in (one, two):
            await worker.hears(Word.STOP)

    run(2, work)


def test_who_is_seated_while_all_stop_stops_too() -> None:
    async def work(stage: Stage) -> None:
        stage.hub.stop()
        one = await stage.seat(1)
        await one.until(lambda: one.said(Word.STOP))

    run(1, work)


def test_rows_are_counted_here_and_told_to_all_others() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2, 3)
        told = [[LINE, None, AT, 5], [LINE, LINE, AT, 1]]
        stage.workers[2].line.send(Word.VOLUME, told)
        for number in (1, 3):
            await stage.workers[number].hears(Word.VOLUME)
            assert stage.workers[number].said(Word.VOLUME) == [told]
        assert stage.volume.rows(LINE, None, AT).rows == 5
        assert stage.workers[2].said(Word.VOLUME) == [], "it knows"

    run(3, work)


def test_where_somebody_was_seen_is_told_to_all_others_and_to_whom_starts() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2, 3)
        told = ["i#sato", "JP", "attested", AT]
        stage.workers[2].line.send(Word.SIGHTED, told)
        for number in (1, 3):
            await stage.workers[number].hears(Word.SIGHTED)
            assert stage.workers[number].said(Word.SIGHTED) == [told]
        assert stage.workers[2].said(Word.SIGHTED) == [], "it knows"
        assert stage.sightings.snapshot() == [told]

    run(3, work)


def test_a_cancel_key_goes_to_its_owner_alone() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2, 3)
        sender = stage.workers[2]
        for owner in (7, 1, 0):  # of nobody; its own, which it would not send; another's
            sender.line.send(Word.CANCEL, [owner, 9, "00ff"])
        await stage.workers[1].until(lambda: stage.workers[1].said(Word.CANCEL) == [[0, 9, "00ff"]])
        assert [stage.workers[number].said(Word.CANCEL) for number in (2, 3)] == [[], []]

    run(3, work)


def test_a_question_goes_to_whom_it_is_put_and_the_answer_to_who_asked() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2, 3)
        one, two, three = (stage.workers[number] for number in (1, 2, 3))
        two.line.send(Word.ASKED, [1, 40, ["what"]])
        await one.hears(Word.ASKED)
        assert one.said(Word.ASKED) == [[2, 40, ["what"]]]
        one.line.send(Word.ANSWERED, [2, 40, "this"])
        await two.hears(Word.ANSWERED)
        for nobody in (2, 0, 4):  # itself, which it would not ask; no worker's
            two.line.send(Word.ASKED, [nobody, 41 + nobody, ["what"]])
        three.line.close()
        await until(lambda: stage.hub._seats[3].line is None)
        two.line.send(Word.ASKED, [3, 50, ["what"]])
        await two.until(lambda: len(two.said(Word.ANSWERED)) == 5)
        assert two.said(Word.ANSWERED) == [[40, "this"], [43, None], [41, None], [45, None], [50, None]]
        assert three.said(Word.ASKED) == []

    run(3, work)


def test_draining_is_told_to_the_others() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2, 3)
        stage.workers[2].line.send(Word.DRAIN)
        for number in (1, 3):
            await stage.workers[number].hears(Word.DRAIN)
        assert stage.workers[2].said(Word.DRAIN) == []

    run(3, work)


def test_a_scrape_has_everybody_once_and_those_who_have_gone() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2)
        stage.workers[2].counts = counted("c", 10)
        assert await stage.scrape(1, counted("c", 1)) == {"c_total": 11, f"{Metrics.RESTARTS}_total": 0}
        stage.workers[2].line.close()
        stage.hub.gone(2)
        stage.hub.started_again()
        assert await stage.scrape(1, counted("c", 1)) == {"c_total": 11, f"{Metrics.RESTARTS}_total": 1}
        await stage.open(2)
        stage.workers[2].counts = counted("c", 3)
        assert (await stage.scrape(1, counted("c", 2)))["c_total"] == 15
        assert (await stage.scrape(2, counted("c", 3)))["c_total"] == 13, "of worker 1, which has counted nothing since"

    run(2, work)


def test_one_who_is_too_slow_is_told_as_it_was(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_SNAPSHOT", 0.05)

    async def work(stage: Stage) -> None:
        await stage.open(1, 2)
        stage.workers[2].counts = counted("c", 10)
        assert (await stage.scrape(1, []))["c_total"] == 10
        stage.workers[2].counts = None
        assert (await stage.scrape(1, []))["c_total"] == 10

    run(2, work)
    assert "worker_counts_late" in [one.message for one in caplog.records]


def test_one_who_goes_while_it_is_asked_is_counted_once() -> None:
    async def work(stage: Stage) -> None:
        await stage.open(1, 2)
        stage.workers[2].counts = counted("c", 10)
        assert (await stage.scrape(1, []))["c_total"] == 10
        stage.workers[2].counts = None
        scrape = asyncio.gather(stage.scrape(1, []))
        await until(lambda: stage.hub._seats[2].asked)
        stage.hub.gone(2)
        (found,) = await scrape
        assert found["c_total"] == 10

    run(2, work)


def test_one_who_does_not_answer_is_hung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PING", 0.01)

    async def work(stage: Stage) -> None:
        await stage.open(1)
        await stage.seat(2)  # still starting, which may take its time
        for seat in stage.hub._seats.values():
            seat.silent = 1000
        watching = asyncio.gather(stage.hub.watch())
        await stage.workers[2].until(lambda: stage.workers[2].said(Word.PING))
        assert stage.hung == [1]
        watching.cancel()

    run(2, work)


def test_problems_are_kept_and_what_no_worker_says_ends_its_line(caplog: pytest.LogCaptureFixture) -> None:
    async def work(stage: Stage) -> None:
        one = await stage.seat(1)
        one.line.send(Word.FAILED, ["this", "that"])
        one.line.send(Word.OPEN)
        await until(lambda: stage.hub._seats[1].line is None)
        assert stage.hub.gone(1).problems == ("this", "that")

    with caplog.at_level(logging.ERROR):
        run(1, work)
    assert "line_broken" in [one.message for one in caplog.records]


def test_what_is_shipped_for_all_workers_is_told_to_all_and_counted_once() -> None:
    async def work(stage: Stage) -> None:
        asked: list[bool] = []
        stage.hub.ship = lambda: asked.append(True)
        stage.hub.counts = lambda: counted("sekisho_record_shipped_entries", 5)
        await stage.open(1, 2)
        stage.workers[2].line.send(Word.SHIP)
        await until(lambda: asked)
        stage.hub.shipped({"gateway-1": 7})
        stage.hub.ships(False)
        for worker in stage.workers.values():
            await worker.until(lambda: worker.said(Word.SHIPS) == [False])  # noqa: B023 - now
            assert worker.said(Word.SHIPPED) == [{"gateway-1": 7}]
        assert (await stage.scrape(1, []))["sekisho_record_shipped_entries_total"] == 5

    run(2, work)
