"""Bodies of requests, held to one reading: no part of one, nothing compressed, no key twice, UTF-8 only."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from gateway.routes.codes import RouteCode
from gateway.routes.request import HttpRequest, Unread

MAX_DEPTH: Final = 30
_JSON: Final = re.compile(r"application/json(?:; ?charset=utf-8)?", re.IGNORECASE)
_TEXT: Final = re.compile(
    r"(?:text/plain|application/octet-stream|application/sql)(?:; ?charset=utf-8)?", re.IGNORECASE
)
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def body_of(request: HttpRequest) -> bytes:
    """The body, which may be empty. Raises Unread where it is not all there, or not as it is sent."""
    if request.partial:
        raise Unread(RouteCode.BODY_PARTIAL, "send a smaller one, or have the proxy pass on more of it")
    headers = request.headers
    body = request.body
    if body is None:
        # The proxy passed none on. It says so of every request where it was not told to buffer bodies.
        told = headers.get("content-length", "0" if request.method in _BODILESS else None)
        if told != "0" or "transfer-encoding" in headers:
            raise Unread(RouteCode.BODY_MISSING, "the proxy did not pass it on")
        return b""
    if body and headers.get("content-length") != str(len(body)):
        # Envoy calls a part of a body the whole of it where just its limit had come in by then: only a length that was
        # told ahead says whether there is more.
        raise Unread(RouteCode.BODY_PARTIAL, "its length is not what `content-length` says, or that is not given")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Unread(RouteCode.CONTENT_ENCODING_REFUSED, "send it as it is")
    return body


def no_body(request: HttpRequest) -> None:
    """Raises Unread where there is one."""
    if body_of(request):
        raise Unread(RouteCode.BODY_UNEXPECTED, "the route knows none")


def json_body(request: HttpRequest, content_type: re.Pattern[str] = _JSON) -> dict[str, Any]:
    """The object in the body; empty where there is no body. Raises Unread."""
    body = body_of(request)
    if not body:
        return {}
    if not content_type.fullmatch(request.headers.get("content-type", "")):
        raise Unread(RouteCode.CONTENT_TYPE_REFUSED, "the body must be JSON in UTF-8, and say so")
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        if b"\\u" in body:  # JSON can spell half a surrogate pair; no name and no record can hold one
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        _malformed("it is not JSON in UTF-8")
    if not isinstance(found, dict):
        _malformed("it must be an object")
    _shallow(found, MAX_DEPTH)
    return found


def text_body(request: HttpRequest) -> str:
    """The text in the body; empty where there is no body. Raises Unread."""
    body = body_of(request)
    if not body:
        return ""
    given = request.headers.get("content-type")
    if given is not None and not _TEXT.fullmatch(given):
        raise Unread(RouteCode.CONTENT_TYPE_REFUSED, "the body must be text in UTF-8")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        _malformed("it is not UTF-8")


def keys_of(value: Any, what: str, known: frozenset[str]) -> dict[str, Any]:
    """An object with no keys but these. Raises Unread."""
    if not isinstance(value, dict):
        raise Unread(RouteCode.BODY_MALFORMED, f"{what} must be an object")
    for key in value:
        if key not in known:
            raise Unread(RouteCode.BODY_KEY_UNKNOWN, f"{what}: {shown(key)}")
    return value


def shown(word: str) -> str:
    """A word of the request, safe to repeat."""
    return json.dumps(word[:64])


def _shallow(value: Any, left: int) -> None:
    if left == 0:
        _malformed(f"it is nested deeper than {MAX_DEPTH}")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _shallow(one, left - 1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(key)
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _malformed(why: str) -> NoReturn:
    raise Unread(RouteCode.BODY_MALFORMED, why)
