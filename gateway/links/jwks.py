"""Key sets of issuers, from files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config import Issuer
from gateway.errors import ConfigError

_MAX_BYTES = 1024 * 1024


def load_key_sets(issuers: tuple[Issuer, ...]) -> dict[str, Mapping[str, Any]]:
    """Issuer → JWKS document. Raises ConfigError with every file that cannot be used."""
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


def _load(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("the key set is larger than 1 MiB")
    document = json.loads(data.decode("utf-8"))
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JSON Web Key Set (RFC 7517): an object with `keys` is expected")
    return document
