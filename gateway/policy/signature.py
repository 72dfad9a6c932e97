"""``.signatures.json`` of a bundle, as OPA defines it: one signed token that lists every file with its hash.

A structured file (``data.json``, ``data.yaml``, ``.manifest``) is hashed by what it says and not by its bytes: each
value as compact JSON, keys in order. So whoever re-indents a bundle does not break its signature; OPA verifies what is
signed here, and the other way round.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
import yaml
from jwt.exceptions import PyJWTError

from gateway.errors import ConfigError
from gateway.yaml_text import load_yaml

SIGNATURES: Final = ".signatures.json"
_HASHES: Final = {"SHA-256": hashlib.sha256, "SHA-384": hashlib.sha384, "SHA-512": hashlib.sha512}
_ALGORITHM: Final = "SHA-256"
_STRUCTURED: Final = frozenset({"data.json", "data.yaml", "data.yml", ".manifest"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key, and what its bundles say of it."""

    pem: str
    algorithm: str = "ES256"
    id: str = "sekisho"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A public key that bundles are believed by. The algorithm is ours to say, never the token's."""

    pem: str
    algorithm: str = "ES256"
    scope: str | None = None


class _Number(str):
    """A number as it is written: 1.0 and 1 hash apart."""

    __slots__ = ()


def sign(files: Mapping[str, bytes], key: SigningKey) -> bytes:
    """The file of signatures. Raises ConfigError where the key cannot sign."""
    listed = [
        {"name": path, "hash": _digest(path, files[path], _ALGORITHM), "algorithm": _ALGORITHM}
        for path in sorted(files)
    ]
    try:
        token = jwt.encode({"files": listed}, key.pem, algorithm=key.algorithm, headers={"kid": key.id})
    except (PyJWTError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        raise ConfigError([f"the bundle cannot be signed: {error}"]) from None
    return (json.dumps({"signatures": [token]}) + "\n").encode()


def verify(files: Mapping[str, bytes], signatures: bytes, key: VerificationKey) -> None:
    """Raises ConfigError unless every file is there, and is as it was signed."""
    listed = _listed(signatures, key)
    problems = [f"{path}: not in the signature" for path in sorted(files.keys() - listed.keys())]
    problems += [f"{path}: in the signature, and missing" for path in sorted(listed.keys() - files.keys())]
    for path in sorted(files.keys() & listed.keys()):
        algorithm, said = listed[path].get("algorithm"), listed[path].get("hash")
        if algorithm not in _HASHES:
            problems.append(f"{path}: {algorithm} is no hash that counts here")
        elif said != _digest(path, files[path], algorithm):
            problems.append(f"{path}: is not as it was signed")
    if problems:
        raise ConfigError(problems)


def _listed(signatures: bytes, key: VerificationKey) -> Mapping[str, Mapping[str, Any]]:
    try:
        tokens = json.loads(signatures)["signatures"]
        if not isinstance(tokens, list) or len(tokens) != 1 or not isinstance(tokens[0], str):
            raise ConfigError([f"{SIGNATURES}: one signature is needed, and no more"])
        # A bundle does not expire by its signature: how old it may be is for whoever loads it to say.
        claims = jwt.decode(tokens[0], key.pem, algorithms=[key.algorithm], options={"verify_aud": False})
        files = claims["files"]
        found = {entry["name"]: entry for entry in files}
    except (PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigError(
            [f"{SIGNATURES}: the signature is not the configured key's ({type(error).__name__})"]
        ) from None
    if claims.get("scope") != key.scope:
        raise ConfigError([f"{SIGNATURES}: the signature is for another scope"])
    if len(found) != len(files):
        raise ConfigError([f"{SIGNATURES}: a file is listed twice"])
    return found


def _digest(path: str, data: bytes, algorithm: str) -> str:
    whole = _HASHES[algorithm]()
    if path.rpartition("/")[2] in _STRUCTURED:
        try:
            whole.update(_walk(_structured(path, data)).encode())
        except (ValueError, RecursionError, yaml.YAMLError):
            raise ConfigError([f"{path}: cannot be read"]) from None
    else:
        whole.update(data)
    return whole.hexdigest()


def _structured(path: str, data: bytes) -> Any:
    if path.endswith((".yaml", ".yml")):
        return json.loads(json.dumps(load_yaml(data)), parse_int=_Number, parse_float=_Number)
    return json.loads(data, parse_int=_Number, parse_float=_Number)


def _walk(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_walk(str(key))}:{_walk(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_walk, value)) + "]"
    if isinstance(value, _Number):
        return str(value)
    # as Go writes it
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
