"""What SCRAM is bound to: the hash by the signature's own function, and nothing where RFC 5929 knows none."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.pgwire.binding import end_point

RSA = rsa.generate_private_key(65537, 2048)
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=padding.PSS.DIGEST_LENGTH)


def self_signed(key: Any, algorithm: Any, **more: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    return x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1)
    ).sign(key, algorithm, **more)


@pytest.mark.parametrize(
    ("key", "algorithm", "more", "expected"),
    [
        (RSA, hashes.SHA256(), {}, "sha256"),
        (RSA, hashes.SHA384(), {}, "sha384"),
        (RSA, hashes.SHA512(), {}, "sha512"),
        (RSA, hashes.SHA384(), {"rsa_padding": PSS}, "sha384"),
        (ec.generate_private_key(ec.SECP256R1()), hashes.SHA512(), {}, "sha512"),
    ],
)
def test_the_hash_is_by_the_signatures_own_function(key, algorithm, more, expected):
    certificate = self_signed(key, algorithm, **more)
    assert end_point(certificate) == hashlib.new(expected, certificate.public_bytes(Encoding.DER)).digest()


def test_a_certificate_without_a_hash_function_has_none():
    """Ed25519: RFC 5929 knows no hash for it, and drivers that guess one disagree (CVE-2026-54291)."""
    assert end_point(self_signed(ed25519.Ed25519PrivateKey.generate(), None)) is None
