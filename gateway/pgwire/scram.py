"""SCRAM-SHA-256 and -PLUS, the client's side, for our own logins at a server. RFC 5802, RFC 7677, RFC 5929.

The server is proven, too: its nonce must extend ours and its signature must be right. The iteration count is the
server's to choose and is capped (PgBouncer CVE-2026-6669: a hostile server burns the CPU of the proxy).

With -PLUS both sides sign the certificate that they see at the ends of the TLS: whoever stands between has another. Who
takes -PLUS out of the server's offer is found out, too: we then say that we could have (``y``), the server knows that
it offered, and refuses.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stringprep
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from stringprep import in_table_b1, in_table_c12, in_table_d1, in_table_d2
from typing import Final
from unicodedata import normalize

from gateway.errors import Reason, UpstreamError

MECHANISM: Final = "SCRAM-SHA-256"
MECHANISM_PLUS: Final = "SCRAM-SHA-256-PLUS"
BINDING_TYPE: Final = "tls-server-end-point"
MAX_ITERATIONS: Final = 1_000_000
MAX_SALT_BYTES: Final = 1024
_SERVER_FIRST: Final = re.compile(
    r"r=(?P<nonce>[!-+\--~]+),s=(?P<salt>[A-Za-z0-9+/=]+),i=(?P<iterations>[1-9][0-9]{0,7})(,[a-zA-Z]=[!-+\--~]+)*",
    re.ASCII,
)
_PROHIBITED: Final = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def _refused(why: str) -> UpstreamError:
    return UpstreamError(Reason.UPSTREAM_UNAVAILABLE, f"SCRAM with the database failed: {why}")


class Salted:
    """A password as its server salts it. That takes thousands of rounds of hashing, a millisecond; the salt stays the
    same until the password is set anew, so the last answer is kept beside the password itself."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: tuple[tuple[bytes, bytes, int], bytes] | None = None

    def __call__(self, password: bytes, salt: bytes, iterations: int) -> bytes:
        """SaltedPassword of RFC 5802."""
        asked = (password, salt, iterations)
        if self._known is None or self._known[0] != asked:
            self._known = asked, hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
        return self._known[1]


class ScramClient:
    """One exchange: ``first`` → server-first → ``final`` → server-final → ``verify``."""

    def __init__(self, password: str, nonce: str, end_point: bytes | None = None, salted: Salted | None = None) -> None:
        """``nonce`` must be fresh and unguessable; printable ASCII without a comma. ``end_point``: of the server's
        certificate (`gateway.pgwire.binding`); None where there is nothing to bind to, or nothing shall be bound.
        ``salted``: kept from login to login."""
        self._salted = salted or Salted()
        self._password = prepare_password(password).encode()
        self._nonce = nonce
        self._first_bare = f"n=,r={nonce}"  # PostgreSQL takes the user from the start-up packet
        self._end_point = end_point
        self._bound = b""  # gs2 header, then the end point where one is bound to
        self._stage = 0  # messages written; each is written once, or a server could make us hash for ever
        self._expected = b""

    def first(self, mechanism: str = MECHANISM) -> bytes:
        """client-first-message. Raises UpstreamError when asked for twice, or for -PLUS where nothing can be bound."""
        self._enter(0)
        if mechanism == MECHANISM_PLUS:
            if self._end_point is None:
                raise _refused("there is no certificate to bind to")
            header = f"p={BINDING_TYPE},,".encode()
            self._bound = header + self._end_point
        else:
            # Signed, so that it cannot be changed on the way: see the module.
            header = self._bound = b"n,," if self._end_point is None else b"y,,"
        return header + self._first_bare.encode()

    def final(self, server_first: bytes) -> bytes:
        """client-final-message. Raises UpstreamError on an answer that is not as the RFC says."""
        self._enter(1)
        text = _ascii(server_first)
        found = _SERVER_FIRST.fullmatch(text)
        if found is None:  # a mandatory extension (m=) included: we know none
            raise _refused("the server's first message is malformed")
        nonce, salt, iterations = found["nonce"], _base64(found["salt"]), int(found["iterations"])
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise _refused("the server's nonce does not extend ours")
        if not 1 <= iterations <= MAX_ITERATIONS or not 1 <= len(salt) <= MAX_SALT_BYTES:
            raise _refused("salt or iteration count out of bounds")
        salted = self._salted(self._password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c={b64encode(self._bound).decode()},r={nonce}"
        signed = f"{self._first_bare},{text},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        """Check the server's signature. Raises UpstreamError."""
        self._enter(2)
        text = _ascii(server_final).partition(",")[0]
        # Nothing is expected where its first message was refused: then no signature is right, an empty one neither.
        if (
            not self._expected
            or not text.startswith("v=")
            or not hmac.compare_digest(_base64(text[2:]), self._expected)
        ):
            raise _refused("the server's signature is wrong")

    @property
    def hashing(self) -> bool:
        """Whether the next message makes us hash, as often as the server likes."""
        return self._stage == 1

    def _enter(self, stage: int) -> None:
        if self._stage != stage:
            raise _refused("its messages came out of order")
        self._stage += 1


def prepare_password(password: str) -> str:
    """SASLprep (RFC 4013) as PostgreSQL does it: a password it does not allow is used as it is."""
    mapped = "".join(" " if in_table_c12(c) else c for c in password if not in_table_b1(c))
    prepared = normalize("NFKC", mapped)
    right_to_left = [in_table_d1(c) for c in prepared]
    mixed = any(right_to_left) and (
        any(in_table_d2(c) for c in prepared) or not (right_to_left[0] and right_to_left[-1])
    )
    if not prepared or mixed or any(refused(c) for c in prepared for refused in _PROHIBITED):
        return password
    return prepared


def _ascii(message: bytes) -> str:
    try:
        return message.decode("ascii")
    except UnicodeDecodeError:
        raise _refused("a message is not ASCII") from None


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise _refused("a field is not base64") from None
