"""Who may ask for whom at the doors that speak in documents.

A person asks for themself with their own token; nobody else is in between. A *caller* is a program that asks for other
people, known by an identity of its own: a client certificate, or its own token as `authorization`. It passes on the
person's token. What it says of a person without one (their address, who they are) counts only where configuration
names it for that, and only at the datasources named; it is in the record, and rules see it.

An asserted principal has the registry's groups and nothing that a token would have said: no second factor, no purpose,
no claims. It is as good as the caller's own identity, and no longer. Rules take it for `declared`.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

from gateway import config as c
from gateway.config_logins import certificate_name
from gateway.errors import AuthenticationError, ConfigError, Reason, SekishoError
from gateway.facts.certificates import PeerCertificate
from gateway.model import Assertion, Caller, Peer, Principal, PrincipalId

Named = tuple[str, str]  # issuer and subject
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_GIVE: Final = "give `token`, or `authorization: Bearer <token>`"
_NOBODY: Final = "who asks for somebody else must be a configured caller"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, as its connection says."""

    address: str | None  # None: a Unix socket
    certificate: PeerCertificate | None = None  # that the other end showed, verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a request says of who asks, and of where the person is; nothing of it is believed yet."""

    token: str = ""  # in the request: the person's
    bearer: str = ""  # as `authorization`: the person's, or the caller's own beside the person's
    principal: Named | None = None  # the person by name, in place of a token
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, for whom, and where that person is."""

    principal: Principal
    caller: Caller | None
    peer: Peer


@dataclass(frozen=True, slots=True)
class Edges:
    """Networks whose callers may assert a person's address."""

    networks: tuple[_Network, ...]

    @classmethod
    def parse(cls, networks: Sequence[str]) -> Edges:
        """From configuration. ConfigError names every network that is none."""
        parsed, problems = [], []
        for text in networks:
            try:
                parsed.append(ipaddress.ip_network(text))
            except ValueError as error:
                problems.append(f"edges: {error}")
        if problems:
            raise ConfigError(problems)
        return cls(tuple(parsed))

    def have(self, address: str | None) -> bool:
        """Whether an address lies in one of them."""
        return address is not None and any(ipaddress.ip_address(address) in network for network in self.networks)

    def peer(self, origin: str | None, asserted: str | None, *, believed: bool = False) -> Peer:
        """Where the person is: the asserted address, if an edge says so, or who is ``believed``; else the origin."""
        if asserted is None:
            return Peer(address=origin)
        if not believed and not self.have(origin):
            raise AuthenticationError(
                Reason.EDGE_UNTRUSTED, "only a configured edge may give an address; leave `address` out"
            )
        return Peer(address=asserted, via_edge=True)


class Callers:
    """The callers of the configuration, by what proves that it is they. Any thread may ask."""

    def __init__(
        self, callers: Sequence[c.Caller], issuers: Collection[str], clock: Callable[[], float] = time.time
    ) -> None:
        """``issuers``: whose people may be asserted."""
        self._clock = clock
        self._issuers = frozenset(issuers)
        self._settings = {one.name: one for one in callers}
        self._by_certificate: dict[tuple[str, str], c.Caller] = {}
        self._by_token: dict[Named, c.Caller] = {}
        for one in callers:
            if one.certificate is not None:
                self._by_certificate[certificate_name(one.certificate)] = one
            elif one.issuer is not None and one.subject is not None:
                self._by_token[one.issuer, one.subject] = one

    @classmethod
    def of(cls, config: c.Config) -> Self:
        """Those of the configuration, and all its issuers."""
        issuers = (*config.issuers, config.service_users, config.certificates)
        return cls(config.callers, {one.issuer for one in issuers if one is not None})

    def certified(self, shown: PeerCertificate) -> Caller:
        """Whose certificate it is. Raises AuthenticationError."""
        if shown.not_after <= self._clock():  # a connection may live longer than what it was opened with
            raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "the caller's certificate has expired")
        found = [(name, one) for name in shown.names if (one := self._by_certificate.get(name)) is not None]
        if len(found) != 1:  # never a choice between several
            why = "names several callers" if found else "names no configured caller"
            raise AuthenticationError(Reason.CALLER_UNKNOWN, f"the certificate {why}")
        (kind, name), one = found[0]
        return Caller(id=one.name, identity=f"{kind.lower()}:{name}", expires_at=shown.not_after)

    def own(self, principal: Principal) -> Caller | None:
        """Whose token it is; None: no caller's."""
        one = self._by_token.get((principal.issuer, principal.subject))
        return Caller(id=one.name, identity=principal.id, expires_at=principal.expires_at) if one is not None else None

    def vouched(self, principal: Principal) -> Caller:
        """The same. Raises AuthenticationError where it is no caller's."""
        found = self.own(principal)
        if found is None:
            raise AuthenticationError(Reason.CALLER_UNKNOWN, _NOBODY)
        return found

    def asking(self, caller: Caller, words: Words, datasource: str, *, edge: bool) -> Caller:
        """The caller with what it asserts. ``edge``: its address lets it assert one. Raises AuthenticationError."""
        settings = self._settings[caller.id]
        if datasource not in settings.datasources:
            raise AuthenticationError(Reason.CALLER_NOT_ALLOWED, "the caller may not ask about this datasource")
        said = {Assertion.ADDRESS: words.address is not None, Assertion.PRINCIPAL: words.principal is not None}
        asserts = tuple(sorted(one for one, is_said in said.items() if is_said))
        for one in asserts:
            if one not in settings.may_assert and not (edge and one is Assertion.ADDRESS):
                raise AuthenticationError(Reason.CALLER_NOT_ALLOWED, f"the caller may not assert: {one}")
        return replace(caller, asserts=asserts)

    def asserted(self, named: Named, caller: Caller, groups: Sequence[str]) -> Principal:
        """Somebody by name, on the caller's word. Raises AuthenticationError."""
        issuer, subject = named
        if issuer not in self._issuers:
            raise AuthenticationError(Reason.CALLER_NOT_ALLOWED, "`principal.issuer` is not configured here")
        return Principal(
            issuer=issuer,
            subject=subject,
            database_user=subject,
            groups=tuple(groups),
            expires_at=caller.expires_at,
            asserted_by=caller.id,
        )


