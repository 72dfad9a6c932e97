"""Frames of the PostgreSQL protocol, version 3: one type byte, a four-byte length that includes itself, the body.

https://www.postgresql.org/docs/current/protocol-message-formats.html

Nothing is ever buffered by a *declared* length: a length over the limit of its type ends the session before a byte of
the body is kept (pgx CVE-2024-27304, PgBouncer CVE-2026-107348 are what happens otherwise).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from gateway.errors import ClientProtocolError, Reason

_LENGTH: Final = Struct("!I")
HEADER_BYTES: Final = 5
SMALL_MESSAGE_BYTES: Final = 10_000  # the server's own limit for messages without bulk (PG_MAX_SMALL_MESSAGE)

# Messages whose body may be large; every other one keeps the server's small limit. A password may be a long token.
_BULK_TYPES: Final = frozenset(b"QPBdp")


def encode(kind: bytes, body: bytes = b"") -> bytes:
    """One message: its type byte, its length, its body."""
    return kind + _LENGTH.pack(len(body) + 4) + body


def cstring(text: str) -> bytes:
    """A protocol string: UTF-8 and a NUL. Raises ValueError on an embedded NUL."""
    raw = text.encode()
    if b"\0" in raw:
        raise ValueError("a protocol string cannot hold a NUL")
    return raw + b"\0"


def length_at(data: bytes, at: int) -> int:
    """The four bytes of a length. By hand, since where this is compiled that is a few instructions, and for a message
    of a row it is all that is looked at."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def short_at(data: bytes, at: int) -> int:
    """The two bytes of a number of things."""
    return data[at] << 8 | data[at + 1]


class FrameReader:
    """Cuts the client's byte stream into frames, under a limit per type.

    ``feed`` stores, ``next_frame`` returns the next complete ``(type, body)`` or None; what was returned is consumed.
    """

    __slots__ = ("_buffer", "_bulk_limit", "_start")

    def __init__(self, bulk_limit: int) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._bulk_limit = bulk_limit

    def feed(self, data: bytes) -> None:
        """Store received bytes."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def put_back(self, data: bytes) -> None:
        """Bytes that came before those that are stored."""
        self.feed(b"")
        self._buffer[:0] = data

    def pending(self) -> int:
        """Bytes stored and not consumed."""
        return len(self._buffer) - self._start

    def next_frame(self) -> tuple[int, bytes] | None:
        """The next complete frame as (type, body), or None. Raises ClientProtocolError."""
        buffer, start = self._buffer, self._start
        have = len(buffer) - start
        if have < HEADER_BYTES:
            return None
        kind = buffer[start]
        (length,) = _LENGTH.unpack_from(buffer, start + 1)
        if length < 4:
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid message length")
        if length > (self._bulk_limit if kind in _BULK_TYPES else SMALL_MESSAGE_BYTES):
            raise ClientProtocolError(Reason.MESSAGE_TOO_LARGE, f"message of type {chr(kind)!r} is over the limit")
        end = start + 1 + length
        if have < 1 + length:
            return None
        self._start = end
        return kind, bytes(buffer[start + HEADER_BYTES : end])
