"""A connection of the postgres door from its first byte to an acceptable start-up message: edge, TLS, cancel."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from gateway.doors.pg_tls import ALPN, ListenerTls, feed, why_failed
from gateway.errors import AuthenticationError, ClientProtocolError, Reason
from gateway.facts.certificates import PeerCertificate
from gateway.links.certificates import peer_certificate
from gateway.links.tasks import TaskGroup
from gateway.model import Peer
from gateway.pgwire.proxy import read_header
from gateway.pgwire.startup import CancelKey, Opening, StartupRequest, Step

if TYPE_CHECKING:
    from gateway.doors.postgres import Place


_MAX_HELLO: Final = 65_536


class Host(Protocol):
    """The connection that is opened."""

    def write(self, data: bytes) -> None:
        """Send to the client."""

    def read_with(self, reader: Callable[[bytes], None] | None) -> None:
        """Who gets what arrives from now on, and what was kept; None: it is kept until somebody reads."""

    def begin_tls(self) -> None:
        """Make the handshake with ``Reception.start_tls``."""

    def cancel_asked(self, key: CancelKey | None) -> None:
        """It was a cancel request."""

    def arrived(self) -> None:
        """The start-up message is there."""

    def handshake_failed(self, why: str) -> None:
        """There will be no TLS."""


class Reception:
    """Reads the first bytes, one reader at a time."""

    def __init__(self, host: Host, place: Place) -> None:
        self._host = host
        self._place = place
        self._opening = Opening(tls_offered=place.tls is not None)
        self._header = b""
        self._hello: bytes | None = None  # of TLS that began with the first byte
        self.tls: ListenerTls | None = None  # what *this* connection was given; the listener's may change meanwhile
        self.peer = Peer(address=None, site=place.site)
        self.direct: str | None = None  # the address bytes really come from
        self.encrypted = False
        self.shaking = False  # between S and the end of the handshake: no word of ours fits in
        self.certificate: PeerCertificate | None = None  # of the client, verified

    @property
    def request(self) -> StartupRequest:
        """The start-up message."""
        if self._opening.request is None:
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "no startup message")
        return self._opening.request

    def truncated(self) -> bool:
        """Whether the peer left in the middle of a packet."""
        return self._opening.truncated() or bool(self._header)

    def claims(self) -> dict[str, str]:
        """What the peer says of itself: for the record, and for nothing else."""
        request = self._opening.request
        if request is None:
            return {}
        return {"user": request.user, "database": request.database, **dict(request.settings)}

    def connected(self, direct: str | None) -> None:
        """The connection is there."""
        self.direct = direct
        if self._place.inside is not None:
            self.peer = self._place.inside.peer
            self._host.read_with(self._read_opening)
        elif self._place.is_edge(direct):
            self._host.read_with(self._read_header)
        else:
            self.peer = Peer(address=direct, site=self._place.site)
            self._host.read_with(self._read_opening)

    def _read_header(self, data: bytes) -> None:
        self._header += data
        header = read_header(self._header)
        if header is None:
            return
        rest, self._header = self._header[header.size :], b""
        # A LOCAL header is the edge's own connection (a health check): nobody stands behind it.
        self.peer = Peer(address=header.address, via_edge=True, site=self._place.site)
        self._host.read_with(self._read_opening)
        if rest:
            self._read_opening(rest)

    def _read_opening(self, data: bytes) -> None:
        self._opening.feed(data)
        while True:
            match step := self._opening.step():
                case Step.MORE:
                    return
                case Step.REFUSE_ENCRYPTION:
                    self._host.write(b"N")
                case Step.START_TLS:
                    # Until the handshake is done, what is delivered here is not encrypted: it must not be read later,
                    # as if it had been (CVE-2021-23222).
                    self._host.read_with(_refuse_unencrypted)
                    self._host.write(b"S")
                    self._begin_tls()
                    return
                case Step.START_DIRECT_TLS:
                    self._hello = self._opening.take()
                    self._host.read_with(self._read_hello)
                    self._begin_tls()
                    return
                case Step.CANCEL:
                    self._host.cancel_asked(self._opening.cancel_key)
                    return
                case Step.STARTED:
                    self._check_encrypted()
                    self._host.arrived()
                    return
                case _:
                    assert_never(step)

    def _begin_tls(self) -> None:
        self.tls = self._place.tls
        self.shaking = True
        self._host.begin_tls()

    def _read_hello(self, data: bytes) -> None:
        self._hello = (self._hello or b"") + data
        if len(self._hello) > _MAX_HELLO:
            raise ClientProtocolError(Reason.MESSAGE_TOO_LARGE, "too much was sent ahead of the TLS handshake")

    def _check_encrypted(self) -> None:
        plain = (
            self._place.plaintext == "loopback" and is_loopback(self.direct) and "oauthbearer" not in self._place.ways
        )
        if not self.encrypted and not plain and self._place.inside is None:  # bytes that never leave this process
            raise AuthenticationError(Reason.TLS_REQUIRED, "connect with sslmode=verify-full")

    async def start_tls(
        self, transport: asyncio.Transport, protocol: asyncio.Protocol, tasks: TaskGroup, *, within: float
    ) -> asyncio.Transport | None:
        """The handshake; the transport under TLS, or None where it failed, which has been told."""
        loop = asyncio.get_running_loop()
        if self.tls is None:
            return None
        shaking = loop.start_tls(transport, protocol, self.tls.context, server_side=True, ssl_handshake_timeout=within)
        try:
            if self._hello is None:
                # From here on only what was under TLS is delivered, and its first words may come before we go on here.
                self._host.read_with(None)
                secured = await shaking
            else:
                # The task's first step, which the loop takes next, stops the reading and leaves two calls behind it:
                # "you are connected" and "read on". What was read already comes right after these, before the loop
                # looks for more.
                handshake = tasks.spawn(shaking, "direct tls", told=OSError)
                loop.call_soon(self._begin_with, transport)
                secured = await handshake
        except OSError as error:
            self._host.handshake_failed(why_failed(error))
            return None
        tls = secured.get_extra_info("ssl_object") if secured is not None else None
        if secured is None or tls is None:  # uvloop takes an end of the stream for the end of the handshake
            self._host.handshake_failed("the peer left during the TLS handshake")
            return None
        if self._hello is not None and tls.selected_alpn_protocol() != ALPN:
            # Whoever can make a browser connect here must not make it speak: TLS of its own accord is PostgreSQL's only
            # where the client says so.
            self._host.handshake_failed("direct TLS needs the ALPN protocol `postgresql`")
            return None
        self.shaking = False
        self.encrypted = True
        self.certificate = peer_certificate(secured.get_extra_info("peercert"))
        return secured

    def _begin_with(self, transport: asyncio.Transport) -> None:
        self._host.read_with(None)
        asyncio.get_running_loop().call_soon(feed, transport, self._hello or b"")

    def go_on(self) -> None:
        """Read what is said under TLS."""
        self._host.read_with(self._read_opening)


def _refuse_unencrypted(data: bytes) -> None:
    raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "received unencrypted data after SSL request")


def is_loopback(address: str | None) -> bool:
    """Whether bytes come from this machine."""
    return address is not None and ipaddress.ip_address(address).is_loopback
