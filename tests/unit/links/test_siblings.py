"""A worker's end: what it tells, what it takes from the others, and that it does not go on alone."""

from __future__ import annotations

import asyncio
import logging
import pickle
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.config_load import load
from gateway.errors import SekishoError
from gateway.facts.volume import VolumeCounter
from gateway.gathered import counted
from gateway.links import siblings as module
from gateway.links.line import Line, Word
from gateway.links.siblings import Hello, Siblings, Withdrawn
from gateway.metrics import Metrics
from gateway.model import Confidence, Country, EntityId, JsonValue, Location, LocationSource, PrincipalId
from tests.houses import House

AT = 1_795_000_000
LINE, CN = EntityId("line-jp"), EntityId("line-cn")


class Supervisor:
    """The other end, moved by hand."""

    def __init__(self) -> None:
        self.heard: list[tuple[Word, Any]] = []
        self._changed = asyncio.Event()

    async def over(self, end: socket.socket) -> None:
        self.line = await Line.over(end, self._take, self._changed.set)

    def _take(self, word: Word, about: Any) -> None:
        self.heard.append((word, about))
        self._changed.set()

    def said(self, word: Word) -> list[Any]:
        return [about for one, about in self.heard if one is word]

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
def hello(tmp_path: Path) -> Hello:
    counter = VolumeCounter()
    counter.add(LINE, CN, 5, AT)
    config = load(House(tmp_path, None).layout.config, {})
    return Hello(config=config, number=2, of=3, volume=counter.snapshot(), again="was ended by SIGKILL")


def run(hello: Hello, work: Callable[[Siblings, Supervisor], Awaitable[None]]) -> None:
    async def both() -> None:
        siblings, supervisor = Siblings(hello), Supervisor()
        left, right = socket.socketpair()
        await supervisor.over(left)
        await siblings.join(right)
        await work(siblings, supervisor)
        supervisor.line.close()
        await asyncio.wait_for(siblings.stopping.wait(), 10)
        await siblings.leave()

    asyncio.run(both())


def rows(siblings: Siblings) -> int:
    return siblings.volume.rows(LINE, CN, AT).rows


def test_what_it_is_started_with_goes_to_another_process_as_it_is(hello: Hello) -> None:
    assert pickle.loads(pickle.dumps(hello)) == hello  # noqa: S301 - our own
    siblings = Siblings(hello)
    assert siblings.writer == "gateway-2"
    assert siblings.described == "worker 2 of 3, started again after the one before was ended by SIGKILL"
    assert rows(siblings) == 5


