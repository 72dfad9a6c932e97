"""Key sets of issuers: read from files, and the form both files and addresses must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.config import Issuer
from gateway.errors import ConfigError
from gateway.facts.keys import Keys, read_keys

MAX_BYTES: Final = 1024 * 1024


def load_key_sets(issuers: tuple[Issuer, ...]) -> dict[str, Mapping[str, Any]]:
    """Issuer → JWKS document, of those that have a file. Raises ConfigError with every file that cannot be used."""
    found: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []
    for issuer in issuers:
        if issuer.keys is None:
            continue
        try:
            found[issuer.issuer] = _load(issuer.keys)
        except OSError as error:
            problems.append(f"issuer {issuer.issuer}: {issuer.keys}: cannot be read: {error.strerror or error}")
        except json.JSONDecodeError as error:
            problems.append(f"issuer {issuer.issuer}: {issuer.keys}:{error.lineno}: not JSON: {error.msg}")
        except (ValueError, RecursionError) as error:
            problems.append(f"issuer {issuer.issuer}: {issuer.keys}: {error}")
    if problems:
        raise ConfigError(problems)
    return found


def load_keys(issuer: Issuer) -> Keys:
    """The usable keys in an issuer's file. Raises ConfigError."""
    return usable(load_key_sets((issuer,)).get(issuer.issuer), issuer.issuer)


def usable(document: Mapping[str, Any] | None, issuer: str) -> Keys:
    """The keys of a document. Raises ConfigError where one is not as it should be: then none of it is taken."""
    problems: list[str] = []
    keys = read_keys(document, issuer, problems)
    if problems:
        raise ConfigError(problems)
    return keys


def parse(data: bytes) -> Mapping[str, Any]:
    """The JWKS document of these bytes. Raises ValueError or RecursionError."""
    if len(data) > MAX_BYTES:
        raise ValueError("the key set is larger than 1 MiB")
    document = json.loads(data.decode("utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JSON Web Key Set (RFC 7517): an object with `keys` is expected")
    return document


def _load(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        return parse(file.read(MAX_BYTES + 1))
