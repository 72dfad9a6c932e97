"""A token and the moment -> the principal, or the exact reason why not.

The token is taken apart here once, strictly; of the unverified part only ``alg``, ``kid`` and ``iss`` are looked at, to
choose the issuer, its key and its algorithms. Everything else is believed after the signature only. PyJWT's algorithms
check the signature; the dates are judged here, against the ``at`` given: nothing reads a clock.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeGuard

from gateway.config import Issuer
from gateway.errors import AuthenticationError, ConfigError, Reason
from gateway.facts.countries import country
from gateway.facts.keys import ASYMMETRIC, Keys, read_keys
from gateway.model import Country, EvidenceRequest, JsonValue, Principal

MAX_TOKEN_BYTES: Final = 16_384
_MOST_VERIFIED: Final = 10_000
_MAX_NAME: Final = 255
_LATEST: Final = 253_402_300_799  # 9999-12-31: what lies beyond is no date anybody meant

_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_ACR_WITH_MFA: Final = frozenset(
    {
        "mfa",
        "https://refeds.org/profile/mfa",
        "http://schemas.openid.net/pape/policies/2007/06/multi-factor",
    }
)

# An authority's request, as an issuer's claim holds it: all of these and nothing else.
_REQUEST: Final = frozenset({"authority_country", "legal_basis", "category", "subjects", "channel", "reviewed"})
_BASES: Final = frozenset({"warrant", "investigation_inquiry", "emergency"})
_CHANNELS: Final = frozenset({"direct", "mlat", "icpo", "diplomatic"})
_MOST_SUBJECTS: Final = 10**12

_Claims = Mapping[str, Any]


class KeyUnknown(AuthenticationError):
    """The issuer has no such key, as far as we know: it may have made one since we looked."""

    def __init__(self, issuer: str) -> None:
        super().__init__(Reason.TOKEN_KEY_UNKNOWN, "the issuer has no such key for this algorithm")
        self.issuer = issuer


class TokenVerifier:
    """Verifies tokens of the issuers configured. Made once per key set; any thread may use it."""

    def __init__(self, issuers: tuple[Issuer, ...], keys: Mapping[str, Mapping[str, JsonValue]]) -> None:
        problems: list[str] = []
        found: dict[str, tuple[Issuer, Keys | None]] = {}
        for issuer in issuers:
            if issuer.issuer in found:
                problems.append(f"issuer {issuer.issuer} stands twice")
            for algorithm in issuer.algorithms:
                if algorithm not in ASYMMETRIC:
                    problems.append(f"issuer {issuer.issuer}: '{algorithm}' is no asymmetric algorithm known here")
            document = keys.get(issuer.issuer)
            fetched = issuer.jwks_url is not None and document is None  # not yet
            found[issuer.issuer] = (issuer, None if fetched else read_keys(document, issuer.issuer, problems))
        if problems:
            raise ConfigError(problems)
        self._issuers: Mapping[str, tuple[Issuer, Keys | None]] = MappingProxyType(found)
        # What these very keys have verified, by the token's hash: a program that asks often shows the same one again.
        self._verified: dict[bytes, tuple[int, Principal]] = {}

    def with_keys(self, name: str, keys: Keys | None) -> TokenVerifier:
        """The same with other keys of one issuer; None: none may be used now, and all its tokens are refused."""
        other = TokenVerifier((), {})
        issuer, _ = self._issuers[name]
        other._issuers = MappingProxyType({**self._issuers, name: (issuer, keys)})
        return other

    def verify(self, token: str, *, at: int) -> Principal:
        """The principal the token attests at that moment. Raises AuthenticationError with the exact reason."""
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        since, known = self._verified.get(digest, (0, None))
        if known is not None and since <= at < known.expires_at:
            return known
        principal = self._verify(token, at)
        if len(self._verified) >= _MOST_VERIFIED:
            self._verified.clear()
        self._verified[digest] = (at, principal)
        return principal

    def _verify(self, token: str, at: int) -> Principal:
        header, claims, signed, signature = _take_apart(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str):
            _malformed("the header names no algorithm")
        if algorithm not in ASYMMETRIC:
            raise AuthenticationError(Reason.TOKEN_ALGORITHM_REFUSED, "only asymmetric signatures are taken")
        if "crit" in header or header.get("b64", True) is not True:
            _malformed("the header asks for an extension that is not understood")
        issuer, keys = self._issuer(claims.get("iss"))
        if keys is None:
            raise AuthenticationError(Reason.ISSUER_KEYS_UNAVAILABLE, "the issuer's keys are not known just now")
        if algorithm not in issuer.algorithms:
            raise AuthenticationError(Reason.TOKEN_ALGORITHM_REFUSED, "the algorithm is not on the issuer's list")
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            _malformed("the header's key id is not a text")
        key = keys.find(kid)
        if key is None or algorithm not in key.algorithms:
            raise KeyUnknown(issuer.issuer)
        if not key.verifies(algorithm, signed, signature):
            raise AuthenticationError(Reason.TOKEN_SIGNATURE_INVALID, "the signature is not the issuer's")
        return _principal(issuer, claims, at)

    def believe(self, claims: Mapping[str, Any], *, at: int) -> Principal:
        """The principal of claims whose signature somebody else has verified, whom configuration trusts in that. All
        else is looked at as in ``verify``. Raises AuthenticationError."""
        issuer, _ = self._issuer(claims.get("iss"))
        return _principal(issuer, claims, at)

    def _issuer(self, name: object) -> tuple[Issuer, Keys | None]:
        if not isinstance(name, str):
            _malformed("the token names no issuer")
        found = self._issuers.get(name)
        if found is None:
            raise AuthenticationError(Reason.TOKEN_ISSUER_UNTRUSTED, "the issuer is not configured here")
        return found


def _malformed(detail: str) -> NoReturn:
    raise AuthenticationError(Reason.TOKEN_MALFORMED, detail)


def _take_apart(token: str) -> tuple[_Claims, _Claims, bytes, bytes]:
    """Header, claims (unverified yet), the signed bytes and the signature."""
    if not token:
        raise AuthenticationError(Reason.TOKEN_MISSING, "the password must be a token")
    if len(token) > MAX_TOKEN_BYTES:
        _malformed(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
    parts = token.split(".")
    if len(parts) != 3:
        _malformed("a signed token has three parts")
    if not parts[2]:
        # `alg: none` comes so; its own header says why it is refused
        header = _object(_decoded(parts[0]))
        if str(header.get("alg")).lower() == "none":
            raise AuthenticationError(Reason.TOKEN_ALGORITHM_REFUSED, "only asymmetric signatures are taken")
    header_bytes, claims_bytes, signature = (_decoded(part) for part in parts)
    signed = token[: -len(parts[2]) - 1].encode("ascii")
    return _object(header_bytes), _object(claims_bytes), signed, signature


def _decoded(part: str) -> bytes:
    """Base64url without padding, exactly: Python's decoder would skip foreign characters."""
    if _SEGMENT.fullmatch(part) is None:
        _malformed("a part of the token is not base64url")
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        _malformed("a part of the token is not base64url")
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode("ascii"):
        _malformed("a part of the token is not in its one base64url form")
    return data


