"""Authentication messages as a server writes and reads them, and the SASL envelope of PostgreSQL.

https://www.postgresql.org/docs/current/sasl-authentication.html

Every message a client sends before it is logged in has the type ``p``; what its body means depends on what was asked.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire.frames import cstring, encode

_INT32: Final = Struct("!I")
_OK, _CLEARTEXT, _SASL, _CONTINUE, _FINAL = 0, 3, 10, 11, 12
_ABSENT: Final = 0xFFFFFFFF  # the length that says: no initial response

AUTHENTICATION_OK: Final = encode(b"R", _INT32.pack(_OK))
ASK_CLEARTEXT: Final = encode(b"R", _INT32.pack(_CLEARTEXT))


def ask_sasl(mechanisms: tuple[str, ...]) -> bytes:
    """AuthenticationSASL, in the order of our preference."""
    return encode(b"R", _INT32.pack(_SASL) + b"".join(cstring(name) for name in mechanisms) + b"\0")


def sasl_continue(message: bytes) -> bytes:
    """AuthenticationSASLContinue."""
    return encode(b"R", _INT32.pack(_CONTINUE) + message)


def sasl_final(message: bytes) -> bytes:
    """AuthenticationSASLFinal."""
    return encode(b"R", _INT32.pack(_FINAL) + message)


def read_password(body: bytes) -> str:
    """The text of a PasswordMessage."""
    if not body.endswith(b"\0") or b"\0" in body[:-1]:
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid password packet")
    return body[:-1].decode("utf-8", "replace")


def read_initial_response(body: bytes, offered: tuple[str, ...]) -> tuple[str, bytes]:
    """Mechanism and first message of a SASLInitialResponse. Each mechanism we speak begins with the client."""
    name, end, rest = body.partition(b"\0")
    if not end or len(rest) < 4:
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid SASL initial response")
    mechanism = name.decode("ascii", "replace")
    if mechanism not in offered:
        raise ClientProtocolError(Reason.MESSAGE_REFUSED, "the client chose a SASL mechanism that was not offered")
    length = _INT32.unpack_from(rest)[0]
    if length == _ABSENT or length != len(rest) - 4:
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid SASL initial response")
    return mechanism, rest[4:]
