"""Connections of ours to a PostgreSQL server: how to reach it, TLS, login. Used by client sessions and by the twin.

``open_connection`` returns one that is logged in. Everything is bounded by one deadline.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.errors import Reason, UpstreamError
from gateway.links.connection import ServerConnection, as_protocol
from gateway.links.trust import Trust
from gateway.pgwire.login import LoginRefused, ServerLogin
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
        await loop.create_unix_connection(lambda: as_protocol(connection), address.socket_path)
        return None
    await loop.create_connection(lambda: as_protocol(connection), address.host, address.port)
    if address.trust is None:
        return None
    connection.write(SSL_REQUEST)
    answer = await connection.read()
    if answer != b"S" or connection.transport is None:  # anything after the S was not sent by the TLS peer
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database does not offer TLS")
    context = address.trust.context
    secured = await loop.start_tls(connection.transport, as_protocol(connection), context, server_hostname=address.host)
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
