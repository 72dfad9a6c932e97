"""One connection of the postgres door: from the first byte through login to a session.

What arrives goes to one reader at a time (``_read_header``, ``_read_opening``, ``_read_password``, then the session's);
each hands over to the next, and what comes too early waits (``_keep_for_later``). The protocol is decided in
`gateway.pgwire`; the session itself is `gateway.doors.pg_session`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, assert_never

from gateway.audit import record
from gateway.doors.pg_login import LoggedIn, log_in
from gateway.doors.pg_session import Relay
from gateway.errors import ANSWERS, AuthenticationError, ClientProtocolError, Reason, SekishoError, UpstreamError
from gateway.links.server import send_cancel
from gateway.metrics import LoginMethod
from gateway.model import Door, Peer
from gateway.pgwire import messages
from gateway.pgwire.frames import FrameReader, encode
from gateway.pgwire.proxy import read_header
from gateway.pgwire.startup import Opening, StartupRequest, Step, negotiate_version

if TYPE_CHECKING:
    from gateway.doors.postgres import Place, PostgresDoor

_log = logging.getLogger(__name__)
_EARLY_BYTES: Final = 65_536  # what a client may send ahead while it is being logged in
_CLEARTEXT_PASSWORD: Final = encode(b"R", (3).to_bytes(4, "big"))
_AUTHENTICATION_OK: Final = encode(b"R", (0).to_bytes(4, "big"))
_TOO_MANY: Final = "sorry, too many clients already"
_TOO_MANY_STATE: Final = "53300"
_PROTOCOL_REASONS: Final = frozenset(
    {
        Reason.MESSAGE_MALFORMED,
        Reason.MESSAGE_TOO_LARGE,
        Reason.MESSAGE_REFUSED,
        Reason.STARTUP_TRUNCATED,
        Reason.PINNED_SETTING_CHANGED,
    }
)


class Client(asyncio.Protocol):
    """A peer of the postgres door."""

    def __init__(self, door: PostgresDoor, place: Place) -> None:
        self._door = door
        self._place = place
        self._transport: asyncio.Transport | None = None
        self._peer = Peer(address=None, site=place.site)
        self._direct: str | None = None  # the address bytes really come from
        self._reader: Callable[[bytes], None] = self._read_opening
        self._opening = Opening(tls_offered=place.tls is not None)
        self._frames = FrameReader(_EARLY_BYTES)
        self._header = b""
        self._early = bytearray()
        self._encrypted = False
        self._deadline: asyncio.TimerHandle | None = None
        self._login: LoggedIn | None = None
        self._relay: Relay | None = None
        self._cancel_id = 0
        self._paused = False
        self._ended = False

    # -- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream server
        peername = transport.get_extra_info("peername")
        self._direct = peername[0] if peername else None
        if not self._door.admit(self):
            self._refuse_entry()
            return
        if self._place.is_edge(self._direct):
            self._reader = self._read_header
        else:
            self._peer = Peer(address=self._direct, site=self._place.site)
        timeout = self._door.limits.login_timeout_ms / 1000
        self._deadline = asyncio.get_running_loop().call_later(
            timeout, self.end, Reason.LOGIN_TIMEOUT, "login took too long"
        )

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            self._reader(data)
        except SekishoError as error:
            self.end(error.reason, error.detail)
        except Exception:  # an edge: an error nobody foresaw ends this connection and no other
            _log.exception("connection_failed")
            self.end(Reason.INTERNAL, "")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._relay is None and not self._ended and (self._opening.truncated() or self._header):
            self._note_protocol_error(Reason.STARTUP_TRUNCATED, "the peer left in the middle of its start-up packet")
        if self._relay is not None and self._relay.running:
            self._cancel()  # nobody waits for the answer any more: do not let the server work on it for hours
        self._finish("the client left")

    def pause_writing(self) -> None:
        """The client reads slowly."""
        if self._relay is not None:
            self._relay.client_slow(True)

    def resume_writing(self) -> None:
        """The client caught up."""
        if self._relay is not None:
            self._relay.client_slow(False)

    # -- opening --------------------------------------------------------------------------------------------------

    def _read_header(self, data: bytes) -> None:
        self._header += data
        header = read_header(self._header)
        if header is None:
            return
        rest, self._header = self._header[header.size :], b""
        # A LOCAL header is the edge's own connection (a health check): nobody stands behind it.
        self._peer = Peer(address=header.address, via_edge=True, site=self._place.site)
        self._reader = self._read_opening
        if rest:
            self._read_opening(rest)

    def _read_opening(self, data: bytes) -> None:
        self._opening.feed(data)
        while True:
            match step := self._opening.step():
                case Step.MORE:
                    return
                case Step.REFUSE_ENCRYPTION:
                    self.write(b"N")
                case Step.START_TLS:
                    # Until the handshake is done, what is delivered here is not encrypted: it must not be read later,
                    # as if it had been (CVE-2021-23222).
                    self._reader = self._refuse_unencrypted
                    self.write(b"S")
                    self._door.tasks.spawn(self._start_tls(), "start tls")
                    return
                case Step.CANCEL:
                    key = self._opening.cancel_key
                    if key is not None:
                        self._door.cancels.use(key.process_id, key.secret)
                    self._finish("a cancel request")
                    return
                case Step.STARTED:
                    self._ask_password()
                    return
                case _:
                    assert_never(step)

    async def _start_tls(self) -> None:
        if self._transport is None or self._place.tls is None:
            return
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._transport, self, self._place.tls, server_side=True)
        except OSError:
            self._finish("the TLS handshake failed")
            return
        if secured is None or self._ended:
            return
        self._transport = secured
        self._encrypted = True
        self._reader = self._read_opening  # the loop delivers the first words under TLS after this

    def _refuse_unencrypted(self, data: bytes) -> None:
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "received unencrypted data after SSL request")

    def _ask_password(self) -> None:
        request = self._request()
        if not self._encrypted and not (self._place.plaintext == "loopback" and _is_loopback(self._direct)):
            raise AuthenticationError(Reason.TLS_REQUIRED, "connect with sslmode=verify-full")
        if not self._door.seat(self):
            self._refuse_entry()
            return
        if request.minor or request.unknown_options:
            self.write(negotiate_version(0, request.unknown_options))
        self.write(_CLEARTEXT_PASSWORD)
        self._reader = self._read_password

    def _read_password(self, data: bytes) -> None:
        self._frames.feed(data)
        frame = self._frames.next_frame()
        if frame is None:
            return
        kind, body = frame
        if kind != ord("p"):
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "expected a password message")
        if not body.endswith(b"\0") or b"\0" in body[:-1]:
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid password packet")
        if self._frames.pending():
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "data after the password, before authentication")
        self._reader = self._keep_for_later
        self._door.tasks.spawn(self._log_in(body[:-1].decode("utf-8", "replace")), "log in")

    def _request(self) -> StartupRequest:
        if self._opening.request is None:
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "no startup message")
        return self._opening.request

    def _keep_for_later(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > _EARLY_BYTES:
            raise ClientProtocolError(Reason.MESSAGE_TOO_LARGE, "too much was sent ahead of login")

    def _hand_over(self, reader: Callable[[bytes], None]) -> None:
        """The next reader, which is given what came early first."""
        self._reader = reader
        early, self._early = bytes(self._early), bytearray()
        if early:
            self.data_received(early)

    # -- login ----------------------------------------------------------------------------------------------------

    async def _log_in(self, token: str) -> None:
        try:
            login = await log_in(self._door, token, self._request(), self._peer)
        except SekishoError as error:
            self.end(error.reason, error.detail)
            return
        except Exception:  # an edge: see data_received
            _log.exception("login_failed")
            self.end(Reason.INTERNAL, "")
            return
        self._login = login
        if self._ended:  # the client left meanwhile
            login.server.end()
            self._note_close("the client left while it was logged in", None)
            return
        self._begin(login)

    def _begin(self, login: LoggedIn) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._relay = Relay(self._door, login, self._peer, self)
        self._cancel_id, secret = self._door.cancels.issue(self._cancel)
        greeting = [messages.parameter_status(name, value) for name, value in login.server.settings.items()]
        greeting.append(messages.backend_key_data(self._cancel_id, secret))
        self.write(_AUTHENTICATION_OK + b"".join(greeting) + messages.ready_for_query(b"I"))
        self._door.desk.metrics.login(LoginMethod.TOKEN, Reason.ALLOWED)
        self._door.desk.metrics.session_opened(Door.POSTGRES)
        login.server.attach(self._relay)
        if not self._ended:
            self._hand_over(self._relay.client_data)

    def _cancel(self) -> None:
        if self._login is not None and not self._login.server.closed:
            self._door.tasks.spawn(self._send_cancel(self._login), "cancel")

    async def _send_cancel(self, login: LoggedIn) -> None:
        try:
            await send_cancel(login.address, login.server.process_id, login.server.secret)
        except UpstreamError as error:
            _log.warning("cancel_failed", extra={"detail": error.detail})

    # -- what the session asks ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send to the client."""
        if self._transport is not None and not self._ended and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self, wait: bool) -> None:
        """Read no further from the client, or read on."""
        if self._transport is None or self._ended or wait is self._paused:
            return
        self._paused = wait
        if wait:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def left(self) -> None:
        """The client said goodbye."""
        self._finish("the client said goodbye")

    # -- the end --------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """End when no transaction is open; at once where none is."""
        if self._relay is not None:
            self._relay.drain()
        else:
            self.end(Reason.SHUTTING_DOWN, "terminating connection: the gateway is shutting down")

    def end(self, reason: Reason, detail: str, *, sqlstate: str = "") -> None:
        """Tell the client why (FATAL) and close both sides."""
        if self._ended:
            return
        answer = ANSWERS[reason]
        words = detail or answer.summary
        hint = f"Reason: {reason}"
        if self._relay is None or not self._relay.within_row:  # or it would be read as the rest of the row
            self.write(messages.error_response("FATAL", sqlstate or answer.sqlstate, words, hint=hint))
        # Written for the record without waiting: nothing is forwarded, and the peer is gone whatever happens.
        if reason in _PROTOCOL_REASONS:
            self._note_protocol_error(reason, detail)
        elif reason is Reason.MEANING_CHANGED:
            self._note_protocol_error(reason, detail)
            self._cancel()  # nor is what runs to end well
        elif self._relay is None:
            self._door.desk.login_refused(self._peer, reason, detail, self._claims())
        self._finish(detail or str(reason), reason)

    def _refuse_entry(self) -> None:
        """There is no room, or the house is closing."""
        if self._door.desk.draining:
            self.end(Reason.SHUTTING_DOWN, "the gateway is shutting down")
        else:
            self.end(Reason.LIMIT_EXCEEDED, _TOO_MANY, sqlstate=_TOO_MANY_STATE)

    def _claims(self) -> dict[str, str]:
        """What the peer says of itself: for the record, and for nothing else."""
        request = self._opening.request
        if request is None:
            return {}
        return {"user": request.user, "database": request.database, **dict(request.settings)}

    def _note_protocol_error(self, reason: Reason, detail: str) -> None:
        desk, login = self._door.desk, self._login
        desk.metrics.denied(Door.POSTGRES, reason)
        desk.note(
            record.session_entry(
                record.Event.PROTOCOL_ERROR,
                at_ns=time.time_ns(),
                session=login.session if login is not None else None,
                door=Door.POSTGRES,
                peer=self._peer,
                principal_id=login.principal.id if login is not None else None,
                reason=reason,
                detail=detail,
            )
        )

    def _note_close(self, why: str, reason: Reason | None) -> None:
        login = self._login
        if login is not None:
            self._door.desk.note(
                record.session_entry(
                    record.Event.SESSION_CLOSE,
                    at_ns=time.time_ns(),
                    session=login.session,
                    door=Door.POSTGRES,
                    peer=self._peer,
                    principal_id=login.principal.id,
                    datasource=login.datasource,
                    profile=login.profile,
                    reason=reason,
                    detail=why,
                )
            )

    def _finish(self, why: str, reason: Reason | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._transport.close()
        self._door.cancels.revoke(self._cancel_id)
        self._door.forget(self)
        if self._relay is not None and self._login is not None:
            self._relay.over()
            self._login.server.end()
            self._door.desk.metrics.session_closed(Door.POSTGRES)
            self._note_close(why, reason)


def _is_loopback(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback
