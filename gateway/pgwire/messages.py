"""Bodies of messages, decoded exactly as strictly as the server decodes them, and encoded from judged fields.

Trailing bytes, a missing NUL and a NUL inside a query are protocol violations (08P01), because libpg_query would stop
at the NUL in silence while the server would not: two readers of one message must never differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError
from typing import Final

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire.frames import cstring, encode, length_at, short_at

_INT16: Final = Struct("!H")
_INT32: Final = Struct("!I")
_BLANK: Final = ord(" ")
_ZERO: Final = ord("0")
_NINE: Final = ord("9")


def _malformed(what: str) -> ClientProtocolError:
    return ClientProtocolError(Reason.MESSAGE_MALFORMED, what)


def _string(body: bytes, start: int) -> tuple[bytes, int]:
    """The NUL-terminated bytes at ``start`` and the position after the NUL."""
    end = body.find(b"\0", start)
    if end < 0:
        raise _malformed("invalid string in message")
    return body[start:end], end + 1


@dataclass(frozen=True, slots=True)
class Parse:
    """Parse: prepare ``query`` under ``name`` with the parameter types the client declared."""

    name: bytes
    query: bytes
    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bind:
    """Bind: make ``portal`` of ``statement``. ``rest`` (formats and values) goes on byte-identical."""

    portal: bytes
    statement: bytes
    rest: bytes


def decode_query(body: bytes) -> bytes:
    """The text of a Query message."""
    query, end = _string(body, 0)
    if end != len(body):
        raise _malformed("invalid message format")
    return query


def decode_parse(body: bytes) -> Parse:
    """The fields of a Parse message."""
    name, at = _string(body, 0)
    query, at = _string(body, at)
    try:
        (count,) = _INT16.unpack_from(body, at)
        types = tuple(_INT32.unpack_from(body, at + 2 + 4 * index)[0] for index in range(count))
    except StructError:
        raise _malformed("insufficient data left in message") from None
    if at + 2 + 4 * count != len(body):
        raise _malformed("invalid message format")
    return Parse(name, query, types)


def decode_bind(body: bytes) -> Bind:
    """The names of a Bind message; the shape of the rest is checked, its values are not looked at."""
    portal, at = _string(body, 0)
    statement, rest = _string(body, at)
    check_bind(body, rest, len(body))
    return Bind(portal, statement, body[rest:])


def check_bind(data: bytes, rest: int, end: int) -> None:
    """Whether what follows the names of a Bind message, from ``rest`` to ``end``, has its shape."""
    try:
        at = rest + 2 + 2 * short_at(data, rest)
        values = short_at(data, at)
        at += 2
        for _ in range(values):
            length = length_at(data, at)
            at += 4 if length == 0xFFFFFFFF else 4 + length
            if at > end:
                raise _malformed("insufficient data left in message")
        results = short_at(data, at)
    except IndexError:
        raise _malformed("insufficient data left in message") from None
    if at + 2 + 2 * results != end:
        raise _malformed("invalid message format")


def decode_target(body: bytes) -> tuple[int, bytes]:
    """(``S`` or ``P`` as an int, name) of a Describe or Close message."""
    if not body or body[0] not in b"SP":
        raise _malformed("invalid message format")
    name, end = _string(body, 1)
    if end != len(body):
        raise _malformed("invalid message format")
    return body[0], name


def decode_execute(body: bytes) -> tuple[bytes, bytes]:
    """(portal, the four bytes of the row limit) of an Execute message."""
    portal, at = _string(body, 0)
    if len(body) - at != 4:
        raise _malformed("invalid message format")
    return portal, body[at:]


def may_copy(text: str) -> bool:
    """Whether a text may hold a COPY: its first word can be written in no other way."""
    return "copy" in text.lower()


def rows_of_tag(body: bytes) -> int:
    """Rows of a CommandComplete tag (`SELECT 5`, `INSERT 0 1`, `UPDATE 3`); none where it names none."""
    if body.startswith(b"MOVE "):
        return 0  # they were passed over, and never sent
    end = len(body)
    while end and not body[end - 1]:
        end -= 1
    at, rows = end, 0
    while at and _ZERO <= body[at - 1] <= _NINE:
        at -= 1
    if end - at >= 20 or (at and body[at - 1] != _BLANK):
        return 0
    for place in range(at, end):
        rows = 10 * rows + body[place] - _ZERO
    return rows


def decode_empty(body: bytes) -> None:
    """Sync, Flush and Terminate have no body."""
    if body:
        raise _malformed("invalid message format")


def encode_query(query: bytes) -> bytes:
    """A Query message."""
    return encode(b"Q", query + b"\0")


def encode_parse(name: bytes, query: bytes, types: Iterable[int] = ()) -> bytes:
    """A Parse message."""
    packed = [_INT32.pack(oid) for oid in types]
    return encode(b"P", b"".join((name, b"\0", query, b"\0", _INT16.pack(len(packed)), *packed)))


def encode_bind(portal: bytes, statement: bytes, rest: bytes) -> bytes:
    """A Bind message; ``rest`` is the client's own bytes."""
    return encode(b"B", b"".join((portal, b"\0", statement, b"\0", rest)))


def encode_execute(portal: bytes, limit: bytes) -> bytes:
    """An Execute message."""
    return encode(b"E", portal + b"\0" + limit)


def encode_target(kind: bytes, target: int, name: bytes) -> bytes:
    """A Describe (``D``) or Close (``C``) message."""
    return encode(kind, bytes((target,)) + name + b"\0")


SYNC: Final = encode(b"S")
FLUSH: Final = encode(b"H")
TERMINATE: Final = encode(b"X")


def decode_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their one-letter code; tolerant, since it is the server's.

    A server may leave SQLSTATE out (PgBouncer CVE-2026-6666): callers use ``.get``.
    """
    fields: dict[str, str] = {}
    at = 0
    while at < len(body) and body[at] != 0:
        end = body.find(b"\0", at + 1)
        if end < 0:
            break
        fields[chr(body[at])] = body[at + 1 : end].decode("utf-8", "replace")
        at = end + 1
    return fields


def encode_fields(kind: bytes, fields: Mapping[str, str]) -> bytes:
    """An ErrorResponse (``E``) or NoticeResponse (``N``) from its fields; empty ones are left out, NULs cannot pass."""
    # Texts may quote a statement that is not UTF-8, which Python holds as lone surrogates: neither can those pass.
    clean = {code: text.replace("\0", "\ufffd").encode("utf-8", "replace") for code, text in fields.items() if text}
    parts = [code.encode() + text + b"\0" for code, text in clean.items()]
    return encode(kind, b"".join(parts) + b"\0")


def error_response(severity: str, sqlstate: str, message: str, *, detail: str = "", hint: str = "") -> bytes:
    """An ErrorResponse of our own."""
    return encode_fields(b"E", {"S": severity, "V": severity, "C": sqlstate, "M": message, "D": detail, "H": hint})


def parameter_status(name: str, value: str) -> bytes:
    """A ParameterStatus message."""
    return encode(b"S", cstring(name) + cstring(value))


def backend_key_data(process_id: int, secret: bytes) -> bytes:
    """A BackendKeyData message: the only credential of a later cancel request."""
    return encode(b"K", _INT32.pack(process_id) + secret)


def ready_for_query(status: bytes) -> bytes:
    """A ReadyForQuery message with the transaction status the *server* named."""
    return encode(b"Z", status)
