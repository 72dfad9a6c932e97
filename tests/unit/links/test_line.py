"""The line: what is said arrives whole and in order, and whoever does not keep to it is given up."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.links import line as module
from gateway.links.line import Line, Word


class End:
    """One end, and what came to it."""

    def __init__(self) -> None:
        self.heard: list[tuple[Word, Any]] = []
        self.lost = 0
        self.changed = asyncio.Event()
        self.fails = False

    async def over(self, end: socket.socket) -> Line:
        self.line = await Line.over(end, self._take, self._gone)
        return self.line

    def _take(self, word: Word, about: Any) -> None:
        if self.fails:
            raise ValueError("what is this?")
        self.heard.append((word, about))
        self.changed.set()

    def _gone(self) -> None:
        self.lost += 1
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


def run(work: Callable[[End, End], Awaitable[None]]) -> None:
    async def both() -> None:
        one, other = End(), End()
        left, right = socket.socketpair()
        await one.over(left)
        await other.over(right)
        await work(one, other)
        one.line.close()
        other.line.close()
        await one.until(lambda: one.lost == 1)
        await other.until(lambda: other.lost == 1)

    asyncio.run(both())


def test_messages_arrive_whole_and_in_order() -> None:
    async def work(one: End, other: End) -> None:
        large = [[str(number), None, 1.5] for number in range(50_000)]
        one.line.send(Word.PREPARED)
        one.line.send(Word.COLLECT, large)
        one.line.send(Word.CANCEL, [0, 7, "ff"])
        await other.until(lambda: len(other.heard) == 3)
        assert other.heard == [(Word.PREPARED, None), (Word.COLLECT, large), (Word.CANCEL, [0, 7, "ff"])]
        other.line.send(Word.PING)
        await one.until(lambda: one.heard == [(Word.PING, None)])

    run(work)


def test_what_was_said_before_the_end_is_still_heard() -> None:
    async def work(one: End, other: End) -> None:
        one.line.send(Word.SNAPSHOT, ["x" * 1_000_000])
        one.line.close()
        one.line.send(Word.PONG)  # in vain
        await other.until(lambda: other.lost == 1)
        assert [word for word, _ in other.heard] == [Word.SNAPSHOT]

    run(work)


@pytest.mark.parametrize(
    "bytes_",
    [b"\xff\xff\xff\xff", b"\0\0\0\x02{}", b"\0\0\0\x03abc", b'\0\0\0\x0f["nobody says",1]'[:19], b'\0\0\0\x06["no"]'],
)
def test_what_is_no_message_ends_the_line(bytes_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def work(one: End, other: End) -> None:
        assert one.line._transport is not None
        one.line._transport.write(bytes_)
        await other.until(lambda: other.lost == 1)
        assert other.heard == []

    with caplog.at_level(logging.ERROR):
        run(work)
    assert "line_broken" in [one.message for one in caplog.records]


def test_a_message_that_cannot_be_taken_ends_the_line(caplog: pytest.LogCaptureFixture) -> None:
    async def work(one: End, other: End) -> None:
        other.fails = True
        one.line.send(Word.OPEN)
        await one.until(lambda: one.lost == 1)

    run(work)
    assert "line_message_failed" in [one.message for one in caplog.records]


def test_a_peer_that_does_not_read_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_UNREAD", 1_000_000)

    async def work(one: End, other: End) -> None:
        assert other.line._transport is not None
        other.line._transport.pause_reading()
        while not one.lost:
            one.line.send(Word.VOLUME, ["x" * 100_000])
            assert one.line.unsent < 2_000_000
            await asyncio.sleep(0)
        other.line._transport.resume_reading()

    run(work)
    assert "line_given_up" in [one.message for one in caplog.records]


def test_a_line_that_is_not_there_yet_is_spoken_to_in_vain() -> None:
    line = Line(lambda word, about: None, lambda: None)
    line.send(Word.PING)
    line.close()
    assert line.unsent == 0