def _object(data: bytes) -> _Claims:
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        _malformed("a part of the token is not JSON, or names a key twice")
    if not isinstance(found, dict):
        _malformed("a part of the token is not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _principal(issuer: Issuer, claims: _Claims, at: int) -> Principal:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if issuer.audience not in audiences:
        raise AuthenticationError(Reason.TOKEN_AUDIENCE_MISMATCH, "the audience is not this gateway's")
    expires_at, issued_at = _dates(issuer, claims, at)
    return Principal(
        issuer=issuer.issuer,
        subject=_name(claims, "sub"),
        database_user=_name(claims, issuer.user_claim),
        groups=tuple(_texts(claims, issuer.groups_claim)),
        mfa=_mfa(claims),
        purpose=_optional_name(claims, issuer.purpose_claim),
        ticket=_optional_name(claims, issuer.ticket_claim),
        request=_request(claims, issuer.request_claim),
        token_id=_optional_name(claims, "jti"),
        expires_at=expires_at,
        issued_at=issued_at,
        declared_country=_country(claims, issuer.country_claim),
        declared_employer=_optional_name(claims, issuer.employer_claim),
        declared_residence=_country(claims, issuer.residence_claim),
    )


def _mfa(claims: _Claims) -> bool:
    context = claims.get("acr")
    return "mfa" in _texts(claims, "amr") or (isinstance(context, str) and context in _ACR_WITH_MFA)


def _dates(issuer: Issuer, claims: _Claims, at: int) -> tuple[int, int | None]:
    """When we stop taking the token (its ``exp`` and the leeway), and when it was issued."""
    expires, begins, issued = (_date(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        _malformed("the token names no end of its life (exp)")
    if at >= expires + issuer.leeway:
        raise AuthenticationError(Reason.TOKEN_EXPIRED, "the token has expired: ask for a new one")
    if any(start is not None and at < start - issuer.leeway for start in (begins, issued)):
        raise AuthenticationError(Reason.TOKEN_NOT_YET_VALID, "the token is not valid yet")
    return expires + issuer.leeway, issued


def _date(claims: _Claims, name: str) -> int | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LATEST:
        _malformed(f"the claim '{name}' is not a date")
    return math.floor(value)


def is_name(value: object) -> TypeGuard[str]:
    """Whether it can be a name of somebody: short, printable text."""
    # a lone surrogate, which JSON can write, is not printable either: it could not be recorded as UTF-8
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _name(claims: _Claims, name: str) -> str:
    value = claims.get(name)
    if not is_name(value):
        _malformed(f"the claim '{name}' is missing, or not a text of 1 to {_MAX_NAME} printable characters")
    return value


def _optional_name(claims: _Claims, name: str | None) -> str | None:
    return None if name is None or name not in claims else _name(claims, name)


def _texts(claims: _Claims, name: str) -> list[str]:
    value = claims.get(name, [])
    if not isinstance(value, list) or not all(is_name(item) for item in value):
        _malformed(f"the claim '{name}' is not a list of texts of 1 to {_MAX_NAME} printable characters")
    return value


def _request(claims: _Claims, name: str | None) -> EvidenceRequest | None:
    """An authority's request. What is not wholly one refuses the token: as if there were none, the access would be
    judged by the rules for everyday work."""
    if name is None or name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, dict) or value.keys() != _REQUEST:
        _malformed(f"the claim '{name}' is not an object of {', '.join(sorted(_REQUEST))}")
    subjects, reviewed = value["subjects"], value["reviewed"]
    if subjects is not None and (type(subjects) is not int or not 0 <= subjects <= _MOST_SUBJECTS):
        _malformed(f"'subjects' of the claim '{name}' is neither a number of accounts nor null")
    if not isinstance(reviewed, bool):
        _malformed(f"'reviewed' of the claim '{name}' is neither true nor false")
    country_of_authority = _country(value, "authority_country")
    if country_of_authority is None:  # the key is there: what is no country has been refused
        _malformed(f"the claim '{name}' names no authority's country")
    return EvidenceRequest(
        authority_country=country_of_authority,
        legal_basis=_word(value, "legal_basis", _BASES),
        category=_name(value, "category"),
        subjects=subjects,
        channel=_word(value, "channel", _CHANNELS),
        reviewed=reviewed,
    )


def _word(claims: _Claims, name: str, words: Collection[str]) -> str:
    value = claims[name]
    if not isinstance(value, str) or value not in words:
        _malformed(f"'{name}' is none of {', '.join(sorted(words))}")
    return value


def _country(claims: _Claims, name: str | None) -> Country | None:
    if name is None or name not in claims:
        return None
    value = claims[name]
    found = country(value) if isinstance(value, str) else None
    if found is None:
        _malformed(f"the claim '{name}' is not an ISO 3166-1 alpha-2 country code")
    return found
