"""The end of a server session whose client is gone: it is said goodbye to, and seen to end.

A statement nobody waits for must not run on for hours, nor hold its locks. A cancel request alone does not see to that:
it has no answer, and a server that gets it before it has read the statement makes nothing of it. So it is repeated
until the server has closed the connection; what it still sends until then is read, since a server that waits to write
hears no cancel request.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway.errors import UpstreamError
from gateway.links.connection import ServerConnection
from gateway.links.server import ServerAddress, send_cancel

_log = logging.getLogger(__name__)
_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # seconds after each cancel request


class Farewell:
    """Receives from a server session that nobody listens to any more (`gateway.links.connection.Receiver`)."""

    def __init__(self, server: ServerConnection, address: ServerAddress) -> None:
        """Says goodbye at once."""
        self._server = server
        self._address = address
        self._gone = asyncio.Event()
        server.see_off(self)

    async def until_gone(self, *, patience: float = 0.0) -> None:
        """Cancel what runs until the server has ended the session. ``patience``: seconds it has to end by itself."""
        try:
            if patience and await self._gone_within(patience):
                return
            for pause in _PAUSES:
                await try_cancel(self._server, self._address)
                if await self._gone_within(pause):
                    return
            _log.error("session_left_at_the_server", extra={"server_process_id": self._server.process_id})
        finally:
            self._server.close()

    async def _gone_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        except TimeoutError:
            return False
        return True

    def data_received(self, data: bytes) -> None:
        """Nobody wants it."""

    def connection_lost(self) -> None:
        """The session has ended."""
        self._gone.set()

    def pause_writing(self) -> None:
        """Nothing more is written."""

    def resume_writing(self) -> None:
        """Nothing more is written."""


async def try_cancel(server: ServerConnection, address: ServerAddress) -> None:
    """Ask the server to cancel what a session runs; that it cannot be reached is noted."""
    try:
        await send_cancel(address, server.process_id, server.secret)
    except UpstreamError as error:
        _log.warning("cancel_failed", extra={"detail": error.detail})
