"""Our own login at a PostgreSQL server, without sockets: from StartupMessage to the first ReadyForQuery.

Cleartext and MD5 passwords are refused: a server (or whoever stands in its place) could ask for them. Trust,
SCRAM-SHA-256 and -PLUS are spoken. An ErrorResponse without SQLSTATE is tolerated (PgBouncer CVE-2026-6666).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from gateway.errors import Reason, UpstreamError
from gateway.pgwire.frames import cstring, encode
from gateway.pgwire.messages import decode_fields
from gateway.pgwire.scram import MECHANISM, MECHANISM_PLUS, Salted, ScramClient
from gateway.pgwire.startup import startup_message

_INT32: Final = Struct("!I")
_MAX_LOGIN_BYTES: Final = 65_536

_OK, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 10, 11, 12


class ServerLogin:
    """One login. Send ``start()``, feed what arrives to ``receive`` and send what it returns, until ``ready``."""

    def __init__(
        self,
        parameters: dict[str, str],
        *,
        password: str | None,
        nonce: str,
        end_point: bytes | None = None,
        bound: bool = False,
        salted: Salted | None = None,
    ) -> None:
        """``end_point``: of the certificate at the end of our TLS, to bind a password login to; ``bound``: no password
        login without. ``salted``: kept from login to login."""
        self._parameters = parameters
        self._scram = ScramClient(password, nonce, end_point, salted) if password is not None else None
        self._can_bind = end_point is not None
        self._must_bind = bound
        self._buffer = b""
        self._authenticated = False
        self._proven = password is None  # with a password set, the server must prove that it knows its verifier
        self.ready = False
        self.settings: dict[str, str] = {}
        self.process_id = 0
        self.secret = b""

    def start(self) -> bytes:
        """The StartupMessage."""
        return startup_message(self._parameters)

    def receive(self, data: bytes) -> bytes:
        """Bytes to send back. Raises UpstreamError when the server refuses or misbehaves."""
        self._buffer += data
        if len(self._buffer) > _MAX_LOGIN_BYTES:
            raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database sent too much during login")
        answer = b""
        while len(self._buffer) >= 5 and not self.ready:
            length = _INT32.unpack_from(self._buffer, 1)[0]
            if not 4 <= length <= _MAX_LOGIN_BYTES:
                raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the peer does not speak PostgreSQL's protocol")
            if len(self._buffer) < 1 + length:
                break
            kind, body = self._buffer[0:1], self._buffer[5 : 1 + length]
            self._buffer = self._buffer[1 + length :]
            answer += self._message(kind, body)
        return answer

    @property
    def hashing(self) -> bool:
        """Whether what arrives next may take a while to answer: up to a million hashes."""
        return self._scram is not None and self._scram.hashing

    def rest(self) -> bytes:
        """Bytes that came after ReadyForQuery."""
        return self._buffer

    def _message(self, kind: bytes, body: bytes) -> bytes:
        match kind:
            case b"R" if len(body) >= 4 and not self._authenticated:
                return self._authentication(_INT32.unpack_from(body)[0], body[4:])
            case b"S" if self._authenticated:
                name, _, value = body.rstrip(b"\0").partition(b"\0")
                self.settings[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
            case b"K" if self._authenticated and len(body) >= 4:
                self.process_id, self.secret = _INT32.unpack_from(body)[0], body[4:]
            case b"Z" if self._authenticated:
                self.ready = True
            case b"N":
                pass
            case b"E":
                fields = decode_fields(body)
                # The server's words name roles and hosts of ours: they go to the log, not to the client.
                raise LoginRefused(fields.get("C", "XX000"), fields.get("M", "no message"))
            case _:
                raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "an unexpected message during login at the database")
        return b""

    def _authentication(self, code: int, body: bytes) -> bytes:
        if code == _OK:
            if not self._proven:
                raise UpstreamError(
                    Reason.UPSTREAM_UNAVAILABLE, "the database let us in without proving itself (SCRAM expected)"
                )
            self._authenticated = True
            return b""
        if self._scram is None:
            raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database asks for a password and none is configured")
        if code == _SASL and (mechanism := self._mechanism(body.split(b"\0"))) is not None:
            first = self._scram.first(mechanism)
            return encode(b"p", cstring(mechanism) + _INT32.pack(len(first)) + first)
        if code == _SASL_CONTINUE:
            return encode(b"p", self._scram.final(body))
        if code == _SASL_FINAL:
            self._scram.verify(body)
            self._proven = True
            return b""
        raise UpstreamError(
            Reason.UPSTREAM_UNAVAILABLE, "the database asks for a kind of login other than SCRAM-SHA-256"
        )

    def _mechanism(self, offered: list[bytes]) -> str | None:
        if self._can_bind and MECHANISM_PLUS.encode() in offered:
            return MECHANISM_PLUS
        if self._must_bind:
            # Without it, whoever has a certificate that we believe could pass the exchange on to the real server.
            lacks = "its certificate has no end point" if not self._can_bind else f"it does not offer {MECHANISM_PLUS}"
            raise UpstreamError(
                Reason.UPSTREAM_UNAVAILABLE, f"the database cannot bind the login to its TLS (channel_binding): {lacks}"
            )
        return MECHANISM if MECHANISM.encode() in offered else None


class LoginRefused(UpstreamError):
    """The server refused the login, in its own words (for the log, not for the client)."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(Reason.UPSTREAM_UNAVAILABLE, "the database refused the gateway's login")
        self.sqlstate = sqlstate
        self.server_message = message
