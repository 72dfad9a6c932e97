"""The line between a supervisor and one of its workers: small messages over a pair of sockets that only these two have.

The pair is made before the worker is started, and its end is handed down to it. So there is no file that others could
open, no name to agree on and nothing to prove: whoever speaks on it is the other end. What ends, ends the line; the
kernel tells.

A message is a word and what belongs to it, as JSON behind its length. A peer that does not read is not waited for: the
line is given up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from enum import StrEnum
from struct import Struct
from typing import Any, Final

_log = logging.getLogger(__name__)
_LENGTH: Final = Struct("!I")
_LONGEST: Final = 64 * 1024 * 1024  # of one message: a snapshot of all counts has some 100 kB
_UNREAD: Final = 128 * 1024 * 1024  # what may wait to be read


class Word(StrEnum):
    """What a message is about."""

    # a worker says
    PREPARED = "prepared"  # everything is started but the doors
    OPENED = "opened"  # the doors are open
    FAILED = "failed"  # it cannot start: the problems
    COLLECT = "collect"  # somebody scrapes: a number for the answer, its own snapshot
    PONG = "pong"
    # the supervisor says
    OPEN = "open"  # open the doors
    STATE = "state"  # of all together: whether all have opened, what is wrong
    COLLECTED = "collected"  # that number, the snapshots of the others
    STOP = "stop"
    PING = "ping"
    # what ships the record says
    SINK = "sink"  # how a sink stands
    # both say
    SHIP = "ship"  # somebody waits for the sink of `remote`
    SHIPPED = "shipped"  # it has entries, up to these
    SHIPS = "ships"  # whether it takes any
    CANCEL = "cancel"  # owner, process id, secret
    ASKED = "asked"  # a worker by another: whom (who, when it arrives), a number for the answer, what about
    ANSWERED = "answered"  # whom (not any more, when it arrives), that number, the answer; null: nobody is there
    VOLUME = "volume"  # rows that went out
    SIGHTED = "sighted"  # somebody was somewhere
    SNAPSHOT = "snapshot"  # asks for one, and gives it
    DRAIN = "drain"  # take nobody in any more


class Line(asyncio.Protocol):
    """One end. ``heard`` is called with every message; ``lost`` once, when there is nobody at the other any more."""

    def __init__(self, heard: Callable[[Word, Any], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def over(cls, end: socket.socket, heard: Callable[[Word, Any], None], lost: Callable[[], None]) -> Line:
        """Speak over this end of a pair."""
        _, line = await asyncio.get_running_loop().create_unix_connection(lambda: cls(heard, lost), sock=end)
        return line

    @property
    def unsent(self) -> int:
        """Bytes that the other end has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, word: Word, about: Any = None) -> None:
        """Say something. To a line that is lost it is said in vain."""
        if self._transport is None or self._transport.is_closing():
            return
        body = json.dumps([word, about], separators=(",", ":")).encode()
        self._transport.write(_LENGTH.pack(len(body)) + body)
        if self.unsent > _UNREAD:
            _log.error("line_given_up", extra={"unread": self.unsent})
            self._transport.abort()

    def close(self) -> None:
        """Say what is still to be said, and end."""
        if self._transport is not None:
            self._transport.close()

    # -- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > _LONGEST:
                self._broken("a message longer than any can be")
                return
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                word, about = json.loads(body)
                self._heard(Word(word), about)
            except Exception:  # an edge: the two ends do not understand each other, and must not go on
                _log.exception("line_message_failed")
                self._broken("a message that could not be taken")
                return

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()

    def _broken(self, why: str) -> None:
        _log.error("line_broken", extra={"detail": why})
        self._buffer.clear()
        if self._transport is not None:
            self._transport.abort()
