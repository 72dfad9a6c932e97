"""A pair of keys that sign bundles in tests, and nothing else."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_KEY: Final = ec.derive_private_key(0x5E14540, ec.SECP256R1())  # the same each time: no secret

PRIVATE: Final = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


PUBLIC: Final = _public(_KEY)
OTHER: Final = _public(ec.derive_private_key(0x5E14541, ec.SECP256R1()))  # of somebody else