def test_rows_are_told_once_and_theirs_are_not_told_again(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        for _ in range(3):
            siblings.volume.add(LINE, CN, 2, AT)
        siblings.volume.add(LINE, None, 1, AT)
        assert rows(siblings) == 11
        await supervisor.until(lambda: supervisor.said(Word.VOLUME))
        assert supervisor.said(Word.VOLUME) == [[[LINE, CN, AT, 6], [LINE, None, AT, 1]]]
        supervisor.line.send(Word.VOLUME, [[LINE, CN, AT, 100]])
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        assert rows(siblings) == 111
        siblings.volume.add(LINE, CN, 1, AT)
        supervisor.line.send(Word.SNAPSHOT)
        await supervisor.until(lambda: supervisor.said(Word.SNAPSHOT))
        assert [word for word, _ in supervisor.heard][-2:] == [Word.VOLUME, Word.SNAPSHOT], "rows before counts"
        assert len(supervisor.said(Word.VOLUME)) == 2

    run(hello, work)


def test_where_people_are_seen_is_told_and_heard(hello: Hello) -> None:
    hello = replace(hello, sightings=[["i#li", "CN", "attested", AT]])

    def place(siblings: Siblings, subject: str, country: str) -> Location:
        found = Location(
            countries=(Country(country),), source=LocationSource.SITE_NETWORK, confidence=Confidence.ATTESTED
        )
        return siblings.sightings.place(PrincipalId(f"i#{subject}"), found, AT + 1).location

    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        assert place(siblings, "li", "JP").countries == ("CN", "JP"), "seen before this worker was started"
        assert place(siblings, "sato", "JP").countries == ("JP",)
        await supervisor.until(lambda: len(supervisor.said(Word.SIGHTED)) == 2)
        assert supervisor.said(Word.SIGHTED)[1] == ["i#sato", "JP", "attested", AT + 1]
        supervisor.line.send(Word.SIGHTED, ["i#sato", "KR", "declared", AT + 1])
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        assert place(siblings, "sato", "JP").countries == ("JP", "KR")
        assert len(supervisor.said(Word.SIGHTED)) == 2, "theirs is not told again"

    run(hello, work)


def test_the_doors_open_when_all_may_open_theirs(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        assert siblings.waiting()
        waiting = asyncio.gather(siblings.prepared())
        await supervisor.until(lambda: supervisor.said(Word.PREPARED))
        assert not waiting.done()
        supervisor.line.send(Word.OPEN)
        await waiting
        siblings.opened()
        await supervisor.until(lambda: supervisor.said(Word.OPENED))
        supervisor.line.send(Word.STATE, [True, ["worker 1 has ended and is started again"]])
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        assert siblings.waiting() == []
        assert siblings.troubles() == ["worker 1 has ended and is started again"]

    run(hello, work)


@pytest.mark.parametrize("how", ["told", "lost"])
def test_a_start_that_is_called_off(hello: Hello, how: str) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        waiting = asyncio.gather(siblings.prepared())
        await supervisor.until(lambda: supervisor.said(Word.PREPARED))
        if how == "told":
            supervisor.line.send(Word.STOP)
        else:
            supervisor.line.close()
        with pytest.raises(Withdrawn):
            await waiting

    run(hello, work)


def test_without_its_supervisor_it_stops(hello: Hello, caplog: pytest.LogCaptureFixture) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        assert not siblings.stopping.is_set()

    run(hello, work)
    assert "supervisor_lost" in [one.message for one in caplog.records]


def test_a_supervisor_that_says_nothing_is_taken_for_gone(
    hello: Hello, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_LOOK", 0.01)

    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        siblings._silent = 1000
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        watching = asyncio.gather(siblings.watch())
        await asyncio.sleep(0.05)
        assert not siblings.stopping.is_set(), "it has said something since"
        siblings._silent = 1000
        await asyncio.wait_for(watching, 10)
        assert siblings.stopping.is_set()

    with caplog.at_level(logging.ERROR):
        run(hello, work)
    assert caplog.records[0].message == "supervisor_silent"


def test_cancel_keys_go_to_their_owner_and_come_in(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        came: list[tuple[int, bytes]] = []
        siblings.cancelled = lambda *key: came.append(key)
        siblings.elsewhere(0, 3, b"\x00\xff")
        await supervisor.until(lambda: supervisor.said(Word.CANCEL))
        assert supervisor.said(Word.CANCEL) == [[0, 3, "00ff"]]
        supervisor.line.send(Word.CANCEL, [1, 4, "abcd"])
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        assert came == [(4, b"\xab\xcd")]

    run(hello, work)


def test_another_worker_is_asked_and_asks(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        asking = [asyncio.create_task(siblings.ask(1, ["what", number])) for number in range(2)]  # noqa: TID251 - held
        await supervisor.until(lambda: len(supervisor.said(Word.ASKED)) == 2)
        (_, first, _), (_, second, _) = supervisor.said(Word.ASKED)
        assert supervisor.said(Word.ASKED) == [[1, first, ["what", 0]], [1, second, ["what", 1]]]
        for number, answer in ((second + 1, "of nobody"), (second, "b"), (first, None)):
            supervisor.line.send(Word.ANSWERED, [number, answer])
        assert await asyncio.gather(*asking) == [None, "b"]

        supervisor.line.send(Word.ASKED, [3, 8, "early"])

        async def answering(question: Any) -> JsonValue:
            return [question, "answered"]

        await supervisor.until(lambda: supervisor.said(Word.ANSWERED))
        siblings.asked = answering
        supervisor.line.send(Word.ASKED, [3, 9, "late"])
        await supervisor.until(lambda: len(supervisor.said(Word.ANSWERED)) == 2)
        assert supervisor.said(Word.ANSWERED) == [[3, 8, None], [3, 9, ["late", "answered"]]]

    run(hello, work)


def test_questions_have_an_end_and_there_are_not_too_many(hello: Hello, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER", 0.05)
    monkeypatch.setattr(module, "_ASKED", 2)

    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        many = await asyncio.gather(*(siblings.ask(1, "what") for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in many] == [TimeoutError, TimeoutError, SekishoError]
        with pytest.raises(TimeoutError):
            await siblings.ask(1, "again")

    run(hello, work)


def test_draining_is_told_to_all_and_heard(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        drained: list[int] = []
        siblings.drained = lambda: drained.append(1)
        siblings.drain()
        await supervisor.until(lambda: supervisor.said(Word.DRAIN))
        assert drained == [], "whoever says so has done it"
        supervisor.line.send(Word.DRAIN)
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        assert drained == [1]

    run(hello, work)


def test_a_flood_of_cancel_requests_is_dropped_and_nothing_else_is(
    hello: Hello, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_UNSENT", 0)

    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        siblings.elsewhere(0, 3, b"\x00\xff")
        siblings.opened()
        await supervisor.until(lambda: supervisor.said(Word.OPENED))
        assert supervisor.said(Word.CANCEL) == []

    run(hello, work)


def test_a_scrape_is_of_all(hello: Hello, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prometheus_client.metrics._use_created", False)

    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        metrics = Metrics(CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0")
        metrics.delayed()
        collector = siblings.collector(metrics)
        scrape = asyncio.create_task(asyncio.to_thread(generate_latest, collector))  # noqa: TID251 - of the test
        await supervisor.until(lambda: supervisor.said(Word.COLLECT))
        ((number, own),) = supervisor.said(Word.COLLECT)
        assert ["sekisho_unknown_delayed_total", {}, 1.0] in next(
            family[3] for family in own if family[0] == "sekisho_unknown_delayed"
        )
        supervisor.line.send(Word.COLLECTED, [number + 1, []])  # of nobody
        supervisor.line.send(Word.COLLECTED, [number, [counted("sekisho_unknown_delayed", 4)]])
        assert b"\nsekisho_unknown_delayed_total 5.0\n" in await scrape

    run(hello, work)


def test_a_scrape_that_the_others_do_not_answer_fails(hello: Hello, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWER", 0.05)

    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        with pytest.raises(TimeoutError):
            await siblings.gather([])
        assert not siblings._scrapes

    run(hello, work)


def test_the_last_words(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        siblings.failed(("this", "that"))
        siblings.counts = lambda: counted("c", 3)
        siblings.volume.add(LINE, CN, 1, AT)
        await siblings.leave()
        await supervisor.until(lambda: supervisor.said(Word.SNAPSHOT))
        assert supervisor.heard == [
            (Word.FAILED, ["this", "that"]),
            (Word.VOLUME, [[LINE, CN, AT, 1]]),
            (Word.SNAPSHOT, counted("c", 3)),
        ]

    run(hello, work)


def test_what_the_supervisor_ships_is_asked_for_and_told(hello: Hello) -> None:
    async def work(siblings: Siblings, supervisor: Supervisor) -> None:
        told: list[object] = []
        siblings.shipped = siblings.ships = told.append
        siblings.ship()
        await supervisor.until(lambda: supervisor.said(Word.SHIP))
        supervisor.line.send(Word.SHIPPED, {"gateway-2": 7})
        supervisor.line.send(Word.SHIPS, False)
        supervisor.line.send(Word.PING)
        await supervisor.until(lambda: supervisor.said(Word.PONG))
        assert told == [{"gateway-2": 7}, False]

    run(hello, work)
