"""Makes tokens and key documents for tests, well-formed and not: real keys, signed by the cryptography package."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://id.test.example"
AUDIENCE = "sekisho-test"
AT = 1_800_000_000

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_MAKERS: Mapping[str, Callable[[], Private]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p256-other": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-small": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 (the verifier must refuse it)
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@cache
def private(name: str) -> Private:
    """A key, made once for all tests of a run."""
    return _MAKERS[name]()


def jwk(name: str, **more: Any) -> dict[str, Any]:
    """The public half of a key as a JWK whose kid is its name."""
    key = private(name)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        found = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, rsa.RSAPrivateKey):
        found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        found = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    found.pop("key_ops", None)
    return {**found, "kid": name} | more


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None removes one."""
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "preferred_username": "ann_db",
        "groups": ["engineer"],
        "amr": ["pwd", "mfa"],
        "jti": "t-1",
        "iat": AT,
        "nbf": AT,
        "exp": AT + 3600,
    } | changes
    return {name: value for name, value in found.items() if value is not None}


def token(key: str = "p256", algorithm: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token signed with one of the keys."""
    headers = {"kid": key} if header is None else header
    return jwt.encode(claims(**changes), private(key), algorithm=algorithm, headers=headers)


def segment(value: object) -> str:
    """One part of a token: bytes as they are, anything else as JSON."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: object, payload: object) -> str:
    """A token over any header and payload, signed correctly with ``p256``."""
    head = f"{segment(header)}.{segment(payload)}"
    algorithm = jwt.get_algorithm_by_name("ES256")
    return f"{head}.{segment(algorithm.sign(head.encode(), private('p256')))}"
