"""One POST after the other over a connection that is kept, to an address that was configured and to no other.

No redirect is followed, no proxy of the environment asked; chain and name of the certificate are checked; an answer is
read up to a bound. Blocks.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import ConfigError
from gateway.links.secret import secret
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble

_LONGEST: Final = 1024 * 1024  # of an answer
_TOLD: Final = 200  # characters of it in a log


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, with a good status."""

    status: int
    body: bytes


class Poster:
    """One address."""

    def __init__(self, url: str, ca: Path | None, token_file: Path | None, seconds: float) -> None:
        parts = urlsplit(url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._ca, self._token_file, self._seconds = ca, token_file, seconds
        self._connection: HTTPConnection | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises SinkError for whatever is not a good status."""
        try:
            if self._token_file is not None:
                headers = {**headers, "Authorization": f"Bearer {secret(self._token_file)}"}
            kept = self._connection is not None
            try:
                return self._exchange(body, headers)
            except (ConnectionError, HTTPException):
                if not kept:  # else it was closed meanwhile, as servers do
                    raise
                self.close()
                return self._exchange(body, headers)
        except SinkError:
            raise
        except ConfigError as error:
            raise SinkError(Trouble.UNAUTHORISED, str(error)) from None
        except TimeoutError:
            self.close()
            raise SinkError(Trouble.TIMEOUT, f"no answer within {self._seconds:g} s") from None
        except (OSError, HTTPException) as error:
            self.close()
            raise SinkError(Trouble.UNREACHABLE, f"{type(error).__name__}: {error}"[:_TOLD]) from None

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connection = self._connection or self._connect()
        connection.request("POST", self._path, body, {"User-Agent": "sekisho", **headers})
        with connection.getresponse() as response:
            answer = response.read(_LONGEST)
            after = _seconds(response.getheader("Retry-After"))
            if response.will_close or not response.isclosed():
                self.close()
            if 200 <= response.status < 300:
                return Answer(response.status, answer)
        detail = f"{response.status}: {answer[:_TOLD].decode('utf-8', 'replace')}"
        raise SinkError(_TROUBLES.get(response.status, Trouble.REFUSED), detail, after)

    def _connect(self) -> HTTPConnection:
        if not self._secure:
            return HTTPConnection(self._host, self._port, timeout=self._seconds)
        context = ssl.create_default_context(cafile=str(self._ca) if self._ca is not None else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return HTTPSConnection(self._host, self._port, timeout=self._seconds, context=context)


_TROUBLES: Final = {
    401: Trouble.UNAUTHORISED,
    403: Trouble.UNAUTHORISED,
    408: Trouble.TIMEOUT,
    413: Trouble.TOO_LARGE,
    429: Trouble.THROTTLED,
    502: Trouble.UNREACHABLE,
    503: Trouble.THROTTLED,
    504: Trouble.TIMEOUT,
}


def _seconds(text: str | None) -> float:
    """Of a Retry-After; a date there counts as none."""
    return float(text) if text is not None and text.strip().isdecimal() and len(text) < 9 else 0.0
