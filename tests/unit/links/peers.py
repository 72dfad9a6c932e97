"""A server that says what a test tells it to, over a real socket; and words of the protocol."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.links.connection import ServerConnection, as_protocol

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


READY = message(b"Z", b"I")


def row(*values: str | None) -> bytes:
    body = struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value.encode())) + value.encode()
    return message(b"D", body)


def error(state: str, text: str) -> bytes:
    return message(b"E", b"SERROR\0C" + state.encode() + b"\0M" + text.encode() + b"\0\0")


async def request(reader: asyncio.StreamReader) -> bytes:
    """One message of the client."""
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


@asynccontextmanager
async def listening(folder: Path, script: Script) -> AsyncIterator[str]:
    """A scripted server on a Unix socket; gives its path, named as PostgreSQL would."""
    done: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.append(asyncio.current_task())
        try:
            await script(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side has had enough
        finally:
            writer.close()

    path = str(folder / ".s.PGSQL.5432")
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield path
    finally:
        server.close()
        for task in done:
            if task is not None and not task.done():
                task.cancel()
        await asyncio.gather(*(task for task in done if task is not None), return_exceptions=True)


@asynccontextmanager
async def connected(folder: Path, script: Script) -> AsyncIterator[ServerConnection]:
    """A connection of ours to such a server."""
    async with listening(folder, script) as path:
        connection = ServerConnection()
        await asyncio.get_running_loop().create_unix_connection(lambda: as_protocol(connection), path)
        try:
            yield connection
        finally:
            connection.close()
