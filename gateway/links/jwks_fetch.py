"""One request for a key set: what `gateway.links.get` lets through, of no more than 1 MiB. Blocks.

A key set says who may log in as anybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, Final

from gateway.links.get import FetchError, get
from gateway.links.jwks import MAX_BYTES, parse

WITHIN: Final = 5.0  # seconds
_ACCEPT: Final = {"Accept": "application/json, application/jwk-set+json"}
_MAX_AGE: Final = re.compile(r"max-age=\"?([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. ``document`` None: nothing has changed since ``etag``."""

    document: Mapping[str, Any] | None
    etag: str | None
    max_age: int | None  # seconds for which the issuer says it may be kept


def fetch(url: str, ca: Path | None, etag: str | None) -> Fetched:
    """Ask for the key set. Raises FetchError."""
    found = get(url, ca=ca, etag=etag, headers=_ACCEPT, within=WITHIN, most=MAX_BYTES, what="key set")
    try:
        document = parse(found.body) if found.body is not None else None
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url}: {error}") from error
    return Fetched(document, found.etag, _max_age(found.headers))


def _max_age(headers: Message) -> int | None:
    control = (headers.get("Cache-Control") or "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0
    found = _MAX_AGE.search(control)
    return int(found[1]) if found is not None else None
