"""The first bytes of a connection, before any typed message: encryption requests, cancel, start-up.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP

Order a client may use: GSSENCRequest → ``N`` → SSLRequest → TLS → StartupMessage; each at most once, encryption never
again after TLS. Or TLS from the very first byte (PostgreSQL 17's sslnegotiation=direct).
Bytes that arrive together with an SSLRequest were sent before encryption and could be an attacker's: FATAL 08P01
(CVE-2021-23214, CVE-2021-23222, PgBouncer CVE-2021-3935).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from struct import Struct
from types import MappingProxyType
from typing import Final

from gateway.errors import AuthenticationError, ClientProtocolError, Reason
from gateway.pgwire.frames import cstring, encode

_HEAD: Final = Struct("!II")
_INT32: Final = Struct("!I")
_CANCEL_CODE: Final = 80877102
_SSL_CODE: Final = 80877103
_GSSENC_CODE: Final = 80877104
_NEWEST_MINOR: Final = 2
MAX_STARTUP_BYTES: Final = 10_000  # the server's MAX_STARTUP_PACKET_LENGTH
_PROXY_HEADERS: Final = frozenset({0x0D0A0D0A, 0x50524F58})  # how its versions begin: CR LF CR LF, and `PROX`
_TLS_HANDSHAKE: Final = b"\x16"  # the type of a TLS record; of a packet's length it would be 352 MiB

# Start-up parameters are settings: only these may be a client's. `options`, `role`, `replication` and everything else
# could move what a statement means (HAZARDS N06, N07, S10).
_ALLOWED: Final = frozenset(
    {
        "user",
        "database",
        "application_name",
        "client_encoding",
        "datestyle",
        "timezone",
        "extra_float_digits",
        "intervalstyle",
        "search_path",  # of those that configuration lists
    }
)
_UTF8_NAMES: Final = frozenset({"utf8", "utf-8", "unicode"})


class Step(Enum):
    """What the opening asks of the shell next."""

    MORE = auto()  # read more bytes
    REFUSE_ENCRYPTION = auto()  # send N, go on in the clear
    START_TLS = auto()  # send S, then TLS handshake
    START_DIRECT_TLS = auto()  # TLS handshake at once, with the bytes of ``take``
    CANCEL = auto()  # a cancel request: act, close, say nothing
    STARTED = auto()  # the start-up message is complete and acceptable


class _State(Enum):
    """Which requests have been made."""

    FRESH = auto()
    AFTER_GSSENC = auto()
    AFTER_SSL_REFUSED = auto()
    ENCRYPTED = auto()
    DONE = auto()


# (state, request code) → next state; no entry = refused.
_TRANSITIONS: Final = MappingProxyType(
    {
        (_State.FRESH, _GSSENC_CODE): _State.AFTER_GSSENC,
        (_State.FRESH, _SSL_CODE): _State.ENCRYPTED,
        (_State.AFTER_GSSENC, _SSL_CODE): _State.ENCRYPTED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelKey:
    """What a cancel request carries: its only credential."""

    process_id: int
    secret: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupRequest:
    """An acceptable start-up message."""

    user: str
    database: str
    minor: int
    settings: tuple[tuple[str, str], ...]  # allow-listed settings to pass on
    search_path: str | None = None  # as the client wrote it
    unknown_options: tuple[str, ...]  # `_pq_.` options we do not speak

    @property
    def spoken(self) -> int:
        """The minor version that is spoken: 3.2, which differs in the length of cancel keys only, or 3.0."""
        return _NEWEST_MINOR if self.minor >= _NEWEST_MINOR else 0

    @property
    def negotiated(self) -> bytes:
        """NegotiateProtocolVersion, where not everything is spoken that was asked for."""
        if self.minor == self.spoken and not self.unknown_options:
            return b""
        return negotiate_version(self.spoken, self.unknown_options)


class Opening:
    """State machine of the first bytes. ``feed`` then ``step`` until STARTED or CANCEL; errors end the connection."""

    __slots__ = ("_buffer", "_state", "_tls_offered", "cancel_key", "encrypted", "request")

    def __init__(self, *, tls_offered: bool) -> None:
        self._buffer = b""
        self._state = _State.FRESH
        self._tls_offered = tls_offered
        self.encrypted = False  # the peer asked for TLS and was given it
        self.cancel_key: CancelKey | None = None
        self.request: StartupRequest | None = None

    def feed(self, data: bytes) -> None:
        """Store received bytes."""
        self._buffer += data

    def step(self) -> Step:
        """Judge what has arrived. Raises ClientProtocolError or AuthenticationError."""
        if self._buffer[:1] == _TLS_HANDSHAKE and self._tls_offered and self._state is _State.FRESH:
            self._state = _State.ENCRYPTED
            self.encrypted = True
            return Step.START_DIRECT_TLS
        if len(self._buffer) < 8:
            self._check_first_length()
            return Step.MORE
        length, code = _HEAD.unpack_from(self._buffer)
        self._check_length(length)
        if len(self._buffer) < length:
            return Step.MORE
        body, self._buffer = self._buffer[8:length], self._buffer[length:]
        if code == _CANCEL_CODE:
            return self._cancel(body)
        if code in (_SSL_CODE, _GSSENC_CODE):
            return self._encryption(code, body)
        return self._startup(code, body)

    def take(self) -> bytes:
        """What has arrived of the TLS handshake, which is not ours to read."""
        taken, self._buffer = self._buffer, b""
        return taken

    def truncated(self) -> bool:
        """Whether the peer left in the middle of a packet."""
        return self._state is not _State.DONE and bool(self._buffer)

    def _check_first_length(self) -> None:
        if len(self._buffer) >= 4:
            self._check_length(_INT32.unpack_from(self._buffer)[0])

    def _check_length(self, length: int) -> None:
        if length in _PROXY_HEADERS:  # believed, it would let anybody say where they stand
            raise AuthenticationError(
                Reason.EDGE_UNTRUSTED, "a PROXY protocol header from a peer that is not a configured edge"
            )
        if not 8 <= length <= MAX_STARTUP_BYTES:
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid length of startup packet")

    def _cancel(self, body: bytes) -> Step:
        if not 8 <= len(body) <= 260 or self._buffer or self._state is _State.DONE:  # a key has 4 to 256 bytes
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid length of cancel request")
        self.cancel_key = CancelKey(process_id=_INT32.unpack_from(body)[0], secret=body[4:])
        self._state = _State.DONE
        return Step.CANCEL

    def _encryption(self, code: int, body: bytes) -> Step:
        following = _TRANSITIONS.get((self._state, code))
        if following is None or body:
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "encryption was requested twice or too late")
        if self._buffer:
            # see the module docstring: bytes sent before the handshake must never be read as if they came after it
            raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "received unencrypted data after an encryption request")
        if code == _SSL_CODE and self._tls_offered:
            self._state = following
            self.encrypted = True
            return Step.START_TLS
        self._state = following if code == _GSSENC_CODE else _State.AFTER_SSL_REFUSED
        return Step.REFUSE_ENCRYPTION

    def _startup(self, code: int, body: bytes) -> Step:
        if self._state is _State.DONE:
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "a second startup message")
        major, minor = code >> 16, code & 0xFFFF
        if major != 3:
            raise ClientProtocolError(
                Reason.PROTOCOL_VERSION_REFUSED, f"unsupported frontend protocol {major}.{minor}: only 3.x is spoken"
            )
        if self._buffer:
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "data after the startup message, before authentication")
        self.request = _read_parameters(minor, body)
        self._state = _State.DONE
        return Step.STARTED


def _read_parameters(minor: int, body: bytes) -> StartupRequest:
    pairs = _pairs(body)
    settings: list[tuple[str, str]] = []
    unknown: list[str] = []
    seen: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if name.startswith("_pq_."):
            unknown.append(name)
            continue
        if key not in _ALLOWED:
            raise AuthenticationError(Reason.STARTUP_PARAMETER_REFUSED, f"startup parameter {name!r} is not accepted")
        if key in seen:
            raise AuthenticationError(Reason.STARTUP_PARAMETER_REFUSED, f"startup parameter {name!r} given twice")
        seen[key] = value
        if key == "client_encoding" and value.strip("'\" ").lower() not in _UTF8_NAMES:
            raise AuthenticationError(Reason.STARTUP_PARAMETER_REFUSED, "client_encoding must be UTF8")
        if key not in ("user", "database", "client_encoding", "search_path"):
            settings.append((key, value))
    user = seen.get("user", "")
    if not user:
        raise AuthenticationError(Reason.STARTUP_PARAMETER_REFUSED, "no user name in the startup packet")
    # An empty database name means "same as user" to PostgreSQL; settled here so that no rule can be walked around.
    return StartupRequest(
        user=user,
        database=seen.get("database") or user,
        minor=minor,
        settings=tuple(settings),
        search_path=seen.get("search_path"),
        unknown_options=tuple(unknown),
    )


def _pairs(body: bytes) -> list[tuple[str, str]]:
    # Pairs of strings, then an empty one as the very last byte: what the server demands, too.
    if body != b"\0" and not body.endswith(b"\0\0"):
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid startup packet layout")
    try:
        parts = body[:-2].decode("utf-8").split("\0") if len(body) > 1 else []
    except UnicodeDecodeError:
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "the startup packet is not UTF-8") from None
    if len(parts) % 2 or any(name == "" for name in parts[::2]):
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "invalid startup packet layout")
    return list(zip(parts[::2], parts[1::2], strict=True))


def negotiate_version(newest_minor: int, unknown_options: tuple[str, ...]) -> bytes:
    """NegotiateProtocolVersion: what *we* speak, and every option of the client's that we do not."""
    names = b"".join(cstring(name) for name in unknown_options)
    return encode(b"v", _INT32.pack(0x30000 | newest_minor) + _INT32.pack(len(unknown_options)) + names)


def startup_message(parameters: dict[str, str]) -> bytes:
    """A StartupMessage of protocol 3.0 with these parameters, for our own connections to a server."""
    body = b"".join(cstring(name) + cstring(value) for name, value in parameters.items()) + b"\0"
    return _INT32.pack(len(body) + 8) + _INT32.pack(3 << 16) + body


SSL_REQUEST: Final = _INT32.pack(8) + _INT32.pack(_SSL_CODE)


def cancel_request(process_id: int, secret: bytes) -> bytes:
    """A CancelRequest packet."""
    return _INT32.pack(12 + len(secret)) + _INT32.pack(_CANCEL_CODE) + _INT32.pack(process_id) + secret
