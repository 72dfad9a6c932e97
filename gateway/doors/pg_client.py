"""One connection of the postgres door: it is opened, proves who it is, and becomes a session; and how it ends.

What arrives goes to one reader at a time (`gateway.doors.pg_opening`, then ``_read_proof``, then the session's); each
hands over to the next, and what comes too early waits (``_keep_for_later``). While a session is on, the loop calls
`gateway.doors.pg_line` instead. The protocol is decided in
`gateway.pgwire`, what is asked of whom in `gateway.doors.pg_proof`; the session itself is `gateway.doors.pg_session`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from gateway.doors.pg_cancel import Cancelling
from gateway.doors.pg_limits import Doing
from gateway.doors.pg_line import ClientLine
from gateway.doors.pg_login import LoggedIn, log_in
from gateway.doors.pg_opening import Reception
from gateway.doors.pg_proof import Discovery, Proof, Proven, choose_proof
from gateway.doors.pg_record import PROTOCOL_REASONS, note_close, note_protocol_error
from gateway.doors.pg_session import Relay
from gateway.errors import ANSWERS, AuthenticationError, ClientProtocolError, Reason, SekishoError
from gateway.links.farewell import try_cancel
from gateway.metrics import LoginMethod
from gateway.model import Door, Principal
from gateway.pgwire import messages
from gateway.pgwire.frames import FrameReader
from gateway.pgwire.sasl import AUTHENTICATION_OK
from gateway.pgwire.startup import CancelKey

if TYPE_CHECKING:
    from gateway.doors.postgres import Place, PostgresDoor

_log = logging.getLogger(__name__)
_EARLY_BYTES: Final = 65_536  # what a client may send ahead while it is being logged in
_TOO_MANY: Final = "sorry, too many clients already"
_UNHEARD: Final = 2.0  # seconds the server has for what came before a goodbye; it must be less than a shutdown takes
_LAST_WORDS: Final = 5.0  # seconds a peer has to read what was written before the end
_LAST_ROW: Final = 1.0  # seconds for the rest of a row, so that the end can be told between two


class Client(asyncio.Protocol):
    """A peer of the postgres door."""

    def __init__(self, door: PostgresDoor, place: Place) -> None:
        self._door = door
        self._place = place
        self._transport: asyncio.Transport | None = None
        self._reception = Reception(self, place)
        self._reader: Callable[[bytes], None] = self._keep_for_later
        self._frames = FrameReader(_EARLY_BYTES)
        self._early = bytearray()
        self._deadline: asyncio.TimerHandle | None = None  # of the login
        self._proof: Proof | None = None
        self._login: LoggedIn | None = None
        self._relay: Relay | None = None
        self._line: ClientLine | None = None  # while a session is on
        self._cancel_id = 0
        self._cancelling: Cancelling | None = None
        self._ended = False

    @property
    def principal(self) -> Principal | None:
        """Who is logged in here."""
        return self._login.principal if self._login is not None else None

    # -- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # of a stream server
        peername = transport.get_extra_info("peername")
        self._reception.connected(peername[0] if peername else None)
        if not self._door.admit(self):
            self._refuse_entry()
            return
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
            self.failed(error)
        except Exception:  # an edge: an error nobody foresaw ends this connection and no other
            _log.exception("connection_failed")
            self.end(Reason.INTERNAL, "")

    def eof_received(self) -> bool:
        if self._relay is not None:
            # Not when all it was sent has been read, as the loop would wait for: it may read none of that for ever.
            self._finish("the client left")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reception.shaking and not self._ended:
            # In a moment, as the handshake itself may know more of why.
            asyncio.get_running_loop().call_soon(self.handshake_failed, "the peer left during the TLS handshake")
            return
        if self._relay is None and not self._ended and self._reception.truncated():
            self._note_protocol_error(Reason.STARTUP_TRUNCATED, "the peer left in the middle of its start-up packet")
        if self._proof is not None and self._proof.failure is not None:
            self.failed(self._proof.failure)  # it knew already, and did not wait for the last word
        self._finish("the client left")

    # -- opening (`gateway.doors.pg_opening.Host`) ------------------------------------------------------------------

    def read_with(self, reader: Callable[[bytes], None] | None) -> None:
        """Who gets what arrives from now on, what came early first; None: it is kept."""
        self._reader = reader or self._keep_for_later
        if reader is not None and self._early:
            early, self._early = bytes(self._early), bytearray()
            self.data_received(early)

    def begin_tls(self) -> None:
        """Make the handshake."""
        self._door.tasks.spawn(self._start_tls(), "start tls")

    async def _start_tls(self) -> None:
        if self._transport is None or self._ended:
            return
        timeout = self._door.limits.login_timeout_ms / 1000
        secured = await self._reception.start_tls(self._transport, self, self._door.tasks, within=timeout)
        if secured is not None and not self._ended:
            self._transport = secured
            self._reception.go_on()

    def handshake_failed(self, why: str) -> None:
        """There will be no TLS: nothing can be told any more."""
        if not self._ended:
            self._note_protocol_error(Reason.TLS_HANDSHAKE_FAILED, why)
            self._finish(why, Reason.TLS_HANDSHAKE_FAILED)

    def cancel_asked(self, key: CancelKey | None) -> None:
        """It was a cancel request."""
        if key is not None:
            address = self._reception.peer.address
            self._door.cancel_desk.asked(address, key.process_id, key.secret, time.monotonic())
        self._finish("a cancel request")

    def arrived(self) -> None:
        """The start-up message is there: ask who it is."""
        request = self._reception.request
        if not self._door.seat(self):
            self._refuse_entry()
            return
        self.write(request.negotiated)
        tls = self._reception.tls
        self._proof = self._place.inside or choose_proof(
            self._door.offer(self._place),
            request.user,
            end_point=tls.end_point if tls is not None else None,
            certificate=self._reception.certificate,
        )
        wait = self._door.password_wait(self._method(), self._reception.peer.address, request.user)
        if wait:
            self._reader = self._keep_for_later
            asyncio.get_running_loop().call_later(wait, self._begin_proof)
        else:
            self._begin_proof()

    def _begin_proof(self) -> None:
        if self._proof is not None and not self._ended:
            first = self._proof.begin()
            if isinstance(first, Proven):
                self._ask(first)
            else:
                self.write(first)
                self.read_with(self._read_proof)

    def _keep_for_later(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > _EARLY_BYTES:
            raise ClientProtocolError(Reason.MESSAGE_TOO_LARGE, "too much was sent ahead of login")

    # -- login ----------------------------------------------------------------------------------------------------

    def _read_proof(self, data: bytes) -> None:
        if not self._frames.pending() and data[:1] != b"p":  # a second start-up message, too, has no such beginning
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "expected a password message")
        self._frames.feed(data)
        frame = self._frames.next_frame()
        if frame is None or self._proof is None:
            return
        _, body = frame
        if self._frames.pending():
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "data after the password, before authentication")
        self._ask(self._proof.receive(body))

    def _ask(self, following: bytes | Proven) -> None:
        """Ask the next thing, or log in who is proven."""
        if isinstance(following, Proven):
            self._reader = self._keep_for_later
            self._door.tasks.spawn(self._log_in(following), "log in")
        else:
            self.write(following)

    async def _log_in(self, proven: Proven) -> None:
        peer, request, method = self._reception.peer, self._reception.request, self._method()
        try:
            if not self._door.seats.claim(self, proven.principal.id):
                raise AuthenticationError(Reason.TOO_MANY_SESSIONS, _TOO_MANY)
            login = await log_in(self._door, proven.principal, method, request, peer, proven.caller)
        except SekishoError as error:
            self.failed(error)
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
        self._begin(login, proven.last)

    def _begin(self, login: LoggedIn, last: bytes) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is None:
            raise RuntimeError("nobody is connected")
        self._line = line = ClientLine(self, self._transport)
        self._relay = Relay(self._door, login, self._reception.peer, line)
        cancel = partial(try_cancel, login.server, login.address)
        self._cancelling = Cancelling(self._relay, cancel, self._door.tasks.spawn)
        self._cancel_id, secret = self._door.cancels.issue(self._cancel, long=self._reception.request.spoken > 0)
        greeting = [messages.parameter_status(name, value) for name, value in login.server.settings.items()]
        greeting.append(messages.backend_key_data(self._cancel_id, secret))
        self.write(last + AUTHENTICATION_OK + b"".join(greeting) + messages.ready_for_query(b"I"))
        if self._method() is LoginMethod.SCRAM:
            self._door.guesses.right(self._reception.peer.address, self._reception.request.user)
        self._door.desk.metrics.login(self._method(), Reason.ALLOWED)
        self._door.desk.metrics.session_opened(Door.POSTGRES)
        self._door.watch.join(self, login)
        login.server.attach(self._relay)
        self.be_strict()  # rules may have come into force while it was logged in
        if not self._ended:
            self.read_with(self._relay.client_data)
        if not self._ended:
            line.take(self._relay)

    def failed(self, error: SekishoError) -> None:
        """What we were doing for the client cannot be done."""
        if error.reason is Reason.PASSWORD_WRONG:
            self._door.guesses.wrong(self._reception.peer.address, self._reception.request.user, time.monotonic())
        if isinstance(error, Discovery) and not self._ended:
            # It tried nothing and comes again with a token: counted, but no refusal for the record.
            self._door.desk.metrics.login(self._method(), error.reason)
            self._say(error.reason, error.detail)
            self._finish(error.detail, error.reason)
        else:
            self.end(error.reason, error.detail)

    def _method(self) -> LoginMethod:
        return self._proof.method if self._proof is not None else LoginMethod.NONE

    def _cancel(self) -> None:
        if self._cancelling is not None and self._login is not None and not self._login.server.closed:
            self._cancelling.asked()

    # -- what the session asks ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send to the client."""
        if self._transport is not None and not self._ended and not self._transport.is_closing():
            self._transport.write(data)

    def left(self) -> None:
        """The client said goodbye. What it sent before that is done, as the server would, but not for hours."""
        self._finish("the client said goodbye", patience=_UNHEARD)

    # -- its limits (`gateway.doors.pg_limits.Session`) ---------------------------------------------------------------

    def doing(self) -> tuple[Doing, object]:
        """What the session does just now."""
        return self._relay.doing() if self._relay is not None else (Doing.DECIDING, None)

    def overdue(self) -> None:
        """Cancel the statement that runs: it took too long."""
        if self._relay is not None:
            self._relay.overdue()
            self._door.desk.metrics.denied(Door.POSTGRES, Reason.STATEMENT_TIMEOUT)
            self._cancel()

    # -- the end --------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """End when no transaction is open; at once where none is."""
        if self._relay is not None:
            self._relay.drain()
        else:
            self.end(Reason.SHUTTING_DOWN, "terminating connection: the gateway is shutting down")

    def be_strict(self) -> None:
        """End a session at its next statement, if it must be strict by now and is not: it cannot become so."""
        if self._relay is None or self._login is None or self._login.strict:
            return
        strictness = self._door.strictness(self._login.datasource)
        if strictness.strict:
            self.outdate(f"this session must be strict by now ({strictness.why}): connect again")

    def outdate(self, why: str) -> None:
        """End the session at its next statement."""
        if self._relay is not None:
            self._relay.outdated = why

    def terminate(self, reason: Reason, detail: str) -> None:
        """End a session from outside, whatever it does just then; between two rows, if that comes soon."""
        end = partial(self.end, reason, detail)
        if self._relay is not None and self._relay.within_row and not self._ended:
            asyncio.get_running_loop().call_later(_LAST_ROW, end)
            self._relay.end_after_row(end)
        else:
            end()

    def end(self, reason: Reason, detail: str) -> None:
        """Tell the client why (FATAL) and close both sides."""
        if self._ended:
            return
        if self._place.inside is not None:
            self._place.inside.end(reason, detail)
        self._say(reason, detail)
        # Recorded without waiting: nothing is forwarded, and the peer is gone whatever happens.
        if reason in PROTOCOL_REASONS or reason is Reason.MEANING_CHANGED:
            self._note_protocol_error(reason, detail)
        elif self._relay is None:
            reception = self._reception
            self._door.desk.login_refused(reception.peer, reason, detail, reception.claims(), self._method())
        self._finish(detail or str(reason), reason)

    def _say(self, reason: Reason, detail: str) -> None:
        if self._reception.shaking or (self._relay is not None and self._relay.within_row):
            return  # it would be read as the rest of the handshake, or of the row
        if self._relay is not None and self._relay.farewell:
            return  # a second FATAL would be the answer to whatever a driver has asked since (postgres.js)
        answer = ANSWERS[reason]
        hint = f"Reason: {reason}"
        self.write(messages.error_response("FATAL", answer.sqlstate, detail or answer.summary, hint=hint))

    def _refuse_entry(self) -> None:
        """There is no room, or the house is closing."""
        if self._door.desk.draining:
            self.end(Reason.SHUTTING_DOWN, "the gateway is shutting down")
        else:
            self.end(Reason.TOO_MANY_SESSIONS, _TOO_MANY)

    def _note_protocol_error(self, reason: Reason, detail: str) -> None:
        note_protocol_error(self._door.desk, self._reception.peer, self._login, reason, detail)

    def _note_close(self, why: str, reason: Reason | None) -> None:
        if self._login is not None:
            note_close(self._door.desk, self._reception.peer, self._login, why, reason)

    def _finish(self, why: str, reason: Reason | None = None, *, patience: float = 0.0) -> None:
        if self._ended:
            return
        self._ended = True
        if self._line is not None:
            self._line.over = True
        if self._deadline is not None:
            self._deadline.cancel()
        if self._transport is not None:
            self._transport.close()
            if self._reception.encrypted or self._transport.get_write_buffer_size():
                # A peer that does not read would keep the connection, and what it has not read, as long as it likes.
                asyncio.get_running_loop().call_later(_LAST_WORDS, self._transport.abort)
        self._door.cancels.revoke(self._cancel_id)
        if self._cancelling is not None:
            self._cancelling.over()
        if self._relay is not None and self._login is not None:
            if self._relay.running:  # also where the line is lost: the server may not know yet, and runs on
                self._door.see_off(self, self._login, patience=patience)
            else:
                self._login.server.end()
            self._relay.over()
            self._door.desk.metrics.session_closed(Door.POSTGRES, reason)
            self._note_close(why, reason)
        self._door.forget(self)
