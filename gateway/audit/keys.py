"""Makes the pairs of keys that belong to a record: one signs its heads, for the other one raw statements are sealed.

The private key is the owner's to read, and nothing is ever overwritten: a key that is gone cannot be made again.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.errors import ConfigError


class KeyUse(StrEnum):
    """What a pair is for."""

    SIGNING = "signing"
    READING = "reading"


def make_keys(path: Path, use: KeyUse) -> Path:
    """Make a pair: the private key at ``path``, the public one beside it, whose path is returned. Raises ConfigError
    where one is there already, OSError where they cannot be written."""
    key = Ed25519PrivateKey.generate() if use is KeyUse.SIGNING else X25519PrivateKey.generate()
    public = path.with_name(path.name + ".pub")
    if problems := [f"{one}: is there already" for one in (path, public) if one.exists()]:
        raise ConfigError(problems)
    _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _write(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return public


def _write(path: Path, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
