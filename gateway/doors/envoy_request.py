"""A CheckRequest of Envoy's -> what is judged: the HTTP request, who came with it, from where. Pure, over messages.

Everything in it is Envoy's word. What clients may have written themselves (headers) is only what it is: a token is
verified, `x-forwarded-for` counts from the right, and `x-envoy-auth-partial-body` is taken off clients by Envoy.
`x-forwarded-client-cert` is not read, and `source.principal` neither: it does not say of which kind the name is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from gateway.doors.documents import MAX_BODY, canonical_address
from gateway.errors import AuthenticationError, Reason, SekishoError
from gateway.routes.request import HttpRequest

JWT_FILTER: Final = "envoy.filters.http.jwt_authn"
PARTIAL: Final = "x-envoy-auth-partial-body"
MAX_CHECK: Final = 2 * MAX_BODY
_MAX_HEADERS: Final = 200
_MAX_HOPS: Final = 64  # addresses in x-forwarded-for


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One request that Envoy asks about."""

    http: HttpRequest
    authorization: str | None  # the header, as it came
    claims: Mapping[str, Any] | None  # that Envoy's jwt_authn filter verified
    certificate: bytes | None  # PEM; that the client showed, and Envoy verified
    source: str  # whoever is connected to Envoy


def parse(body: bytes, jwt_payload: str | None) -> Check:
    """The request in a message. ``jwt_payload``: under which key verified claims lie; None: they are not looked at.
    Raises SekishoError."""
    if len(body) > MAX_CHECK:
        raise SekishoError(Reason.MESSAGE_TOO_LARGE, f"a check has at most {MAX_CHECK} bytes")
    try:
        message = external_auth_pb2.CheckRequest.FromString(body)
    except DecodeError as error:  # cut short, of another type, or a string that is not UTF-8
        raise SekishoError(Reason.REQUEST_INVALID, "the message is not a CheckRequest of Envoy's") from error
    attributes = message.attributes
    if not attributes.request.HasField("http"):
        raise SekishoError(Reason.REQUEST_INVALID, "the check is not about an HTTP request")
    http = attributes.request.http
    headers = _headers(http)
    partial = headers.pop(PARTIAL, None)
    claims = None
    if jwt_payload is not None:
        claims = _claims(attributes.metadata_context, jwt_payload)
    return Check(
        http=HttpRequest(
            method=http.method,
            host=http.host,
            # Envoy leaves the query in the path; where it does not, it would be lost.
            target=http.path if not http.query else f"{http.path}?{http.query}",
            headers=headers,
            body=_body(http, partial),
            partial=partial not in (None, "false"),
        ),
        authorization=headers.get("authorization"),
        claims=claims,
        certificate=unquote_to_bytes(attributes.source.certificate) or None,
        source=_source(attributes.source),
    )


def person_address(check: Check, trusted_hops: int) -> str:
    """Where the person is: whoever is connected to Envoy; or, where proxies before it are trusted, whom the last of
    these saw. Raises AuthenticationError."""
    if trusted_hops == 0:
        return check.source
    told = [one.strip() for one in check.http.headers.get("x-forwarded-for", "").split(",")]
    # Envoy adds its own peer, if told to; without that one could not know which entries a client made up. Of a peer on
    # loopback it adds the machine's own address instead.
    added = _canonical(told[-1]) == check.source or ipaddress.ip_address(check.source).is_loopback
    if len(told) > _MAX_HOPS or len(told) <= trusted_hops or not added:
        raise AuthenticationError(
            Reason.EDGE_UNTRUSTED, "`x-forwarded-for` does not end with the trusted proxies and Envoy's own peer"
        )
    found = _canonical(told[-1 - trusted_hops])
    if found is None:
        raise AuthenticationError(Reason.EDGE_UNTRUSTED, "`x-forwarded-for` has something that is no address")
    return found


def _headers(http: Any) -> dict[str, str]:
    """Names in lower case; several of one name are joined by commas, which no header that counts here has."""
    found: dict[str, str] = {}
    given = [(one.key, one.value or one.raw_value.decode("utf-8", "replace")) for one in http.header_map.headers]
    for name, value in given or http.headers.items():
        name = name.lower()
        found[name] = f"{found[name]},{value}" if name in found else value
    if len(found) > _MAX_HEADERS:
        raise SekishoError(Reason.MESSAGE_TOO_LARGE, f"more than {_MAX_HEADERS} headers")
    return found


def _body(http: Any, partial: str | None) -> bytes | None:
    """The body, if Envoy saw one and was told to pass it on: it says so by a header."""
    body: bytes = http.raw_body or http.body.encode("utf-8")
    return body if body or partial is not None else None


def _claims(metadata: Any, key: str) -> Mapping[str, Any] | None:
    if JWT_FILTER not in metadata.filter_metadata:
        return None
    found = MessageToDict(metadata.filter_metadata[JWT_FILTER]).get(key)
    return _whole(found) if isinstance(found, dict) else None


def _whole(value: Any) -> Any:
    """A Struct knows no whole numbers, and claims count people and seconds."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _source(peer: Any) -> str:
    address = _canonical(peer.address.socket_address.address)
    if address is None:
        raise SekishoError(Reason.REQUEST_INVALID, "the check does not say who is connected to Envoy")
    return address


def _canonical(text: str) -> str | None:
    try:
        return canonical_address(text)
    except ValueError:
        return None
