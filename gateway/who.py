"""Who asks: the principal as verified, where they are, and by whom they are employed with the chain behind it.

They are imported from `gateway.model`, like the words they are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.words import Answer, Confidence, Country, EntityId, JsonValue, LocationSource, PrincipalId, Stay

_CONTROL = 50.0  # percent of an entity from which an owner controls it


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRequest:
    """An authority's request for somebody's data, on which the principal acts: out of a signed claim only."""

    authority_country: Country
    legal_basis: str  # warrant | investigation_inquiry | emergency
    category: str  # of the matter it is about, as the issuer names it
    subjects: int | None  # how many accounts it names; None: it names none (an area, a period)
    channel: str  # direct | mlat | icpo | diplomatic
    reviewed: bool  # by the team that answers such requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks, as verified. ``subject`` and ``issuer`` come from a token whose signature was checked."""

    issuer: str
    subject: str
    database_user: str  # the name the token maps to; the client must ask for exactly it
    groups: tuple[str, ...] = ()
    mfa: bool = False
    purpose: str | None = None  # from a signed claim only
    ticket: str | None = None  # the piece of work it is for, from a signed claim only
    request: EvidenceRequest | None = None
    token_id: str | None = None
    expires_at: int  # seconds since the epoch
    issued_at: int | None = None
    declared_country: Country | None = None  # location claim, only if the issuer is configured for it
    declared_employer: str | None = None  # an entity's id or LEI, by the same rule
    declared_residence: Country | None = None
    asserted_by: str | None = None  # the caller whose word it is, instead of a token or certificate of the principal's

    @property
    def id(self) -> PrincipalId:
        """``issuer#subject``: the one name of the principal in record and registry."""
        return PrincipalId(f"{self.issuer}#{self.subject}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where the bytes came from, as far as it can be attested."""

    address: str | None  # textual IP address of the person's side; None for a Unix socket
    via_edge: bool = False  # asserted by a configured edge (PROXY protocol, right-most hop)
    site: str | None = None  # the listener's site, where configuration binds it to one


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A program that asks for somebody else, by an identity of its own that configuration knows."""

    id: str  # its name in the configuration
    identity: str  # what proved it: the name in its certificate, or issuer#subject of its token
    asserts: tuple[str, ...] = ()  # what of the request is its word only: `Assertion`s, sorted
    expires_at: int  # of its certificate or token; seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBy:
    """Where one fact comes from, and how well it is known. Of the registry it is as of the registry's revision."""

    fact: str  # as findings name facts: principal.residence, employer.chain[1], …
    source: str  # a file of the registry, `token`, what located the person, or `none`
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A country, and who says that somebody is there."""

    country: Country
    source: str  # a `LocationSource`, or `another_session`
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The countries the principal is in now. None = unknown, which never allows data about people."""

    countries: tuple[Country, ...]
    source: LocationSource
    confidence: Confidence
    conflict: bool = False
    simultaneous: bool = False  # the principal was in two countries within minutes: all of them are in `countries`
    site: str | None = None
    note: str = ""  # why unknown, for `whois` and the record
    told: tuple[Told, ...] = ()  # each country by who says so, where several do; empty: all of them by `source`

    @property
    def each(self) -> tuple[Told, ...]:
        """Each country, and who says so."""
        return self.told or tuple(
            Told(country=country, source=self.source, confidence=self.confidence) for country in self.countries
        )

    @property
    def known_by(self) -> tuple[KnownBy, ...]:
        """The same for each, as findings name them; of no country one line that there is none."""
        if self.unknown:
            return (KnownBy(fact="location.countries", source=self.source, confidence=self.confidence),)
        return tuple(
            KnownBy(
                fact=f"location.countries[{self.countries.index(one.country)}]",
                source=one.source,
                confidence=one.confidence,
            )
            for one in self.each
        )

    @property
    def unknown(self) -> bool:
        """True where no source named a country."""
        return not self.countries


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One entity between the principal and the controller. Hop 0 is the controller itself."""

    hop: int
    entity: EntityId
    name: str
    country: Country | None
    relation: str  # controller | affiliate | contractor | subcontractor | owner
    contract: str | None = None
    share_percent: float | None = None
    designations: tuple[str, ...] = ()  # what an authority or a law made of it: ciio, telecom, government, …


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFact:
    """Whether an entity of the chain is held from the countries of a regime's ownership test."""

    test: str
    hop: int
    entity: EntityId
    answer: Answer
    note: str  # by whom, or what is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerFacts:
    """Who employs the principal and by which chain of contracts and owners that entity reaches the controller.

    ``chain`` starts at the controller (hop 0) and ends at the employer. ``complete`` is False where a part is unknown:
    no registry entry, no employment now, a contract whose sub-contractors are unknown.
    """

    known: bool
    complete: bool
    note: str = ""
    confidence: Confidence = Confidence.UNKNOWN  # attested by the registry, or only declared by a token
    conflict: bool = False  # the token says otherwise than the registry
    entity: EntityId | None = None
    name: str = ""
    country: Country | None = None
    relation: str = "unknown"  # controller | affiliate | contractor | subcontractor | unknown
    same_legal_entity: bool = False
    chain: tuple[ChainLink, ...] = ()
    owners: tuple[ChainLink, ...] = ()
    contracts: tuple[Mapping[str, JsonValue], ...] = ()
    held: tuple[HeldFact, ...] = ()
    blocked_by: str | None = None  # id of the block (kill-switch) in force
    residence: Country | None = None
    us_person: Answer = Answer.UNKNOWN  # citizen or permanent resident of the United States
    stay: Stay = Stay.UNKNOWN
    groups: tuple[str, ...] = ()
    person: str = ""  # the person's name in the registry, for people who read the record
    # Of further employers, and of owners who control only together: what the chain and the owners alone do not show.
    also_from: tuple[Country, ...] = ()
    known_by: tuple[KnownBy, ...] = ()

    def countries(self, controller: EntityId) -> frozenset[Country]:
        """Every country that the employer brings: its own, the chain's below the controller, and controlling owners'.

        Who owns half or more controls, and so does an owner of unknown share. Owners above the controller are left out:
        its own people would bring their country everywhere.
        """
        found = {*self.also_from, self.country, *(link.country for link in self.chain[1:])}
        found.update(owner.country for owner in self._controlling(controller))
        return frozenset(country for country in found if country is not None)

    def _controlling(self, controller: EntityId) -> list[ChainLink]:
        top = 0 if self.entity == controller else None
        for owner in self.owners:
            if owner.entity == controller:
                top = owner.hop
        return [
            owner
            for owner in self.owners
            if (owner.share_percent is None or owner.share_percent >= _CONTROL) and (top is None or owner.hop <= top)
        ]


def known_by_of(principal: Principal, location: Location, employer: EmployerFacts) -> tuple[KnownBy, ...]:
    """Where each fact about somebody comes from, and how well it is known."""
    lines = *location.known_by, *employer.known_by
    if principal.asserted_by is None:
        return lines
    source = f"caller {principal.asserted_by}"
    return KnownBy(fact="principal.id", source=source, confidence=Confidence.DECLARED), *lines


def origin_of(location: Location, employer: EmployerFacts, controller: EntityId) -> tuple[Country, ...]:
    """Every country whose location or law somebody brings, sorted.

    Location, residence, and what the employer brings: its chain below the controller and owners that control it.
    """
    countries = {*location.countries, *employer.countries(controller)}
    if employer.residence is not None and employer.stay is not Stay.TRIP:
        countries.add(employer.residence)
    return tuple(sorted(countries))
