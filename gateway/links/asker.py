"""Questions of our own to a server over a logged-in connection: a request, then its messages up to ReadyForQuery."""

from __future__ import annotations

import asyncio
from struct import Struct
from typing import Final

from gateway.errors import Reason, UpstreamError
from gateway.links.server import ServerConnection
from gateway.pgwire.messages import decode_fields, encode_query

_LENGTH: Final = Struct("!I")
_INT16: Final = Struct("!H")
Row = tuple[str | None, ...]


class ServerRefused(Exception):
    """The server answered with an ErrorResponse; ``fields`` are its words."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(f"{fields.get('C', '')}: {fields.get('M', '')}")
        self.fields = fields


class Asker:
    """One request at a time over one connection."""

    def __init__(self, connection: ServerConnection, *, answer_limit: int) -> None:
        self._connection = connection
        self._limit = answer_limit
        self._buffer = bytearray()
        self._waiting: asyncio.Future[list[tuple[int, bytes]]] | None = None
        self._messages: list[tuple[int, bytes]] = []
        connection.attach(self)

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._connection.closed

    def close(self) -> None:
        """Close at once."""
        self._connection.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > self._limit:
            self._fail(UpstreamError(Reason.TWIN_UNAVAILABLE, "the answer is over the limit"))
            self._connection.close()
            return
        position = 0
        while len(self._buffer) - position >= 5:
            end = position + 1 + _LENGTH.unpack_from(self._buffer, position + 1)[0]
            if end > len(self._buffer):
                break
            kind = self._buffer[position]
            self._messages.append((kind, bytes(self._buffer[position + 5 : end])))
            position = end
            if kind == ord("Z") and self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(self._messages)
                self._messages = []
        del self._buffer[:position]

    def connection_lost(self) -> None:
        self._fail(UpstreamError(Reason.TWIN_UNAVAILABLE, "the connection to the database was lost"))

    def pause_writing(self) -> None:
        """A request is small and waits for its answer: nothing to pause."""

    def resume_writing(self) -> None:
        """See pause_writing."""

    def _fail(self, error: UpstreamError) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    async def exchange(self, request: bytes, seconds: float) -> list[tuple[int, bytes]]:
        """Send and gather. After a timeout the connection is closed: its next answer would be somebody else's."""
        if self.closed:
            raise UpstreamError(Reason.TWIN_UNAVAILABLE, "the connection to the database was lost")
        self._messages = []
        self._waiting = asyncio.get_running_loop().create_future()
        self._connection.write(request)
        try:
            async with asyncio.timeout(seconds):
                return await self._waiting
        except TimeoutError:
            self.close()
            raise UpstreamError(Reason.TWIN_TIMEOUT, "the database did not answer in time") from None
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiting = None

    async def rows(self, sql: str, seconds: float) -> list[Row]:
        """The rows of one simple query, as text. Raises ServerRefused, UpstreamError."""
        found: list[Row] = []
        for kind, body in await self.exchange(encode_query(sql.encode()), seconds):
            if kind == ord("D"):
                found.append(_row(body))
            elif kind == ord("E"):
                raise ServerRefused(decode_fields(body))
        return found


def _row(body: bytes) -> Row:
    (count,) = _INT16.unpack_from(body)
    at = 2
    values: list[str | None] = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, at)
        at += 4
        if length == 0xFFFFFFFF:
            values.append(None)
        else:
            values.append(body[at : at + length].decode())
            at += length
    return tuple(values)
