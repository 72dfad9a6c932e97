"""Keys in files: each is read as what it is, and whatever is wrong names the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.audit.key_files import private_key, public_key
from gateway.errors import ConfigError


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The private and the public one of a pair."""
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "record.key", tmp_path / "record.key.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_a_pair_is_read(files: tuple[Path, Path]) -> None:
    private, public = files
    read = private_key(private)
    known = public_key(public)
    assert isinstance(read, Ed25519PrivateKey)
    assert isinstance(known, Ed25519PublicKey)
    known.verify(read.sign(b"head"), b"head")


def test_whatever_is_wrong_names_the_file(files: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = files
    for path, why in ((public, "no private key in PEM"), (tmp_path / "gone", "No such file")):
        with pytest.raises(ConfigError) as caught:
            private_key(path)
        assert caught.value.problems[0].startswith(f"{path}: {why}")
    with pytest.raises(ConfigError, match="no public key in PEM"):
        public_key(private)
