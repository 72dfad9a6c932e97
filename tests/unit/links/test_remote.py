"""Waiting for a sink's acknowledgement: by numbers, for so long, and not at all where it takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.audit.writer import RecordWriter
from gateway.errors import Reason, RecordUnavailable
from gateway.links.remote import Remote, sent
from gateway.model import Durability
from tests.unit.audit.chains import WRITER, open_writer, repeat
from tests.unit.links.shipments import comes_to
from tests.unit.test_sink_metrics import sink_metrics


class Waits:
    """A record whose entries have to be elsewhere, too."""

    def __init__(self, directory: Path, seconds: float) -> None:
        self.record: RecordWriter = open_writer(directory)
        metrics, self._registry = sink_metrics("lake")
        self.remote = Remote(self.record, seconds, metrics)
        self.woken = 0
        self.remote.wake = self._wake

    def _wake(self) -> None:
        self.woken += 1

    def counted(self, result: str) -> float:
        return self._registry.get_sample_value("sekisho_record_remote_waits_total", {"result": result}) or 0

    def append(self, number: int) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        promise = loop.create_future()

        def told(error: BaseException | None) -> None:
            if error is None:
                loop.call_soon_threadsafe(promise.set_result, None)
            else:
                loop.call_soon_threadsafe(promise.set_exception, error)

        self.record.append(repeat(number), Durability.REMOTE, sent(self.remote, told))
        return promise

    async def until(self, woken: int) -> None:
        await comes_to(lambda: self.woken >= woken)


def run(directory: Path, story: Callable[[Waits], Awaitable[None]], seconds: float = 60) -> None:
    async def told() -> None:
        waits = Waits(directory, seconds)
        try:
            await story(waits)
        finally:
            waits.record.close()

    asyncio.run(told())


def test_an_entry_is_waited_for_until_the_sink_has_it(tmp_path: Path) -> None:
    async def story(waits: Waits) -> None:
        first = waits.append(1)
        await waits.until(1)
        seq = waits.record.tail[0]
        waits.remote.reached({WRITER: seq - 1, "operator": 99})
        await asyncio.sleep(0)
        assert not first.done()
        second = waits.append(2)
        await waits.until(2)
        waits.remote.reached({WRITER: seq})
        await first
        assert not second.done()
        waits.remote.reached({WRITER: seq + 1})
        await second
        waits.remote.reached({WRITER: seq + 2})  # before anybody asks
        await waits.append(3)
        assert waits.counted("acknowledged") == 3

    run(tmp_path, story)


def test_not_longer_than_so_long(tmp_path: Path) -> None:
    async def story(waits: Waits) -> None:
        with pytest.raises(RecordUnavailable, match="in time") as late:
            await waits.append(1)
        assert late.value.reason is Reason.RECORD_UNAVAILABLE
        assert waits.counted("timeout") == 1
        waits.remote.reached({WRITER: 99})  # later: nobody waits any more
        await waits.append(2)

    run(tmp_path, story, 0.05)


def test_nobody_waits_while_the_sink_takes_nothing(tmp_path: Path) -> None:
    async def story(waits: Waits) -> None:
        first = waits.append(1)
        await waits.until(1)
        waits.remote.ships(False)
        with pytest.raises(RecordUnavailable, match="takes no entries"):
            await first
        with pytest.raises(RecordUnavailable, match="takes no entries"):
            await waits.append(2)
        assert waits.counted("down") == 2
        waits.remote.ships(True)
        third = waits.append(3)
        await waits.until(2)
        waits.remote.reached({WRITER: waits.record.tail[0]})
        await third

    run(tmp_path, story)


def test_what_is_not_even_on_disk_here_is_not_waited_for(tmp_path: Path) -> None:
    async def story(waits: Waits) -> None:
        told: list[BaseException | None] = []
        waits.remote.after(told.append)(RecordUnavailable(Reason.RECORD_UNAVAILABLE, "the disk"))
        assert str(told[0]) == "record_unavailable: the disk"
        assert waits.woken == 0

    run(tmp_path, story)


def test_without_a_sink_nothing_is_ever_acknowledged() -> None:
    told: list[BaseException | None] = []
    sent(None, told.append)(None)
    assert "no place is configured" in str(told[0])
