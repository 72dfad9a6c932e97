"""One HTTP request as a proxy tells of it, and its target read strictly.

Two readers of one target may believe different things: percent-encoded slashes, dot segments, parameters given twice.
So there is one spelling of a path here; any other is refused, and never mended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.errors import Reason, SekishoError
from gateway.routes.codes import RouteCode

MAX_TARGET: Final = 16_384
MAX_PARAMETERS: Final = 100

# What RFC 3986 lets stand unencoded in a segment, less what some server gives a meaning of its own: `;` parameters,
# `*` wildcards, quotes, parentheses, `!`, `$`, `&`, `+`, `=`.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~,:@-]+")
_KEY: Final = re.compile(r"[A-Za-z0-9_.-]+")
_VALUE: Final = re.compile(r"(?:[!$'()*+,./:?@=A-Za-z0-9_~\[\]|<>{}^\"`\\-]|%[0-9A-Fa-f]{2})*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# They let a server believe another method or path than the one that is judged.
_OVERRIDES: Final = (
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
)


class Unread(Exception):
    """What the request does could not be established. ``detail`` names parameters, keys, functions; never a value."""

    def __init__(self, code: RouteCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request. Header names are in lower case; ``target`` is path and query as they came."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None  # None: the proxy passed none on
    partial: bool = False  # the body has more bytes than these


@dataclass(frozen=True, slots=True)
class Target:
    """A path in its segments, and the query as it came."""

    segments: tuple[str, ...]
    query: str


def target_of(request: HttpRequest) -> Target:
    """The target. Raises SekishoError (path_not_canonical)."""
    text = request.target
    if len(text) > MAX_TARGET:
        raise SekishoError(Reason.MESSAGE_TOO_LARGE, f"path and query are longer than {MAX_TARGET} characters")
    path, _, query = text.partition("?")
    if not path.startswith("/"):
        raise _not_canonical("it must begin with a slash")
    if path == "/":
        return Target((), query)
    segments = tuple(path[1:].split("/"))
    for segment in segments:
        if not segment:
            raise _not_canonical("an empty segment")
        if segment in (".", ".."):
            raise _not_canonical("a dot segment")
        if not _SEGMENT.fullmatch(segment):
            raise _not_canonical("a character other than letters, digits and . _ ~ , : @ -")
    return Target(segments, query)


def parameters_of(query: str) -> dict[str, str]:
    """The parameters of a query string, decoded. Raises Unread where there is more than one way to read it."""
    found: dict[str, str] = {}
    if not query:
        return found
    pairs = query.split("&")
    if len(pairs) > MAX_PARAMETERS:
        raise Unread(RouteCode.PARAMETER_MALFORMED, f"more than {MAX_PARAMETERS} parameters")
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise Unread(RouteCode.PARAMETER_MALFORMED, "a parameter is not a plain name, `=` and a value")
        if not _VALUE.fullmatch(value):
            raise Unread(RouteCode.PARAMETER_MALFORMED, f"the value of {key} has a character that must be encoded")
        if key in found:
            raise Unread(RouteCode.PARAMETER_TWICE, key)
        try:
            text = unquote_to_bytes(value.replace("+", " ")).decode("utf-8")
        except UnicodeDecodeError:
            raise Unread(RouteCode.PARAMETER_MALFORMED, f"the value of {key} is not UTF-8") from None
        if _CONTROL.search(text):
            raise Unread(RouteCode.PARAMETER_MALFORMED, f"the value of {key} holds a control character")
        found[key] = text
    return found


def only(parameters: Mapping[str, str], known: frozenset[str]) -> None:
    """Raises Unread for a parameter that is not among these."""
    for key in parameters:
        if key not in known:
            raise Unread(RouteCode.PARAMETER_UNKNOWN, key)


def plain_headers(request: HttpRequest) -> None:
    """Raises Unread for a header that says the request is another one."""
    for name in _OVERRIDES:
        if name in request.headers:
            raise Unread(RouteCode.HEADER_REFUSED, name)


def _not_canonical(why: str) -> SekishoError:
    return SekishoError(Reason.PATH_NOT_CANONICAL, f"the path is not in its one spelling: {why}")
