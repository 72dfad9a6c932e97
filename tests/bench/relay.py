"""A relay that looks at nothing: what any program of this kind costs at least, in Python on uvloop.

``python -m tests.bench.relay PORT SOCKET`` listens on loopback and hands every byte on, as it comes, to the server's
Unix socket and back. It decides nothing, records nothing and knows no protocol: the best the gateway could ever do.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop


class _Side(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of a stream

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self._early.append(data)

    def join(self, other: _Side) -> None:
        """From now on what comes goes there."""
        self.other = other
        for data in self._early:
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Client(_Side):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._reach())

    async def _reach(self) -> None:
        _, server = await asyncio.get_running_loop().create_unix_connection(_Side, self._path)
        server.join(self)
        self.join(server)


async def _serve(port: int, path: str) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Client(path), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2]))
