"""OAUTHBEARER, the server's side. RFC 7628; as libpq 18 speaks it.

A client without a token sends an empty one and is told where to get one: a JSON document, which it acknowledges with
one byte; then the login fails and the client comes again with a token. A refused token is answered the same way.
"""

from __future__ import annotations

import json
import re
from typing import Final, NoReturn

from gateway.errors import ClientProtocolError, Reason

MECHANISM: Final = "OAUTHBEARER"
ACKNOWLEDGEMENT: Final = b"\x01"
_WELL_KNOWN: Final = "/.well-known/"
# gs2 header without authorization identity, then key=value pairs, each ended by \x01, then one more \x01
_MESSAGE: Final = re.compile(r"(?P<flag>[ny]|p=[A-Za-z0-9.-]+),(?P<authzid>[^,]*),\x01(?P<pairs>.*)\x01", re.DOTALL)
_PAIR: Final = re.compile(r"(?P<key>[A-Za-z]+)=(?P<value>[\x20-\x7e\t\r\n]*)\x01")
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<token>[A-Za-z0-9._~+/-]+=*)")


def read_token(message: bytes) -> str:
    """The bearer token of the client's first message; empty where it asks for the discovery document."""
    try:
        found = _MESSAGE.fullmatch(message.decode("ascii"))
    except UnicodeDecodeError:
        _malformed("it is not ASCII")
    if found is None:
        _malformed("it has not the form of RFC 7628")
    if found["flag"].startswith("p="):
        _malformed("channel binding is not supported for OAUTHBEARER")
    if found["authzid"]:
        raise ClientProtocolError(Reason.MESSAGE_REFUSED, "an authorization identity is not supported")
    value = _auth(found["pairs"])
    if not value:
        return ""
    bearer = _BEARER.fullmatch(value)
    if bearer is None:
        _malformed("its `auth` is not a bearer token")
    return bearer["token"]


def _auth(pairs: str) -> str:
    """The value of ``auth``, which must be there once. Other keys mean nothing to us, as the RFC wants it."""
    found: str | None = None
    position = 0
    while position < len(pairs):
        pair = _PAIR.match(pairs, position)
        if pair is None:
            _malformed("a pair is malformed")
        if pair["key"] == "auth":
            if found is not None:
                _malformed("it has several `auth`")
            found = pair["value"]
        position = pair.end()
    if found is None:
        _malformed("it has no `auth`")
    return found


def error_document(issuer: str, scope: str) -> bytes:
    """What a client needs to get a token: where the issuer describes itself, and what to ask for."""
    discovery = issuer if _WELL_KNOWN in issuer else issuer.rstrip("/") + "/.well-known/openid-configuration"
    document = {"status": "invalid_token", "openid-configuration": discovery, "scope": scope}
    return json.dumps(document, separators=(",", ":")).encode()


def _malformed(why: str) -> NoReturn:
    raise ClientProtocolError(Reason.MESSAGE_MALFORMED, f"malformed OAUTHBEARER message: {why}")
