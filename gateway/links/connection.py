"""One connection to a PostgreSQL server, whose bytes go to a receiver that can be swapped.

During login the login machine reads (`gateway.links.server`), afterwards whoever owns the connection.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from gateway.errors import Reason, UpstreamError
from gateway.pgwire.messages import TERMINATE


class Receiver(Protocol):
    """Who gets what a connection delivers."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""

    def connection_lost(self) -> None:
        """The connection is gone."""

    def pause_writing(self) -> None:
        """The peer reads too slowly: write less."""

    def resume_writing(self) -> None:
        """The peer caught up."""


class ServerConnection:
    """One connection to a server. (What the loop calls, and no `asyncio.Protocol`: that cannot be compiled.)"""

    __slots__ = ("_arrived", "_early", "closed", "process_id", "receiver", "secret", "settings", "transport")

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.receiver: Receiver | None = None
        self._early: list[bytes] = []
        self._arrived: asyncio.Event | None = None  # while somebody reads
        self.closed = False
        self.settings: dict[str, str] = {}
        self.process_id = 0
        self.secret = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream transport, by how it is opened

    def data_received(self, data: bytes) -> None:
        if self.receiver is not None:
            self.receiver.data_received(data)
        else:
            self._early.append(data)
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._wake()
        if self.receiver is not None:
            self.receiver.connection_lost()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.pause_writing()

    def resume_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.resume_writing()

    def write(self, data: bytes) -> None:
        """Send bytes; nothing where the connection is already gone (its loss has been told)."""
        if self.transport is not None and not self.closed:
            self.transport.write(data)

    def end(self) -> None:
        """Say goodbye and close when what was written is sent."""
        if self.transport is not None and not self.closed:
            self.receiver = None
            self.transport.write(TERMINATE)
            self.transport.close()

    def see_off(self, receiver: Receiver) -> None:
        """Say goodbye; ``receiver`` gets what still comes, and is told when the server has closed the connection."""
        self.attach(receiver)
        if self.transport is not None and not self.closed:
            self.transport.resume_reading()
            self.transport.write(TERMINATE)

    def close(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def attach(self, receiver: Receiver) -> None:
        """From now on bytes go to ``receiver``; what came before is given first."""
        self.receiver = receiver
        early, self._early = self._early, []
        for data in early:
            receiver.data_received(data)
        if self.closed:
            receiver.connection_lost()

    async def read(self) -> bytes:
        """Bytes, before a receiver is attached. Raises UpstreamError at the end of the stream."""
        while not self._early:
            if self.closed:
                raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database closed the connection during login")
            self._arrived = arrived = asyncio.Event()
            await arrived.wait()
            self._arrived = None
        data = b"".join(self._early)
        self._early.clear()
        return data

    def _wake(self) -> None:
        if self._arrived is not None:
            self._arrived.set()

    def unread(self, data: bytes) -> None:
        """Put back bytes that belong to the next reader."""
        if data:
            self._early.insert(0, data)


def as_protocol(connection: ServerConnection) -> asyncio.Protocol:
    """What a loop takes it for: it has all that is called of one."""
    return cast(asyncio.Protocol, connection)
