"""Connections of ours to a PostgreSQL server: how to reach it, TLS, login. Used by client sessions and by the twin.

``open_connection`` returns a transport whose bytes go to a receiver that can be swapped: during login the login machine
reads, afterwards whoever owns the connection. Everything is bounded by one deadline.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import Reason, UpstreamError
from gateway.links.trust import Trust
from gateway.pgwire.login import LoginRefused, ServerLogin
from gateway.pgwire.messages import TERMINATE
from gateway.pgwire.scram import Salted
from gateway.pgwire.startup import SSL_REQUEST, cancel_request

_log = logging.getLogger(__name__)

# What the meaning of a statement hangs on is said in the start-up packet: that beats defaults of role and database.
PINNED_SETTINGS = {"client_encoding": "UTF8", "standard_conforming_strings": "on", "row_security": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """Where a server is and how to trust it. ``trust`` None: no TLS."""

    host: str
    port: int
    database: str
    trust: Trust | None
    connect_timeout: float  # seconds, login included

    @property
    def socket_path(self) -> str | None:
        """The Unix socket, where ``host`` is a folder."""
        return f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Whom we are at the server."""

    user: str
    password: str | None
    salted: Salted = field(default_factory=Salted, compare=False)

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r})"


class Receiver(Protocol):
    """Who gets what a connection delivers."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""

    def connection_lost(self) -> None:
        """The connection is gone."""

    def pause_writing(self) -> None:
        """The peer reads too slowly: write less."""

    def resume_writing(self) -> None:
        """The peer caught up."""


class ServerConnection(asyncio.Protocol):
    """One connection to a server, after ``open_connection`` logged in."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.receiver: Receiver | None = None
        self._early: list[bytes] = []
        self._arrived: asyncio.Event = asyncio.Event()
        self.closed = False
        self.settings: dict[str, str] = {}
        self.process_id = 0
        self.secret = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream transport, by how it is opened

    def data_received(self, data: bytes) -> None:
        if self.receiver is not None:
            self.receiver.data_received(data)
        else:
            self._early.append(data)
            self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._arrived.set()
        if self.receiver is not None:
            self.receiver.connection_lost()

    def pause_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.pause_writing()

    def resume_writing(self) -> None:
        if self.receiver is not None:
            self.receiver.resume_writing()

    def write(self, data: bytes) -> None:
        """Send bytes; nothing where the connection is already gone (its loss has been told)."""
        if self.transport is not None and not self.closed:
            self.transport.write(data)

    def end(self) -> None:
        """Say goodbye and close when what was written is sent."""
        if self.transport is not None and not self.closed:
            self.receiver = None
            self.transport.write(TERMINATE)
            self.transport.close()

    def see_off(self, receiver: Receiver) -> None:
        """Say goodbye; ``receiver`` gets what still comes, and is told when the server has closed the connection."""
        self.attach(receiver)
        if self.transport is not None and not self.closed:
            self.transport.resume_reading()
            self.transport.write(TERMINATE)

    def close(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def attach(self, receiver: Receiver) -> None:
        """From now on bytes go to ``receiver``; what came before is given first."""
        self.receiver = receiver
        early, self._early = self._early, []
        for data in early:
            receiver.data_received(data)
        if self.closed:
            receiver.connection_lost()

    async def read(self) -> bytes:
        """Bytes, before a receiver is attached. Raises UpstreamError at the end of the stream."""
        while not self._early:
            if self.closed:
                raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database closed the connection during login")
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._early)
        self._early.clear()
        return data

    def unread(self, data: bytes) -> None:
        """Put back bytes that belong to the next reader."""
        if data:
            self._early.insert(0, data)


async def open_connection(
    address: ServerAddress, credentials: Credentials, settings: dict[str, str], nonce: Callable[[], str]
) -> ServerConnection:
    """Reach the server and log in. Raises UpstreamError; the deadline of ``address`` covers everything."""
    connection = ServerConnection()
    try:
        async with asyncio.timeout(address.connect_timeout):
            tls = await _reach(connection, address)
            await _login(connection, address, credentials, settings, nonce(), tls)
            return connection
    except LoginRefused as error:
        connection.close()
        _log.warning("upstream_login_refused", extra={"sqlstate": error.sqlstate, "said": error.server_message})
        raise
    except (OSError, TimeoutError) as error:
        connection.close()
        what = "in time" if isinstance(error, TimeoutError) else f"({type(error).__name__})"
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, f"the database could not be reached {what}") from error
    except BaseException:
        connection.close()
        raise


async def _reach(connection: ServerConnection, address: ServerAddress) -> ssl.SSLObject | None:
    """Connect; the TLS where there is one."""
    loop = asyncio.get_running_loop()
    if address.socket_path is not None:
        await loop.create_unix_connection(lambda: connection, address.socket_path)
        return None
    await loop.create_connection(lambda: connection, address.host, address.port)
    if address.trust is None:
        return None
    connection.write(SSL_REQUEST)
    answer = await connection.read()
    if answer != b"S" or connection.transport is None:  # anything after the S was not sent by the TLS peer
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database does not offer TLS")
    context = address.trust.context
    secured = await loop.start_tls(connection.transport, connection, context, server_hostname=address.host)
    tls: ssl.SSLObject | None = secured.get_extra_info("ssl_object") if secured is not None else None
    if secured is None or tls is None:  # uvloop takes an end of the stream for the end of the handshake
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the TLS handshake with the database failed")
    connection.transport = secured
    return tls


async def _login(
    connection: ServerConnection,
    address: ServerAddress,
    credentials: Credentials,
    settings: dict[str, str],
    nonce: str,
    tls: ssl.SSLObject | None,
) -> None:
    parameters = {"user": credentials.user, "database": address.database, **settings, **PINNED_SETTINGS}
    trust = address.trust if tls is not None else None
    login = ServerLogin(
        parameters,
        password=credentials.password,
        nonce=nonce,
        end_point=trust.end_point(tls) if trust is not None and tls is not None else None,
        bound=trust is not None and trust.bound,
        salted=credentials.salted,
    )
    connection.write(login.start())
    while not login.ready:
        data = await connection.read()
        # Not on the loop: how often we hash is for the server to say, and meanwhile everybody else would wait.
        answer = await asyncio.to_thread(login.receive, data) if login.hashing else login.receive(data)
        if answer:
            connection.write(answer)
    connection.unread(login.rest())
    connection.settings = login.settings
    connection.process_id = login.process_id
    connection.secret = login.secret


async def send_cancel(address: ServerAddress, process_id: int, secret: bytes) -> None:
    """Ask the server to cancel what one of our sessions runs; over TLS where the session uses it.

    Best effort by nature: the protocol has no answer. Raises UpstreamError where the server cannot be reached.
    """
    connection = ServerConnection()
    try:
        async with asyncio.timeout(address.connect_timeout):
            await _reach(connection, address)
            connection.write(cancel_request(process_id, secret))
            if connection.transport is not None:
                connection.transport.close()
    except (OSError, TimeoutError) as error:
        connection.close()
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database could not be reached") from error
    except BaseException:
        connection.close()
        raise
