"""A relay between the gateway and PostgreSQL that hands on every byte and notes which statements were sent.

It reads what a client of PostgreSQL sends, and no more of it than that: Query, Parse, Bind, Execute. What the analysis
twin asks is apart, as it is only parsed there, before anybody has decided. Bytes that a gateway had written when it was
killed still come; so a life's statements are known when its last connection has ended.
"""

from __future__ import annotations

import asyncio
import re
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop

MARK: Final = re.compile(rb"(?<!\w)7\d{18}(?!\w)")  # a constant that stands in one text of the load and no other
_STARTUP: Final = 196_608
_HEAD: Final = struct.Struct("!I")


def marks_in(text: bytes) -> list[int]:
    """The marks of a statement, or of all statements of one Query."""
    return [int(found) for found in MARK.findall(text)]


@dataclass(slots=True)
class Seen:
    """What one life of the gateway sent to the server."""

    executed: Counter[int] = field(default_factory=Counter)  # by the mark in the text
    when: dict[int, list[float]] = field(default_factory=dict)  # the moments of those, in turn
    parsed: set[int] = field(default_factory=set)  # in sessions, not by the twin
    messages: int = 0


class _Upstream(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, gateway: _Gateway) -> None:
        self._gateway = gateway
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream
        self._gateway.reached(self)

    def data_received(self, data: bytes) -> None:
        if self._gateway.transport is not None:
            self._gateway.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._gateway.transport is not None:
            self._gateway.transport.close()


class _Gateway(asyncio.Protocol):
    """The gateway's end of it: here is read what it sends."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._seen = tap.seen
        self._rest = bytearray()
        self._started = False
        self._watched = False
        self._texts: dict[bytes, bytes] = {}
        self._portals: dict[bytes, bytes] = {}
        self._early: list[bytes] = []
        self._upstream: _Upstream | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream
        self._tap.open += 1
        self._tap.reach(self)

    def reached(self, upstream: _Upstream) -> None:
        self._upstream = upstream
        for data in self._early:
            self._hand_on(data)

    def data_received(self, data: bytes) -> None:
        self._read(data)
        if self._upstream is None:
            self._early.append(data)
        else:
            self._hand_on(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._tap.open -= 1
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.close()

    def _hand_on(self, data: bytes) -> None:
        assert self._upstream is not None
        assert self._upstream.transport is not None
        self._upstream.transport.write(data)

    def _read(self, data: bytes) -> None:
        self._rest += data
        while True:
            start = 1 if self._started else 0
            if len(self._rest) < start + 4:
                return
            length = start + _HEAD.unpack_from(self._rest, start)[0]
            if len(self._rest) < length:
                return
            kind, body = bytes(self._rest[:start]), bytes(self._rest[start + 4 : length])
            del self._rest[:length]
            if self._started:
                self._message(kind, body)
            elif _HEAD.unpack_from(body)[0] == _STARTUP:
                self._started = True
                names = body[4:].split(b"\0")
                self._watched = self._tap.twin not in names

    def _message(self, kind: bytes, body: bytes) -> None:
        seen = self._seen
        if not self._watched:
            return
        seen.messages += 1
        match kind:
            case b"Q":
                self._executed(body)
            case b"P":
                name, text, _ = body.split(b"\0", 2)
                self._texts[name] = text
                seen.parsed.update(marks_in(text))
            case b"B":
                portal, statement, _ = body.split(b"\0", 2)
                self._portals[portal] = self._texts.get(statement, b"")
            case b"E":
                self._executed(self._portals.get(body.split(b"\0", 1)[0], b""))
            case _:
                pass

    def _executed(self, text: bytes) -> None:
        found = marks_in(text)
        self._seen.executed.update(found)
        for mark in found:
            self._seen.when.setdefault(mark, []).append(time.monotonic())
        if found and self._tap.on_executed is not None:
            self._tap.on_executed(sum(self._seen.executed.values()))


class Tap:
    """Listens on a Unix socket in place of the server; lives in a thread of its own."""

    def __init__(self, path: Path, server: Path, twin: str) -> None:
        self._path, self._server = path, server
        self.twin = twin.encode()
        self.seen = Seen()
        self.open = 0  # connections of the gateway's
        self.on_executed: Callable[[int], None] | None = None  # called with the number of statements so far
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="tap", daemon=True)
        self._listening = threading.Event()
        self._reaching: set[asyncio.Task[None]] = set()

    def start(self) -> Tap:
        """Listen; returns when it does."""
        self._thread.start()
        if not self._listening.wait(10):
            raise RuntimeError("the tap does not listen")
        return self

    def begin(self, on_executed: Callable[[int], None] | None) -> Seen:
        """Of the gateway that is about to start."""
        self.seen, self.on_executed = Seen(), on_executed
        return self.seen

    def stop(self) -> None:
        """End it with all connections."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def reach(self, gateway: _Gateway) -> None:
        """Connect to the server."""
        assert self._loop is not None

        async def connect() -> None:
            try:
                await asyncio.get_running_loop().create_unix_connection(lambda: _Upstream(gateway), str(self._server))
            except OSError:  # the gateway sees its connection closed, as it would
                if gateway.transport is not None:
                    gateway.transport.close()

        task = self._loop.create_task(connect())
        self._reaching.add(task)
        task.add_done_callback(self._reaching.discard)

    def _run(self) -> None:
        self._loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self._loop)
        listener = self._loop.run_until_complete(
            self._loop.create_unix_server(lambda: _Gateway(self), str(self._path), backlog=512)
        )
        self._listening.set()
        self._loop.run_forever()
        listener.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
