"""The client's line while a session is on: what the loop calls for every chunk, and what is written.

A connection begins with `gateway.doors.pg_client`, which hands its transport over here when somebody is logged in; how
it ends is decided there as well. Apart from it, since this is called for every statement and that once a session.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol, cast

from gateway.errors import Reason, SekishoError

if TYPE_CHECKING:
    from gateway.doors.pg_session import Relay

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Whose connection it is (`gateway.doors.pg_client.Client`)."""

    def failed(self, error: SekishoError) -> None:
        """What we were doing for the client cannot be done."""

    def end(self, reason: Reason, detail: str) -> None:
        """Tell the client why and close both sides."""

    def left(self) -> None:
        """The client said goodbye: close both sides."""

    def eof_received(self) -> bool:
        """The client says no more."""

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""


class ClientLine:
    """What the loop calls, and no `asyncio.Protocol`: that cannot be compiled."""

    __slots__ = ("_owner", "_paused", "_transport", "over", "relay")

    def __init__(self, owner: Owner, transport: asyncio.Transport) -> None:
        self._owner = owner
        self._transport = transport
        self._paused = False
        self.relay: Relay | None = None
        self.over = False  # nothing is read or written any more

    def take(self, relay: Relay) -> None:
        """From now on what comes goes there."""
        self.relay = relay
        self._transport.set_protocol(cast(asyncio.Protocol, self))

    # -- asyncio --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.over or self.relay is None:
            return
        try:
            self.relay.client_data(data)
        except SekishoError as error:
            self._owner.failed(error)
        except Exception:  # an edge: an error nobody foresaw ends this connection and no other
            _log.exception("connection_failed")
            self._owner.end(Reason.INTERNAL, "")

    def eof_received(self) -> bool:
        return self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads slowly."""
        if self.relay is not None:
            self.relay.client_slow(True)

    def resume_writing(self) -> None:
        """The client caught up."""
        if self.relay is not None:
            self.relay.client_slow(False)

    # -- what the session asks ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send to the client."""
        if not self.over and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self, wait: bool) -> None:
        """Read no further from the client, or read on."""
        if self.over or wait is self._paused:
            return
        self._paused = wait
        if wait:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def end(self, reason: Reason, detail: str) -> None:
        """Tell the client why and close both sides."""
        self._owner.end(reason, detail)

    def left(self) -> None:
        """The client said goodbye: close both sides."""
        self._owner.left()
