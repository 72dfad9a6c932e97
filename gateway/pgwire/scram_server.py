"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side. RFC 5802, RFC 7677, RFC 5929; messages as PostgreSQL's.

Nobody learns here which names exist: an unknown name, too, is given a salt (the caller's, always the same for the same
name) and a whole exchange that costs the same and fails at its end with the same words (``doomed``). The server stores
no secret to log in with: a verifier proves a password and cannot be used as one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final, NoReturn

from gateway.errors import AuthenticationError, ClientProtocolError, Reason
from gateway.pgwire.scram import BINDING_TYPE, MAX_ITERATIONS, MECHANISM, MECHANISM_PLUS, prepare_password

SALT_BYTES: Final = 16  # what PostgreSQL makes; the same for everybody, or a salt's length would tell names apart
DEFAULT_ITERATIONS: Final = 4096
MIN_ITERATIONS: Final = 4096  # RFC 7677
_MAX_MESSAGE: Final = 1024  # PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH
_KEY_BYTES: Final = 32
_VERIFIER: Final = re.compile(
    r"SCRAM-SHA-256\$(?P<iterations>[1-9][0-9]{0,7}):(?P<salt>[A-Za-z0-9+/=]+)"
    r"\$(?P<stored>[A-Za-z0-9+/=]+):(?P<server>[A-Za-z0-9+/=]+)",
    re.ASCII,
)
# gs2 header, then `n=user,r=nonce` and extensions, which are signed and mean nothing to us. The user is not looked at:
# PostgreSQL takes it from the start-up packet.
_CLIENT_FIRST: Final = re.compile(
    r"(?P<gs2>(?P<flag>[ny]|p=[A-Za-z0-9.-]+),(?P<authzid>a=[^,]*)?,)"
    r"(?P<bare>n=[^,]*,r=(?P<nonce>[!-+\--~]+)(,[a-zA-Z]=[^,]*)*)"
)
_CLIENT_FINAL: Final = re.compile(
    r"(?P<unproven>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+)(,[a-zA-Z]=[^,]*)*)"
    r",p=(?P<proof>[A-Za-z0-9+/=]+)"
)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a server keeps in place of a password: ``SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey``."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return "Verifier(…)"  # with it passwords can be guessed off-line: it must not reach a log

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """The verifier as `pg_authid.rolpassword` has it. Raises ValueError with what is wrong, never the text."""
        found = _VERIFIER.fullmatch(text)
        if found is None:
            raise ValueError("is not of the form SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey")
        try:
            salt, stored, server = (b64decode(found[name], validate=True) for name in ("salt", "stored", "server"))
        except (Base64Error, ValueError):
            raise ValueError("has a part that is not base64") from None
        iterations = int(found["iterations"])
        if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            raise ValueError(f"has an iteration count out of bounds ({MIN_ITERATIONS} to {MAX_ITERATIONS})")
        if len(salt) != SALT_BYTES or len(stored) != _KEY_BYTES or len(server) != _KEY_BYTES:
            raise ValueError(f"needs a salt of {SALT_BYTES} bytes and keys of {_KEY_BYTES}")
        return cls(iterations, salt, stored, server)

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = DEFAULT_ITERATIONS) -> Verifier:
        """The verifier of a password. ``salt`` must be fresh and unguessable."""
        salted = hashlib.pbkdf2_hmac("sha256", prepare_password(password).encode(), salt, iterations)
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        return cls(iterations, salt, stored, hmac.digest(salted, b"Server Key", "sha256"))

    def text(self) -> str:
        """As ``parse`` takes it."""
        salt, stored, server = (b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key))
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored}:{server}"


def mock_verifier(key: bytes, name: str, iterations: int) -> Verifier:
    """What is shown for a name that does not exist: always the same for a name, and nobody's without ``key``."""
    drawn = [hmac.digest(key, f"sekisho scram {part} {name}".encode(), "sha256") for part in ("salt", "stored", "key")]
    return Verifier(iterations, drawn[0][:SALT_BYTES], drawn[1], drawn[2])


def mechanisms(binding: bytes | None) -> tuple[str, ...]:
    """What is offered: -PLUS only where there is a TLS end point to bind to."""
    return (MECHANISM,) if binding is None else (MECHANISM_PLUS, MECHANISM)


