"""An issuer's public keys: which of them can verify which algorithm. Asymmetric keys only, and none that is too weak.

A key is bound to the algorithms its type and curve can have, so a token's header can never talk a key into another use.
Keys of kinds we do not know are left out, as RFC 7517 says; an issuer without one usable key is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm, get_default_algorithms

from gateway.model import JsonValue

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE: Final[tuple[tuple[str, str, str], ...]] = (
    ("EC", "P-256", "ES256"),
    ("EC", "P-384", "ES384"),
    ("EC", "P-521", "ES512"),
    ("OKP", "Ed25519", "EdDSA"),
    ("OKP", "Ed448", "EdDSA"),
)
ASYMMETRIC: Final = _RSA | frozenset(algorithm for _, _, algorithm in _BY_CURVE)

_SMALLEST_RSA_KEY: Final = 2048


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, with a verifier for each algorithm it may be used with."""

    kid: str | None
    algorithms: Mapping[str, Algorithm]
    public: Any  # what the verifier takes: a key object of the cryptography package

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """True where the signature over these bytes is this key's."""
        verifier = self.algorithms.get(algorithm)
        return verifier is not None and verifier.verify(signed, self.public, signature)


class Keys:
    """The usable keys of one issuer, by kid."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._by_kid = {key.kid: key for key in keys if key.kid is not None}
        self._only = keys[0] if len(keys) == 1 else None

    def find(self, kid: str | None) -> Key | None:
        """The key of that id. Without an id only where the issuer has a single key: nothing is tried out."""
        return self._only if kid is None else self._by_kid.get(kid)


def read_keys(document: JsonValue, issuer: str, problems: list[str]) -> Keys:
    """The keys of a JWKS document; what is wrong with it is added to ``problems``."""
    entries = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        problems.append(f"issuer {issuer}: the key document is no JWKS (a mapping with a list 'keys')")
        return Keys(())
    found: list[Key] = []
    for number, entry in enumerate(entries, start=1):
        place = f"issuer {issuer}: key {number}"
        if not isinstance(entry, Mapping):
            problems.append(f"{place} is not a mapping")
        elif entry.get("kty") == "oct" or "d" in entry:
            problems.append(f"{place} is secret: a key document holds public keys only")
        elif (key := _key(entry, place, problems)) is not None:
            found.append(key)
    kids = [key.kid for key in found if key.kid is not None]
    problems.extend(
        f"issuer {issuer}: several keys have the kid '{kid}'"
        for kid in sorted({kid for kid in kids if kids.count(kid) > 1})
    )
    if not found:
        problems.append(f"issuer {issuer}: no usable key")
    return Keys(tuple(found))


def _key(entry: Mapping[str, JsonValue], place: str, problems: list[str]) -> Key | None:
    algorithms = _algorithms(entry)
    if not algorithms:
        return None
    verifiers = {name: verifier for name, verifier in get_default_algorithms().items() if name in algorithms}
    try:
        public = next(iter(verifiers.values())).from_jwk(dict(entry))
    except (jwt.PyJWTError, ValueError, TypeError):
        problems.append(f"{place} cannot be read")
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < _SMALLEST_RSA_KEY:
        problems.append(f"{place} is an RSA key of {public.key_size} bits; {_SMALLEST_RSA_KEY} is the least")
        return None
    kid = entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        problems.append(f"{place}: 'kid' is not a text")
        return None
    return Key(kid, verifiers, public)


def _algorithms(entry: Mapping[str, JsonValue]) -> frozenset[str]:
    """What the key may verify: by its type and curve, narrowed by its own ``alg``, ``use`` and ``key_ops``."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    if entry.get("kty") == "RSA":
        able = _RSA
    else:
        able = frozenset(name for kty, curve, name in _BY_CURVE if (kty, curve) == (entry.get("kty"), entry.get("crv")))
    only = entry.get("alg")
    return able if only is None else able & {only}
