"""One connection of the postgres door: from the first byte through login to a relayed session.

What arrives goes to one reader at a time (``_read_header``, ``_read_opening``, ``_read_password``, ``_read_early``,
``_read_session``); each hands over to the next. The protocol itself is decided in `gateway.pgwire`; this shell moves
bytes, asks the desk, and closes. Both directions are paused when the other side reads too slowly.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from gateway.audit import record
from gateway.doors.pg_login import LoggedIn, log_in
from gateway.errors import ANSWERS, AuthenticationError, ClientProtocolError, Reason, SekishoError, UpstreamError
from gateway.links.server import ServerConnection, send_cancel
from gateway.metrics import LoginMethod
from gateway.model import DatasourceId, Door, Peer
from gateway.needs import Ask, Outcome
from gateway.pgwire import messages
from gateway.pgwire.actions import Action, Close, Completed, Judge, Judgement, Leave, ToClient, ToServer
from gateway.pgwire.frames import FrameReader, encode
from gateway.pgwire.proxy import read_header
from gateway.pgwire.session import Session
from gateway.pgwire.startup import Opening, Step, negotiate_version
from gateway.reuse import Standing

if TYPE_CHECKING:
    from gateway.doors.postgres import Place, PostgresDoor

_log = logging.getLogger(__name__)
_EARLY_BYTES = 65_536  # what a client may send ahead while it is being logged in
_CLEARTEXT_PASSWORD = encode(b"R", (3).to_bytes(4, "big"))
_AUTHENTICATION_OK = encode(b"R", (0).to_bytes(4, "big"))


@dataclass(frozen=True, slots=True)
class Ticket:
    """One judged execution: under which standing decision, recorded as which id, since when."""

    standing: Standing
    decision_id: str
    began_ns: int


class Client(asyncio.Protocol):
    """A peer of the postgres door."""

    def __init__(self, door: PostgresDoor, place: Place) -> None:
        self._door = door
        self._place = place
        self._transport: asyncio.Transport | None = None
        self._peer = Peer(address=None, site=place.site)
        self._direct: str | None = None  # the address bytes really come from
        self._reader = self._read_opening
        self._opening = Opening(tls_offered=place.tls is not None)
        self._frames = FrameReader(_EARLY_BYTES)
        self._header = b""
        self._early = bytearray()
        self._encrypted = False
        self._deadline: asyncio.TimerHandle | None = None
        self._server: ServerConnection | None = None
        self._session: Session | None = None
        self._login: LoggedIn | None = None
        self._cancel_id = 0
        self._paused = False
        self._server_slow = False
        self._draining = False
        self._ended = False

    # -- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._transport is not None:
            self._transport = transport  # type: ignore[assignment]  # the same peer, now under TLS
            return
        self._transport = transport  # type: ignore[assignment]  # of a stream server
        peername = transport.get_extra_info("peername")
        self._direct = peername[0] if peername else None
        if not self._door.admit(self):
            self.end(Reason.LIMIT_EXCEEDED, "sorry, too many clients already", sqlstate="53300")
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
        try:
            self._reader(data)
        except SekishoError as error:
            self.end(error.reason, error.detail)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._session is None and not self._ended and (self._opening.truncated() or self._header):
            self._note_protocol_error(Reason.STARTUP_TRUNCATED, "the peer left in the middle of its start-up packet")
        self._finish("the client left")

    def pause_writing(self) -> None:
        """The client reads slowly: stop reading its rows from the server."""
        if self._server is not None and self._server.transport is not None and not self._server.closed:
            self._server.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client caught up."""
        if self._server is not None and self._server.transport is not None and not self._server.closed:
            self._server.transport.resume_reading()

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
                    self._write(b"N")
                case Step.START_TLS:
                    self._write(b"S")
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
        if secured is not None:
            self._transport = secured
            self._encrypted = True

    def _ask_password(self) -> None:
        request = self._opening.request
        if request is None:
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "no startup message")
        if not self._encrypted and not (self._place.plaintext == "loopback" and _is_loopback(self._direct)):
            raise AuthenticationError(Reason.TLS_REQUIRED, "connect with sslmode=verify-full")
        if request.minor or request.unknown_options:
            self._write(negotiate_version(0, request.unknown_options))
        self._write(_CLEARTEXT_PASSWORD)
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
        self._reader = self._read_early
        self._door.tasks.spawn(self._log_in(body[:-1].decode("utf-8", "replace")), "log in")

    def _read_early(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > _EARLY_BYTES:
            raise ClientProtocolError(Reason.MESSAGE_TOO_LARGE, "too much was sent ahead of login")

    # -- login ----------------------------------------------------------------------------------------------------

    async def _log_in(self, token: str) -> None:
        request = self._opening.request
        try:
            if request is None:
                raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "no startup message")
            login = await log_in(self._door, token, request, self._peer)
        except SekishoError as error:
            self.end(error.reason, error.detail)
            return
        if self._ended:
            login.server.close()
            return
        self._begin(login)

    def _begin(self, login: LoggedIn) -> None:
        limits = self._door.limits
        self._login, self._server = login, login.server
        if self._deadline is not None:
            self._deadline.cancel()
        self._session = Session(bulk_limit=limits.message_bytes, names_limit=limits.statements, nonce=self._door.nonce)
        self._cancel_id, secret = self._door.cancels.issue(self._cancel)
        greeting = [messages.parameter_status(name, value) for name, value in login.server.settings.items()]
        greeting.append(messages.backend_key_data(self._cancel_id, secret))
        self._write(_AUTHENTICATION_OK + b"".join(greeting) + messages.ready_for_query(b"I"))
        self._door.desk.metrics.login(LoginMethod.TOKEN, Reason.ALLOWED)
        self._door.desk.metrics.session_opened(Door.POSTGRES)
        self._reader = self._read_session
        login.server.attach(ServerSide(self))
        early, self._early = bytes(self._early), bytearray()
        if early and not self._ended:
            self._read_session(early)

    def _cancel(self) -> None:
        if self._login is not None and self._server is not None and not self._server.closed:
            work = self._send_cancel(self._login, self._server)
            self._door.tasks.spawn(work, "cancel")

    async def _send_cancel(self, login: LoggedIn, server: ServerConnection) -> None:
        try:
            await send_cancel(login.address, server.process_id, server.secret)
        except UpstreamError as error:
            _log.warning("cancel_failed", extra={"detail": error.detail})

    # -- session --------------------------------------------------------------------------------------------------

    def _read_session(self, data: bytes) -> None:
        if self._session is not None:
            self._act(self._session.client_data(data))
            self._hold()

    def server_data(self, data: bytes) -> None:
        """Bytes from the server."""
        if self._session is not None and not self._ended:
            self._act(self._session.server_data(data))
            if self._draining and self._session.idle:
                self.end(Reason.SHUTTING_DOWN, "terminating connection: the gateway is shutting down")

    def server_lost(self) -> None:
        """The server closed the connection."""
        self.end(Reason.UPSTREAM_LOST, "the connection to the database was lost")

    def server_slow(self, slow: bool) -> None:
        """The server reads slowly: stop reading from the client meanwhile."""
        self._server_slow = slow
        self._hold()

    def _hold(self) -> None:
        """Read no further while a decision is awaited: what follows waits in the peer's own buffers."""
        if self._session is None or self._transport is None or self._ended:
            return
        wait = self._session.waiting or self._server_slow
        if wait and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        elif not wait and self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _act(self, actions: list[Action]) -> None:
        """Do what the session wants. What goes to the server is gathered, so that a chunk costs one write."""
        session, server = self._session, self._server
        if session is None or server is None:
            return
        to_server: list[bytes] = []
        while actions:
            following: list[Action] = []
            for action in actions:
                match action:
                    case ToServer():
                        to_server.append(action.data)
                    case ToClient():
                        self._write(action.data)
                    case Judge():
                        judgement = self._judge(action)
                        if judgement is not None:
                            following = session.judged(judgement)
                    case Completed():
                        self._completed(action)
                    case Close():
                        server.write(b"".join(to_server))
                        self.end(action.reason, action.detail)
                        return
                    case Leave():
                        server.write(b"".join(to_server))
                        self._finish("the client said goodbye")
                        return
                    case _:
                        assert_never(action)
            actions = following
        if to_server:
            server.write(b"".join(to_server))

    def _judge(self, judge: Judge) -> Judgement | None:
        login, desk, now_ns = self._login, self._door.desk, time.time_ns()
        if login is None:
            raise RuntimeError("a statement before login")
        ticket = judge.ticket if isinstance(judge.ticket, Ticket) else None
        if ticket is not None and desk.authority.usable(ticket.standing, now_ns // 1_000_000_000):
            if judge.fresh:
                return Judgement(Ticket(ticket.standing, ticket.decision_id, now_ns))  # its entry is of this Parse
            work = desk.authority.again(ticket.standing, login.session, now_ns)
        else:
            ask = Ask(
                door=Door.POSTGRES,
                datasource=DatasourceId(login.datasource),
                profile=login.profile,
                principal=login.principal,
                peer=self._peer,
                sql=judge.text,
                parameter_types=judge.types,
                session=login.session,
            )
            work = desk.authority.authorize(ask, now_ns)
        outcome = desk.decide(work, Door.POSTGRES, self._judged_later)
        return None if outcome is None else _judgement(outcome, now_ns)

    def _judged_later(self, outcome: Outcome) -> None:
        if self._session is not None and not self._ended:
            self._act(self._session.judged(_judgement(outcome, time.time_ns())))
            self._hold()

    def _completed(self, action: Completed) -> None:
        ticket, login, desk = action.ticket, self._login, self._door.desk
        if not isinstance(ticket, Ticket) or login is None:
            return
        now_ns = time.time_ns()
        desk.metrics.completed(Door.POSTGRES, ok=action.sqlstate == "00000", rows=action.rows)
        desk.authority.completed(ticket.standing, action.rows, now_ns // 1_000_000_000)
        desk.note(
            record.completion_entry(
                ticket.decision_id,
                at_ns=now_ns,
                session=login.session,
                rows=action.rows,
                sqlstate=None if action.sqlstate == "00000" else action.sqlstate,
                duration_us=max(0, (now_ns - ticket.began_ns) // 1000),
            )
        )

    # -- the end --------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """End when no transaction is open; at once where none is."""
        self._draining = True
        if self._session is None or self._session.idle:
            self.end(Reason.SHUTTING_DOWN, "terminating connection: the gateway is shutting down")

    def end(self, reason: Reason, detail: str, *, sqlstate: str = "") -> None:
        """Tell the client why (FATAL) and close both sides."""
        if self._ended:
            return
        answer = ANSWERS[reason]
        words = detail or answer.summary
        hint = f"Reason: {reason}"
        self._write(messages.error_response("FATAL", sqlstate or answer.sqlstate, words, hint=hint))
        if self._session is None:
            # Written for the record without waiting: nothing is forwarded, and the peer is gone whatever happens.
            if reason in _PROTOCOL_REASONS:
                self._note_protocol_error(reason, detail)
            else:
                self._door.desk.refused(Door.POSTGRES, reason, self._peer.address, detail)
        elif reason in _PROTOCOL_REASONS:
            self._note_protocol_error(reason, detail)
        self._finish(detail or str(reason), reason)

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

    def _finish(self, why: str, reason: Reason | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.end()
        self._door.cancels.revoke(self._cancel_id)
        self._door.forget(self)
        login = self._login
        if login is not None:
            self._door.desk.metrics.session_closed(Door.POSTGRES)
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

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._ended and not self._transport.is_closing():
            self._transport.write(data)


class ServerSide:
    """The server's side of a client: what `ServerConnection` delivers to."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.server_data(data)

    def connection_lost(self) -> None:
        self._client.server_lost()

    def pause_writing(self) -> None:
        self._client.server_slow(True)

    def resume_writing(self) -> None:
        self._client.server_slow(False)


_PROTOCOL_REASONS = frozenset(
    {
        Reason.MESSAGE_MALFORMED,
        Reason.MESSAGE_TOO_LARGE,
        Reason.MESSAGE_REFUSED,
        Reason.STARTUP_TRUNCATED,
        Reason.PINNED_SETTING_CHANGED,
    }
)


def _judgement(outcome: Outcome, now_ns: int) -> Judgement:
    if outcome.allowed and outcome.decision is not None and outcome.standing is not None:
        return Judgement(Ticket(outcome.standing, outcome.decision.id, now_ns))
    if outcome.complaint is not None:
        return Judgement(None, dict(outcome.complaint.fields))
    fields = {"S": "ERROR", "V": "ERROR", "C": outcome.sqlstate}
    return Judgement(None, fields | {"M": outcome.message, "D": outcome.detail, "H": outcome.hint})


def _is_loopback(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback
