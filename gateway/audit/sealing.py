"""Raw statements in the record, sealed for a reader: HPKE (RFC 9180) to a public key the gateway has only that one of.

The gateway can seal and cannot open; whoever has the private key can. Sealed text is ``<key id>.<base64>``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from gateway.audit.key_files import private_key, public_key
from gateway.errors import ConfigError

_INFO: Final = b"sekisho statement"
_OTHERWISE: Final = "not an X25519 key; `sekisho audit keygen --for reading` makes one"


class SealedForAnother(Exception):
    """It was sealed for another key, or is no sealed statement. Says which."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """For whom statements are sealed."""

    key: X25519PublicKey
    key_id: str

    def seal(self, text: str) -> str:
        """The text, for nobody else to read."""
        sealed = _suite().encrypt(text.encode("utf-8", "surrogatepass"), self.key, _INFO)
        return f"{self.key_id}.{b64encode(sealed).decode()}"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who can open them."""

    key: X25519PrivateKey
    key_id: str

    def open(self, sealed: str) -> str:
        """The text. Raises SealedForAnother."""
        key_id, _, text = sealed.partition(".")
        if key_id != self.key_id:
            raise SealedForAnother(f"sealed for key {key_id}, and this one is {self.key_id}")
        try:
            raw = _suite().decrypt(b64decode(text, validate=True), self.key, _INFO)
        except (ValueError, InvalidTag):
            raise SealedForAnother("what is there is not what was sealed") from None
        return raw.decode("utf-8", "surrogatepass")


def load_recipient(path: Path) -> Recipient:
    """The public key of a PEM file. Raises ConfigError."""
    key = public_key(path)
    if not isinstance(key, X25519PublicKey):
        raise ConfigError([f"{path}: {_OTHERWISE}"])
    return Recipient(key, _key_id(key))


def load_reader(path: Path) -> Reader:
    """The private key of a PEM file. Raises ConfigError."""
    key = private_key(path)
    if not isinstance(key, X25519PrivateKey):
        raise ConfigError([f"{path}: {_OTHERWISE}"])
    return Reader(key, _key_id(key.public_key()))


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _key_id(key: X25519PublicKey) -> str:
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
