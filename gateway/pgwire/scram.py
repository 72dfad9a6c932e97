"""SCRAM-SHA-256, the client's side, for our own logins at a server. RFC 5802, RFC 7677.

The server is proven, too: its nonce must extend ours and its signature must be right. The iteration count is the
server's to choose and is capped (PgBouncer CVE-2026-6669: a hostile server burns the CPU of the proxy).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final

from gateway.errors import Reason, UpstreamError

MECHANISM: Final = "SCRAM-SHA-256"
MAX_ITERATIONS: Final = 1_000_000
MAX_SALT_BYTES: Final = 1024


def _refused(why: str) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_UNAVAILABLE, f"SCRAM with the database failed: {why}")


class ScramClient:
    """One exchange: ``first`` → server-first → ``final`` → server-final → ``verify``."""

    def __init__(self, password: str, nonce: str) -> None:
        """``nonce`` must be fresh and unguessable; printable ASCII without a comma."""
        self._password = password.encode()
        self._nonce = nonce
        self._first_bare = f"n=,r={nonce}"  # PostgreSQL takes the user from the start-up packet
        self._expected = b""

    def first(self) -> bytes:
        """client-first-message, without channel binding."""
        return f"n,,{self._first_bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """client-final-message. Raises UpstreamError on an answer that is not as the RFC says."""
        text = _ascii(server_first)
        fields = _attributes(text)
        nonce, salt = fields.get("r", ""), _base64(fields.get("s", ""))
        iterations = int(fields["i"]) if fields.get("i", "").isdigit() and len(fields["i"]) < 9 else 0
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise _refused("the server's nonce does not extend ours")
        if not 1 <= iterations <= MAX_ITERATIONS or not 1 <= len(salt) <= MAX_SALT_BYTES:
            raise _refused("salt or iteration count out of bounds")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self._first_bare},{text},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        """Check the server's signature. Raises UpstreamError."""
        given = _base64(_attributes(_ascii(server_final)).get("v", ""))
        if not self._expected or not hmac.compare_digest(given, self._expected):
            raise _refused("the server's signature is wrong")


def _ascii(message: bytes) -> str:
    try:
        return message.decode("ascii")
    except UnicodeDecodeError:
        raise _refused("a message is not ASCII") from None


def _attributes(text: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in text.split(",") if part[1:2] == "="}


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise _refused("a field is not base64") from None
