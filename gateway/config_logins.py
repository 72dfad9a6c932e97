"""What a configuration must fulfil where people log in: ways that go together, keys from a place that is no trap."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from gateway.config_draft import NAME, Draft, Problem, address_problem
from gateway.inquiry import MACHINE
from gateway.model import Assertion

_FORGED: Final = "whoever changes the keys on their way could log in as anybody"
AUTHENTICATION: Final = ("token", "oauthbearer", "scram", "certificate")
_KINDS: Final = MappingProxyType({"uri": "URI", "dns": "DNS", "email": "email"})  # as Python's ssl module calls them


def authentication(draft: Draft, without_tls: bool) -> Iterator[Problem]:
    """How clients of one listener log in."""
    ways, tls = draft.get("authentication"), draft.get("tls")
    if ways is None:
        return
    if not ways:
        yield "authentication", "name at least one"
    for index, way in enumerate(ways):
        if way not in AUTHENTICATION:
            yield f"authentication[{index}]", f"`{way}` is not one of {', '.join(AUTHENTICATION)}"
        elif way in ways[:index]:
            yield f"authentication[{index}]", f"`{way}` is there twice"
    if {"token", "oauthbearer"} <= set(ways):
        yield "authentication", "`token` and `oauthbearer`: a client can be asked for one of them; use two listeners"
    if "oauthbearer" in ways and without_tls:
        yield "authentication", "`oauthbearer` is offered over TLS only"
    asks = isinstance(tls, Draft) and tls.get("client_ca") is not None
    if "certificate" in ways and not asks and (without_tls or (isinstance(tls, Draft) and "client_ca" in tls.values)):
        yield "authentication", "`certificate` needs tls.client_ca"
    if asks and "certificate" not in ways:
        yield "tls", "client_ca without `certificate` in authentication: nobody would be asked for one"


def key_source(draft: Draft) -> Iterator[Problem]:
    """Where an issuer's keys come from."""
    if not draft.values.keys() >= {"keys", "jwks_url"}:
        return
    url = draft.get("jwks_url")
    if (draft.get("keys") is None) is (url is None):
        yield "keys" if url is None else "jwks_url", "name the issuer's keys once: `keys` or `jwks_url`"
    if url is not None and (why := address_problem(url, _FORGED)):
        yield "jwks_url", why
    least, most, age = (draft.get(name) for name in ("jwks_min_interval", "jwks_refresh", "jwks_max_age"))
    if least is not None and most is not None and least > most:
        yield "jwks_min_interval", "is longer than jwks_refresh"
    if most is not None and age is not None and most > age:
        yield "jwks_refresh", "is longer than jwks_max_age"


def service_users(draft: Draft) -> Iterator[Problem]:
    """Whose names are asked for a password."""
    if draft.get("prefixes") == ():
        yield "prefixes", "name at least one beginning"


def certificates(draft: Draft) -> Iterator[Problem]:
    """How a name in a certificate becomes a database user."""
    pattern = draft.get("user")
    if pattern is None:
        return
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        yield "user", f"not a regular expression: {error}"
    else:
        if groups != 1:
            yield "user", f"needs one group in parentheses, the database user; it has {groups}"


