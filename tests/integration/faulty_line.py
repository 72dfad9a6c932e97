"""Lines to the database that a test can cut, reset, half-close, stall, slow down or stop after so many bytes."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Final, Self

_TICK: Final = 0.01  # seconds between two looks at what the test wants
_FULL: Final = 0.25  # seconds without room for a byte after which a side is taken to have stopped reading
_CANCEL: Final = 80877102


class Line:
    """One connection between the gateway and the server. Bytes go on unchanged until the test says otherwise."""

    def __init__(self, gateway: socket.socket, server: socket.socket, held: set[str]) -> None:
        """``held``: application names whose lines stall, those that are yet to come included."""
        self._gateway, self._server, self._held = gateway, server, held
        self.sent = bytearray()  # by the gateway
        self.stalled = False
        self.chunk = 65_536
        self.stop_after: int | None = None  # bytes from the server; then it stalls
        self.stopped = threading.Event()
        self._over = False
        self._ended: list[None] = []  # one for each pump
        self._passed = 0
        self._full = threading.Event()
        self._pumps = [threading.Thread(target=self._up), threading.Thread(target=self._down)]

    def start(self) -> None:
        """Let bytes through: nothing moves before the line can be found."""
        for pump in self._pumps:
            pump.start()

    @property
    def parameters(self) -> dict[str, str]:
        """Of the start-up message; empty for a cancel request."""
        head = bytes(self.sent[:8])
        if len(head) < 8 or struct.unpack("!II", head)[1] == _CANCEL:
            return {}
        body = bytes(self.sent[8 : struct.unpack("!I", head[:4])[0]]).split(b"\0")
        return {name.decode(): value.decode() for name, value in zip(body[::2], body[1::2], strict=False) if name}

    @property
    def full(self) -> bool:
        """Whether the gateway takes no more of what the server says: whoever it is for does not read."""
        return self._full.is_set()

    def cut(self) -> None:
        """Both sides are closed, in order."""
        self._end()
        self._gateway.close()
        self._server.close()

    def reset(self) -> None:
        """The gateway's side ends with a RST; what was on its way is lost."""
        self._end()
        with contextlib.suppress(OSError):  # closed already
            self._gateway.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._gateway.close()
        self._server.close()

    def half_close(self) -> None:
        """The server says nothing more, and still listens."""
        self._gateway.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """For the end of a test."""
        self.cut()

    def _end(self) -> None:
        self._over = True
        for pump in self._pumps:
            pump.join()

    def _up(self) -> None:
        self._pump(self._gateway, self._server, self.sent.extend)

    def _down(self) -> None:
        self._pump(self._server, self._gateway, self._count)

    def _count(self, data: bytes) -> None:
        self._passed += len(data)
        if self.stop_after is not None and self._passed >= self.stop_after:
            self.stalled = True
            self.stopped.set()

    def _pump(self, reader: socket.socket, writer: socket.socket, seen: Callable[[bytes], None]) -> None:
        try:
            while not self._over:
                ready, _, _ = select.select([] if self._still() else [reader], [], [], _TICK)
                if not ready or self._still():
                    continue
                data = reader.recv(self._room(reader))
                if not data:
                    writer.shutdown(socket.SHUT_WR)
                    break
                seen(data)
                self._write(writer, data)
        except OSError:  # one side is gone: the other learns it, as it would of a real line
            for side in (self._gateway, self._server):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
        self._ended.append(None)
        if len(self._ended) == 2 and not self._over:
            self._gateway.close()
            self._server.close()

    def _still(self) -> bool:
        return self.stalled or bool(self._held and self.parameters.get("application_name") in self._held)

    def _room(self, reader: socket.socket) -> int:
        if reader is self._server and self.stop_after is not None:
            return max(1, min(self.chunk, self.stop_after - self._passed))
        return self.chunk if reader is self._server else 65_536

    def _write(self, writer: socket.socket, data: bytes) -> None:
        while data and not self._over:
            _, ready, _ = select.select([], [writer], [], _FULL)
            if not ready and writer is self._gateway:
                self._full.set()
            if ready:
                data = data[writer.send(data, socket.MSG_DONTWAIT) :]


class Lines:
    """Listens on a free loopback port; each connection is a `Line` to the server's Unix socket."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.lines: list[Line] = []
        self.held: set[str] = set()
        self._closed = False
        self._thread = threading.Thread(target=self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._thread.join()
        self._listener.close()
        for line in self.lines:
            line.close()

    def of(self, application: str) -> Line:
        """The youngest line of a session by this application name."""
        return next(line for line in reversed(self.lines) if line.parameters.get("application_name") == application)

    def all_of(self, application: str) -> list[Line]:
        return [line for line in self.lines if line.parameters.get("application_name") == application]

    def _accept(self) -> None:
        while not self._closed:
            if not select.select([self._listener], [], [], _TICK)[0]:
                continue
            gateway, _ = self._listener.accept()
            gateway.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._server)
            except OSError:
                gateway.close()
                server.close()
                continue
            line = Line(gateway, server, self.held)
            self.lines.append(line)
            line.start()
