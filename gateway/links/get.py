"""One GET of something that must not be forged: https, checked; no redirect, and bounds on size and time. Blocks.

What answers must be the host that was configured, under a certificate that was checked; plain http is left for a
loopback address, which configuration holds to (`gateway.config_draft.address_problem`).
"""

from __future__ import annotations

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

_CHUNK: Final = 65_536
_MAX_ETAG: Final = 1024


class FetchError(Exception):
    """Nothing was had; says why, for operators."""


@dataclass(frozen=True, slots=True)
class Got:
    """An answer. ``body`` None: nothing has changed since ``etag``."""

    body: bytes | None
    etag: str | None
    headers: Message


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address is not the one configured."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def get(
    url: str, *, ca: Path | None, etag: str | None, headers: Mapping[str, str], within: float, most: int, what: str
) -> Got:
    """Ask, for so many seconds and bytes at the most. Raises FetchError."""
    deadline = time.monotonic() + within
    known = {} if etag is None else {"If-None-Match": etag}
    try:
        # configuration takes https, and http of a loopback address, only
        request = urllib.request.Request(url, headers={**headers, **known, "User-Agent": "sekisho"})  # noqa: S310
        with opener(url, ca).open(request, timeout=within) as response:
            if response.status != 200:
                raise FetchError(f"{url}: answered {response.status}")
            return Got(read_within(response, deadline, most, what), _etag(response.headers), response.headers)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 304 and etag is not None:
                return Got(None, etag, error.headers)
        raise FetchError(f"{url}: answered {error.code}") from error
    except ValueError as error:
        raise FetchError(f"{url}: {error}") from error
    except (OSError, HTTPException) as error:  # URLError and TimeoutError are OSErrors
        raise FetchError(f"{url}: {getattr(error, 'reason', None) or error}") from error


def opener(url: str, ca: Path | None) -> urllib.request.OpenerDirector:
    """What asks under these rules."""
    context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), urllib.request.HTTPSHandler(context=context)]
    if url.startswith("http:"):  # loopback: whatever proxy the environment names is not on the way there
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def read_within(response: Any, deadline: float, most: int, what: str) -> bytes:
    """What it says, if that is no more than so much and there in time. Raises ValueError, TimeoutError."""
    data = bytearray()
    while chunk := response.read1(_CHUNK):
        data += chunk
        if len(data) > most:
            raise ValueError(f"the {what} is larger than {most >> 20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError("it took too long")
    return bytes(data)


def _etag(headers: Message) -> str | None:
    found = headers.get("ETag")
    return found if found is not None and len(found) <= _MAX_ETAG and found.isprintable() else None
