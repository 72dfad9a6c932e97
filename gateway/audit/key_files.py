"""Keys of the record, read from PEM files. Of which kind a key has to be is for whoever wants it."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway.errors import ConfigError


def private_key(path: Path) -> PrivateKeyTypes:
    """The private key of a file. Raises ConfigError."""
    try:
        return load_pem_private_key(_content(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError([f"{path}: no private key in PEM without a password: {error}"]) from None


def public_key(path: Path) -> PublicKeyTypes:
    """The public key of a file. Raises ConfigError."""
    try:
        return load_pem_public_key(_content(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError([f"{path}: no public key in PEM: {error}"]) from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
