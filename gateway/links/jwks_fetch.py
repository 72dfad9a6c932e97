"""One request for a key set: https, checked; no redirect, no more than 1 MiB, no longer than some seconds. Blocks.

A key set says who may log in as anybody. So what answers must be the host that was configured, under a certificate that
was checked; plain http is left for a loopback address, which configuration holds to (`gateway.config_logins`).
"""

from __future__ import annotations

import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Final

from gateway.links.jwks import MAX_BYTES, parse

WITHIN: Final = 5.0  # seconds
_CHUNK: Final = 65_536
_MAX_AGE: Final = re.compile(r"max-age=\"?([0-9]{1,9})")
_MAX_ETAG: Final = 1024


class FetchError(Exception):
    """No key set was had; says why, for operators."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. ``document`` None: nothing has changed since ``etag``."""

    document: Mapping[str, Any] | None
    etag: str | None
    max_age: int | None  # seconds for which the issuer says it may be kept


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address is not the one configured."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def fetch(url: str, ca: Path | None, etag: str | None) -> Fetched:
    """Ask for the key set. Raises FetchError."""
    deadline = time.monotonic() + WITHIN
    try:
        # configuration takes https, and http of a loopback address, only
        request = urllib.request.Request(url, headers=_headers(etag))  # noqa: S310
        with _opener(url, ca).open(request, timeout=WITHIN) as response:
            if response.status != 200:
                raise FetchError(f"{url}: answered {response.status}")
            data = _read(response, deadline)
            return Fetched(parse(data), _etag(response.headers), _max_age(response.headers))
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 304 and etag is not None:
                return Fetched(None, etag, _max_age(error.headers))
        raise FetchError(f"{url}: answered {error.code}") from error
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url}: {error}") from error
    except (OSError, HTTPException) as error:  # URLError and TimeoutError are OSErrors
        raise FetchError(f"{url}: {getattr(error, 'reason', None) or error}") from error


def _headers(etag: str | None) -> dict[str, str]:
    found = {"Accept": "application/json, application/jwk-set+json", "User-Agent": "sekisho"}
    return found if etag is None else {**found, "If-None-Match": etag}


def _opener(url: str, ca: Path | None) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), urllib.request.HTTPSHandler(context=context)]
    if url.startswith("http:"):  # loopback: whatever proxy the environment names is not on the way there
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _read(response: Any, deadline: float) -> bytes:
    data = b""
    while chunk := response.read1(_CHUNK):
        data += chunk
        if len(data) > MAX_BYTES:
            raise ValueError("the key set is larger than 1 MiB")
        if time.monotonic() > deadline:
            raise TimeoutError("it took too long")
    return data


def _etag(headers: Any) -> str | None:
    found = headers.get("ETag")
    return found if found is not None and len(found) <= _MAX_ETAG and found.isprintable() else None


def _max_age(headers: Any) -> int | None:
    control = (headers.get("Cache-Control") or "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0
    found = _MAX_AGE.search(control)
    return int(found[1]) if found is not None else None