def certificate_name(text: str) -> tuple[str, str]:
    """`uri:spiffe://…` as the kind and the name that a certificate says. Raises ValueError."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in _KINDS or not name:
        raise ValueError(f"`{text}` is no `uri:…`, `dns:…` or `email:…`")
    return _KINDS[kind], name


def caller(draft: Draft) -> Iterator[Problem]:
    """By what one caller is known, and what it may say."""
    name, certificate = draft.get("name"), draft.get("certificate")
    if name is not None and not NAME.fullmatch(name):
        yield "name", "letters, digits, `_`, `.` and `-`, at most 63"
    if draft.values.keys() >= {"certificate", "issuer", "subject"}:
        by_token = [part for part in ("issuer", "subject") if draft.get(part) is not None]
        if bool(by_token) is (certificate is not None) or len(by_token) == 1:
            yield "certificate", "say by what the caller is known: `certificate`, or `issuer` and `subject`"
    if certificate is not None:
        try:
            certificate_name(certificate)
        except ValueError as error:
            yield "certificate", str(error)
    if draft.get("datasources") == ():
        yield "datasources", "name at least one"
    for index, said in enumerate(draft.get("may_assert") or ()):
        if said not in tuple(Assertion):
            yield f"may_assert[{index}]", f"`{said}` is not one of {', '.join(Assertion)}"


def callers(draft: Draft) -> Iterator[Problem]:
    """What callers name must be there; one identity is one caller; who is asked for a certificate can be somebody."""
    known = {one.get("id") for name in ("datasources", "services") for one in draft.sections(name)}
    issuers = {one.get("issuer") for one in draft.sections("issuers")}
    taken: set[object] = set()
    for index, one in enumerate(draft.sections("callers")):
        place, issuer = f"callers[{index}]", one.get("issuer")
        identity = one.get("certificate") or (issuer, one.get("subject"))
        for what in (one.get("name"), identity):
            if what not in (None, (None, None)) and what in taken:
                yield place, f"`{what if isinstance(what, str) else '#'.join(map(str, what))}` is another caller's"
            taken.add(what)
        if issuer is not None and issuer not in issuers:
            yield place, f"issuer `{issuer}` is not one of the issuers"
        for name in one.get("datasources") or ():
            if name not in known:
                yield place, f"`{name}` is not one of the datasources or services"
    yield from _certified(draft)
    yield from _believed(draft)


def _believed(draft: Draft) -> Iterator[Problem]:
    """What an Envoy says of who came to it counts only of one that can prove who it is, and may say so."""
    listeners = draft.get("listeners")
    grpc = listeners.get("grpc") if isinstance(listeners, Draft) else None
    envoy = grpc.get("envoy") if isinstance(grpc, Draft) else None
    if not isinstance(envoy, Draft):
        return
    wanted = [name for name in ("jwt_payload", "client_certificates") if envoy.get(name)]
    sayers = [
        one
        for one in draft.sections("callers")
        if one.get("certificate") is not None and Assertion.PRINCIPAL in (one.get("may_assert") or ())
    ]
    if wanted and not sayers and "callers" in draft.values:
        why = "counts from no Envoy: no caller has a `certificate` and `may_assert: [principal]`"
        yield "listeners", f"{envoy.key}.{wanted[0]} {why}"
    if "client_certificates" in wanted and "certificates" in draft.values and draft.get("certificates") is None:
        yield "certificates", f"missing: {envoy.key}.client_certificates needs it"


def _certified(draft: Draft) -> Iterator[Problem]:
    """A certificate is asked for where a caller has one, and only there."""
    listeners = draft.get("listeners")
    doors = [listeners.get(name) for name in ("grpc", "http")] if isinstance(listeners, Draft) else []
    asked = [one.key for one in doors if one is not None and _asks(one)]
    have = [one for one in draft.sections("callers") if one.get("certificate") is not None]
    if asked and not have and "callers" in draft.values:
        yield "callers", f"{asked[0]}.tls.client_ca, and no caller with a `certificate`: whoever showed one is refused"
    if have and not asked and isinstance(listeners, Draft):
        yield "callers", "a caller has a `certificate`, and no listener (grpc, http) has tls.client_ca to ask for one"


def _asks(listener: Draft) -> bool:
    tls = listener.get("tls")
    return isinstance(tls, Draft) and tls.get("client_ca") is not None


def logins(draft: Draft) -> Iterator[Problem]:
    """What listeners offer must be configured, and no two kinds of principals may share an issuer's name."""
    issuers = [one.get("issuer") for one in draft.sections("issuers")]
    listeners = draft.get("listeners")
    for index, one in enumerate(listeners.sections("postgres") if isinstance(listeners, Draft) else ()):
        ways, place = one.get("authentication") or (), f"listeners.postgres[{index}]"
        for way, name in (("scram", "service_users"), ("certificate", "certificates")):
            if way in ways and name in draft.values and draft.get(name) is None:
                yield name, f"missing: {place} offers `{way}`"
        named = one.get("oauth_issuer")
        if named is not None and named not in issuers:
            yield "listeners", f"{place}.oauth_issuer: `{named}` is not one of the issuers"
        elif "oauthbearer" in ways and named is None and len(issuers) > 1:
            yield "listeners", f"{place}.oauth_issuer: missing, and there are several issuers"
    if MACHINE in issuers:
        yield "issuers", f"issuer `{MACHINE}` is the operating system's, which vouches for who is at the command line"
    taken = [MACHINE, *issuers]
    for name in ("service_users", "certificates"):
        section = draft.get(name)
        issuer = section.get("issuer") if isinstance(section, Draft) else None
        if issuer is not None and issuer in taken:
            yield name, f"issuer `{issuer}` is another's: two principals would be one"
        taken.append(issuer)
