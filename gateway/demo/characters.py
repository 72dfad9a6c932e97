"""Who plays, and the issuer that vouches for them: one ES256 key made at start, its JWKS file, and a token for each.

The private key never leaves this process's memory. A token says who somebody is and which groups they are in, and
nothing of where they are or who employs them: the gateway knows the one from the network, the other from the registry.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER: Final = "https://id.line.example"
AUDIENCE: Final = "sekisho-demo"
ALGORITHM: Final = "ES256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One person of the registry. ``subject`` is also the database user their token maps to."""

    subject: str
    groups: tuple[str, ...]
    site: str  # where they usually sit


SATO: Final = Character(subject="sato", groups=("engineer",), site="tokyo-hq")
LI: Final = Character(subject="li", groups=("engineer",), site="shanghai-office")
WANG: Final = Character(subject="wang", groups=("moderator",), site="dalian-office")
TANAKA: Final = Character(subject="tanaka", groups=("moderator",), site="fukuoka-center")
KIM: Final = Character(subject="kim", groups=("engineer",), site="seoul-office")
MORI: Final = Character(subject="mori", groups=("engineer",), site="seoul-office")
SUZUKI: Final = Character(subject="suzuki", groups=("privacy",), site="tokyo-hq")

CHARACTERS: Final = (SATO, LI, WANG, TANAKA, KIM, MORI, SUZUKI)


class Issuer:
    """Mints tokens with a key of its own."""

    def __init__(self) -> None:
        """A fresh key: tokens of an earlier run are worth nothing to this one."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._key_id = uuid.uuid4().hex[:16]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public half, as a JWKS document."""
        key = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self._key_id, "alg": ALGORITHM, "use": "sig"}]}

    def write_jwks(self, path: Path) -> None:
        """Write the JWKS file that the gateway's configuration names."""
        path.write_text(json.dumps(self.jwks(), indent=2) + "\n", encoding="utf-8")

    def token(self, character: Character, *, at: int, ttl: int) -> str:
        """A signed token, valid from ``at`` for ``ttl`` seconds."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": character.subject,
            "preferred_username": character.subject,
            "groups": list(character.groups),
            "amr": ["pwd", "mfa"],
            "jti": uuid.uuid4().hex,
            "iat": at,
            "nbf": at,
            "exp": at + ttl,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._key_id})


def write_secret(path: Path, text: str) -> None:
    """Create a file that only its owner may read, never readable for a moment in between."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