class Desk(Protocol):
    """What is asked of the desk to know who asks."""

    @property
    def callers(self) -> Callers: ...
    def verify_token(self, token: str) -> Principal: ...
    def groups_of(self, principal: PrincipalId) -> Sequence[str]: ...


def who_asks(desk: Desk, words: Words, datasource: str, *, origin: Origin, edges: Edges) -> Asker:
    """Who asks, for whom, from where. Raises SekishoError.

    Identities are verified first, so that a stranger learns nothing about edges or datasources.
    """
    caller, person = known(desk, words, origin=origin)
    if caller is not None:
        caller = desk.callers.asking(caller, words, datasource, edge=edges.have(origin.address))
    if isinstance(person, Principal):
        principal = person
    elif caller is not None:
        principal = desk.callers.asserted(person, caller, desk.groups_of(PrincipalId("#".join(person))))
    else:
        raise AuthenticationError(Reason.CALLER_UNKNOWN, _NOBODY)
    return Asker(principal, caller, edges.peer(origin.address, words.address, believed=caller is not None))


def known(desk: Desk, words: Words, *, origin: Origin) -> tuple[Caller | None, Principal | Named]:
    """The caller, where somebody else than the person asks; and the person, verified or only named. Raises
    SekishoError."""
    caller, token = _caller(desk, words, origin)
    if words.principal is None:
        if not token:
            raise AuthenticationError(Reason.TOKEN_MISSING, _GIVE)
        return caller, desk.verify_token(token)
    if token:
        raise SekishoError(Reason.REQUEST_INVALID, "the person is given twice: by token and as `principal`")
    return caller, words.principal


def who_reads(desk: Desk, words: Words, *, origin: Origin) -> Asker:
    """Who wants to read the record, and from where. It tells of everybody: nobody reads it on a caller's word.

    Raises SekishoError.
    """
    caller, person = known(desk, words, origin=origin)
    if not isinstance(person, Principal):
        raise AuthenticationError(Reason.CALLER_NOT_ALLOWED, "the record is read with a token of one's own")
    return Asker(person, caller, Peer(address=origin.address))


def who_completes(desk: Desk, words: Words, *, origin: Origin) -> frozenset[str]:
    """As whom somebody may tell what went out: a caller needs no person's token for it, which may have expired. Raises
    SekishoError."""
    caller, token = _caller(desk, words, origin)
    if caller is not None:
        return frozenset({asker_id("", caller)})
    if not token:
        raise AuthenticationError(Reason.TOKEN_MISSING, _GIVE)
    principal = desk.verify_token(token)
    own = desk.callers.own(principal)
    return frozenset({asker_id(principal.id, None), *([asker_id("", own)] if own is not None else [])})


def asker_id(principal: str, caller: Caller | None) -> str:
    """Who asked, as one name: the caller, or the principal where there is none."""
    return f"caller {caller.id}" if caller is not None else principal


def _caller(desk: Desk, words: Words, origin: Origin) -> tuple[Caller | None, str]:
    """The caller, where somebody else than the person asks; and the person's token, if there is one."""
    if origin.certificate is not None:
        caller = desk.callers.certified(origin.certificate)
        if words.token and words.bearer:
            raise SekishoError(
                Reason.REQUEST_INVALID, "the caller is known by its certificate: give one token, the person's"
            )
        return caller, words.token or words.bearer
    if words.bearer and (words.token or words.principal is not None):
        return desk.callers.vouched(desk.verify_token(words.bearer)), words.token
    return None, words.token or words.bearer