class ScramServer:
    """One exchange: client-first → server-first, client-final → server-final. One try."""

    def __init__(
        self, verifier: Verifier, *, doomed: bool, mechanism: str, binding: bytes | None, nonce: str, user: str
    ) -> None:
        """``binding``: the hash of our certificate where -PLUS was offered, whichever mechanism was chosen. ``nonce``
        must be fresh and unguessable; printable ASCII without a comma."""
        self._verifier = verifier
        self._doomed = doomed
        self._plus = mechanism == MECHANISM_PLUS
        self._binding = binding
        self._nonce = nonce
        self._user = user
        self._expected_binding = b""
        self._signed = ""
        self._stage = 0
        self.done = False

    def answer(self, message: bytes) -> bytes:
        """The server's next message. Raises ClientProtocolError or AuthenticationError."""
        if len(message) > _MAX_MESSAGE:
            raise ClientProtocolError(Reason.MESSAGE_TOO_LARGE, "a SCRAM message is too long")
        try:
            text = message.decode("utf-8")
        except UnicodeDecodeError:
            _malformed("a message is not UTF-8")
        stage, self._stage = self._stage, self._stage + 1
        if stage == 0:
            return self._first(text)
        if stage == 1:
            return self._final(text)
        raise ClientProtocolError(Reason.MESSAGE_REFUSED, "a SCRAM message after the last")

    def _first(self, text: str) -> bytes:
        found = _CLIENT_FIRST.fullmatch(text)
        if found is None:  # a mandatory extension (m=) included: we know none
            _malformed("the client's first message is malformed")
        if found["authzid"] is not None:
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, "an authorization identity is not supported")
        self._check_flag(found["flag"])
        bound = self._binding if self._plus and self._binding is not None else b""
        self._expected_binding = found["gs2"].encode() + bound
        self._nonce = found["nonce"] + self._nonce
        answer = f"r={self._nonce},s={b64encode(self._verifier.salt).decode()},i={self._verifier.iterations}"
        self._signed = f"{found['bare']},{answer},"
        return answer.encode()

    def _check_flag(self, flag: str) -> None:
        if self._plus and not flag.startswith("p="):
            _malformed("SCRAM-SHA-256-PLUS was chosen, but the message has no channel binding")
        if flag.startswith("p="):
            if not self._plus:
                _malformed("SCRAM-SHA-256 was chosen, but the message has channel binding")
            if flag != f"p={BINDING_TYPE}":
                _malformed("unsupported channel-binding type")
        elif flag == "y" and self._binding is not None:
            # The client can bind and believes that we cannot, but we offered it: somebody between us took it out.
            raise AuthenticationError(
                Reason.CHANNEL_BINDING_FAILED,
                "the client supports SCRAM channel binding but thinks the gateway does not; it does",
            )

    def _final(self, text: str) -> bytes:
        found = _CLIENT_FINAL.fullmatch(text)
        if found is None:
            _malformed("the client's final message is malformed")
        if not hmac.compare_digest(_base64(found["binding"]), self._expected_binding):
            if self._plus:
                # The client saw another certificate than ours at the end of its TLS: somebody stands between us.
                raise AuthenticationError(Reason.CHANNEL_BINDING_FAILED, "SCRAM channel binding check failed")
            _malformed("the channel-binding field is not what the first message said")
        if not hmac.compare_digest(found["nonce"].encode(), self._nonce.encode()):
            _malformed("the nonce does not match")
        proof = _base64(found["proof"])
        if len(proof) != _KEY_BYTES:
            _malformed("the client's final message is malformed")
        signed = (self._signed + found["unproven"]).encode()
        signature = hmac.digest(self._verifier.stored_key, signed, "sha256")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        right = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key)
        answer = b"v=" + b64encode(hmac.digest(self._verifier.server_key, signed, "sha256"))
        if not right or self._doomed:
            raise AuthenticationError(
                Reason.PASSWORD_WRONG, f'password authentication failed for user "{printable(self._user)}"'
            )
        self.done = True
        return answer


def printable(name: str) -> str:
    """A name as a peer gave it, fit to be shown."""
    return "".join(character if character.isprintable() else "?" for character in name[:63])


def _malformed(why: str) -> NoReturn:
    raise ClientProtocolError(Reason.MESSAGE_MALFORMED, f"malformed SCRAM message: {why}")


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        _malformed("a field is not base64")
