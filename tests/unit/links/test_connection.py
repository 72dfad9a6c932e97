"""A connection to a server: who gets its bytes, and what comes before anybody wants them."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import Reason, UpstreamError
from gateway.links.connection import ServerConnection


class Listens:
    """A receiver."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def connection_lost(self) -> None:
        self.heard.append("lost")

    def pause_writing(self) -> None:
        self.heard.append("pause")

    def resume_writing(self) -> None:
        self.heard.append("resume")


def test_what_came_early_comes_first():
    connection, listens = ServerConnection(), Listens()
    connection.data_received(b"1")
    connection.unread(b"0")
    connection.unread(b"")
    connection.attach(listens)
    connection.data_received(b"2")
    connection.pause_writing()
    connection.resume_writing()
    connection.connection_lost(None)
    assert listens.heard == [b"0", b"1", b"2", "pause", "resume", "lost"]
    late = Listens()
    connection.attach(late)
    assert late.heard == ["lost"]


def test_a_reader_waits_for_bytes_or_the_end():
    async def work() -> None:
        connection = ServerConnection()
        connection.data_received(b"a")
        connection.data_received(b"b")
        assert await connection.read() == b"ab"
        loop = asyncio.get_running_loop()
        loop.call_soon(connection.data_received, b"c")
        assert await connection.read() == b"c"
        loop.call_soon(connection.connection_lost, None)
        with pytest.raises(UpstreamError) as caught:
            await connection.read()
        assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE

    asyncio.run(work())


def test_nothing_is_written_where_nobody_is():
    connection = ServerConnection()
    connection.write(b"x")
    connection.end()
    connection.close()
    assert connection.eof_received() is False
