"""A SCRAM client that also binds, and that lies where a test wants it to."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

from gateway.pgwire.scram import prepare_password


class ScramPeer:
    """One exchange of a client: ``first()``, ``final(server_first)``, ``proven(server_final)``."""

    def __init__(self, password: str, *, gs2: str = "n,,", binding: bytes = b"", nonce: str = "fyko+d2lbbFgONRv9qkx"):
        self.password = prepare_password(password).encode()
        self.gs2 = gs2
        self.binding = binding
        self.nonce = nonce
        self.bare = f"n=,r={nonce}"
        self.server_signature = b""

    def first(self) -> bytes:
        return f"{self.gs2}{self.bare}".encode()

    def final(self, server_first: bytes, **changes: str) -> bytes:
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, b64decode(fields["s"]), int(fields["i"]))
        bound = b64encode(self.gs2.encode() + self.binding).decode()
        unproven = f"c={changes.get('c', bound)},r={changes.get('r', fields['r'])}{changes.get('more', '')}"
        signed = f"{self.bare},{server_first.decode()},{unproven}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
        self.server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{unproven},p={changes.get('p', proof)}".encode()

    def proven(self, server_final: bytes) -> bool:
        return server_final == b"v=" + b64encode(self.server_signature)
