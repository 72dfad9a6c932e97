"""Questions of our own to a server over a logged-in connection: a request, then its messages up to ReadyForQuery.

An answer belongs to the question that is under way and to no other: what comes unasked, what comes after a question was
given up, and what cannot be read closes the connection, because the next answer over it might be somebody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from struct import Struct
from typing import Final

from gateway.errors import Reason, UpstreamError
from gateway.links.connection import ServerConnection
from gateway.pgwire.messages import decode_fields, encode_query

_LENGTH: Final = Struct("!I")
_INT16: Final = Struct("!H")
# What a server may say at any time: NoticeResponse, ParameterStatus, NotificationResponse.
_UNASKED: Final = frozenset(b"NSA")
_READY: Final = ord("Z")
_NOTIFICATION: Final = ord("A")
_LONGEST_MESSAGE: Final = 0x3FFFFFFF  # of the server's own: a gibibyte
Row = tuple[str | None, ...]


class AnswerTooLarge(UpstreamError):
    """The server's answer is longer than this connection takes: the question's fault, not the server's."""

    def __init__(self) -> None:
        super().__init__(Reason.TWIN_UNAVAILABLE, "the answer is over the limit")


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
        self._size = 0  # bytes of the answer so far
        self._awaited = 1  # times the server is to be ready again
        self._closed = False
        self.heard: Callable[[], None] | None = None  # called for each NotificationResponse; it says nothing else
        connection.attach(self)

    @property
    def closed(self) -> bool:
        """Whether the connection is gone, or was given up a moment ago."""
        return self._closed or self._connection.closed

    def close(self) -> None:
        """Close at once."""
        self._closed = True
        self._connection.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._size += len(data)
        if self._size > self._limit:
            self._break(AnswerTooLarge())
            return
        position = 0
        while len(self._buffer) - position >= 5:
            length = _LENGTH.unpack_from(self._buffer, position + 1)[0]
            end = position + 1 + length
            if not 4 <= length <= _LONGEST_MESSAGE:
                self._break(UpstreamError(Reason.TWIN_UNAVAILABLE, "the database does not speak its protocol"))
                return
            if length > self._limit:
                self._break(AnswerTooLarge())
                return
            if end > len(self._buffer):
                break
            kind, body = self._buffer[position], bytes(self._buffer[position + 5 : end])
            position = end
            if not self._message(kind, body):
                self._break(UpstreamError(Reason.TWIN_UNAVAILABLE, "the database answered out of step"))
                return
        del self._buffer[:position]

    def _message(self, kind: int, body: bytes) -> bool:
        """Take one message; False where nobody asked for it."""
        if kind == _NOTIFICATION and self.heard is not None:
            self.heard()
            return True
        if self._waiting is None or self._waiting.done():
            self._size = 0
            return kind in _UNASKED
        self._messages.append((kind, body))
        self._awaited -= kind == _READY
        if not self._awaited:
            self._waiting.set_result(self._messages)
            self._messages, self._size = [], 0
        return True

    def connection_lost(self) -> None:
        self._fail(UpstreamError(Reason.TWIN_UNAVAILABLE, "the connection to the database was lost"))

    def pause_writing(self) -> None:
        """A request is small and waits for its answer: nothing to pause."""

    def resume_writing(self) -> None:
        """See pause_writing."""

    def _break(self, error: UpstreamError) -> None:
        self._fail(error)
        self._buffer.clear()
        self.close()

    def _fail(self, error: UpstreamError) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    async def exchange(self, request: bytes, seconds: float, *, answers: int = 1) -> list[tuple[int, bytes]]:
        """Send and gather, until the server has been ready ``answers`` times. After a timeout or a cancellation the
        connection is closed: its next answer would be somebody else's. Raises UpstreamError."""
        if self._waiting is not None:
            raise RuntimeError("one question at a time")
        if self.closed:
            raise UpstreamError(Reason.TWIN_UNAVAILABLE, "the connection to the database was lost")
        self._messages, self._size, self._awaited = [], 0, answers
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
                found.append(row_of(body))
            elif kind == ord("E"):
                raise ServerRefused(decode_fields(body))
        return found


def row_of(body: bytes) -> Row:
    """The values of a DataRow message."""
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
