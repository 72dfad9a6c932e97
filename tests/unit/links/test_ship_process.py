"""The process that ships: one at a time, and it ends with its gateway."""

from __future__ import annotations

import asyncio
import fcntl
import socket
from pathlib import Path

from gateway.audit.folder import FolderLock
from gateway.config import Record
from gateway.config_sinks import HttpSink, OcsfSink, Remote, Sink
from gateway.links.line import Line, Word
from gateway.links.ship_process import Task, ship
from tests.receivers import receiving
from tests.unit.audit.chains import WRITER, write_record
from tests.unit.links.shipments import comes_to


def test_waits_for_the_one_before_ships_tells_and_ends_when_nobody_is_there(tmp_path: Path) -> None:
    write_record(tmp_path, 10)
    before = FolderLock()
    before.take(tmp_path / "ship.lock", fcntl.LOCK_EX)

    async def story() -> None:
        heard: list[tuple[Word, object]] = []
        with receiving() as receiver:
            sinks = (
                Sink(name="log", http=HttpSink(url=receiver.url("/logs"))),
                Sink(name="files", ocsf=OcsfSink(directory=tmp_path / "events")),
            )
            record = Record(directory=tmp_path, name="tokyo", sinks=sinks, remote=Remote(sink="log"))
            ours, theirs = socket.socketpair()
            shipping = asyncio.create_task(ship(Task(record=record, log_level="error"), theirs))  # noqa: TID251
            line = await Line.over(ours, lambda word, about: heard.append((word, about)), lambda: None)
            await asyncio.sleep(0.1)
            assert not heard
            assert not receiver.posts
            before.close()
            line.send(Word.SHIP)
            await comes_to(lambda: any(word is Word.SHIPPED for word, _ in heard))
            await comes_to((tmp_path / "events").exists)
            line.close()  # the gateway has ended
            await asyncio.wait_for(shipping, 20)
        reached = [about for word, about in heard if word is Word.SHIPPED][-1]
        assert isinstance(reached, dict)
        assert reached[WRITER] >= 10
        told = [about for word, about in heard if word is Word.SINK]
        assert {one["sink"] for one in told if isinstance(one, dict)} == {"log", "files"}

    asyncio.run(story())
    lines = [line for path in (tmp_path / "events").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) >= 11
