"""A JSON document from the wire, one field at a time: what it must be, or the words for why it is refused.

Refused by default: an unknown key, a key given twice, a value of another type, half a surrogate pair. What is repeated
to a caller is their own word, made safe to repeat. Pure.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NoReturn, TypeVar

from gateway.errors import AuthenticationError, Reason, SekishoError

MAX_BODY: Final = 1024 * 1024
"""Largest request either door reads. Bytes."""

MAX_NAME: Final = 255
MAX_TOKEN: Final = 16_384  # characters; a token with hundreds of groups has about 8000
_MAX_SHOWN: Final = 64  # how much of a caller's own word is repeated to them

T = TypeVar("T")


def parse_json(body: bytes) -> object:
    """The document in ``body``. A key given twice is refused: two readers could believe different ones."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        invalid("the body is not valid UTF-8")
    except RecursionError:
        invalid("the body is nested too deeply")
    except ValueError:  # malformed, or an integer with thousands of digits
        invalid("the body is not valid JSON")


def invalid(detail: str) -> NoReturn:
    """Refuse the request."""
    raise SekishoError(Reason.REQUEST_INVALID, detail)


def shown(word: str) -> str:
    """A caller's own word, safe to repeat: ASCII, without control characters, not too long."""
    return json.dumps(word[:_MAX_SHOWN])


def object_of(value: object, name: str, keys: tuple[str, ...], *, prefix: str = "") -> dict[str, object]:
    """An object with no keys but these."""
    if not isinstance(value, dict):
        invalid(f"{name} must be an object")
    for key in value:
        if key not in keys:
            invalid(f"unknown key {shown(prefix + key)}; known: {', '.join(prefix + known for known in keys)}")
    return value


def required(document: dict[str, object], key: str, name: str) -> object:
    """The value of a key that must be there."""
    if key not in document:
        invalid(f"{name} is missing")
    return document[key]


def text_of(value: object, name: str, longest: int) -> str:
    """Text no longer than that."""
    if not isinstance(value, str):
        invalid(f"{name} must be a string")
    if len(value) > longest:
        invalid(f"{name} is longer than {longest} characters")
    try:
        value.encode("utf-8")  # JSON can spell half a surrogate pair; no database or record can hold one
    except UnicodeEncodeError:
        invalid(f"{name} holds half a surrogate pair")
    return value


def filled(value: object, name: str, longest: int) -> str:
    """Text that is not empty."""
    return text_of(value, name, longest) or invalid(f"{name} is empty")


def count_of(value: object, name: str, most: int) -> int:
    """A whole number, 0 to that."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        invalid(f"{name} must be a whole number, 0 to {most}")
    return value


def flag_of(value: object, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        invalid(f"{name} must be true or false")
    return value


def list_of(
    document: dict[str, object], key: str, name: str, most: int, read: Callable[[object, str], T]
) -> tuple[T, ...]:
    """A list, entry by entry; none where the key is not there."""
    values = document.get(key, [])
    if not isinstance(values, list):
        invalid(f"{name} must be a list")
    if len(values) > most:
        invalid(f"{name} has more than {most} entries")
    return tuple(read(value, f"{name}[{place}]") for place, value in enumerate(values))


def address_of(text: str) -> str:
    """An IP address in its one spelling."""
    try:
        if "%" in text:  # a zone means something on the caller's machine only
            raise ValueError(text)
        return canonical_address(text)
    except ValueError:
        invalid("address must be an IPv4 or IPv6 address without a zone")


def token_of(given: object) -> str:
    """A token; empty: none was given."""
    token = given if isinstance(given, str) else text_of(given, "token", 0)
    if token and (len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token):
        raise AuthenticationError(Reason.TOKEN_MALFORMED, f"a token is at most {MAX_TOKEN} printable characters")
    return token


def bearer_of(authorization: Sequence[str]) -> str:
    """The token in the values of `authorization`, a header or metadata key; empty where there are none."""
    if not authorization:
        return ""
    scheme, _, token = authorization[0].strip(" ").partition(" ")
    token = token.strip(" ")
    if len(authorization) > 1 or scheme.lower() != "bearer" or not token:
        raise AuthenticationError(Reason.TOKEN_MALFORMED, "`authorization` must be given once, as Bearer <token>")
    return token_of(token)


@lru_cache(maxsize=1024)  # of peers and edges: each is met again with the next request
def canonical_address(text: str) -> str:
    """One spelling per address, without zone; an IPv4 peer of a dual-stack socket is that IPv4 address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document: dict[str, object] = {}
    for key, value in pairs:
        if key in document:
            invalid(f"key {shown(key)} is given twice")
        document[key] = value
    return document


def _no_constant(name: str) -> NoReturn:
    invalid(f"{name} is not JSON")
