"""Where the principal is now: the listener's site, else the address, and beside it a fresh signed claim.

What is only an intermediary gives no country, and the note says why in plain words. Sources that disagree are all kept:
every country, flagged as a conflict, no better known than the weakest of them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from gateway.facts.geoip import CountryDatabase
from gateway.facts.networks import INTERMEDIARY_KINDS, Address, Networks, Site
from gateway.model import Confidence, Country, Location, LocationSource, Peer, Principal, Told


@dataclass(frozen=True, slots=True)
class _Standing:
    """What one source says: a site whose country counts, or a note why not."""

    site: Site | None = None
    inferred: Country | None = None  # by a country database
    note: str = ""
    hides: bool = False  # known to hide where people are, as against merely unlisted


def locate(
    networks: Networks,
    database: CountryDatabase | None,
    peer: Peer,
    principal: Principal,
    at: int,
    country_max_age: int,
) -> Location:
    """The country or countries, each only as well known as its source."""
    attested = _attested(networks, database, peer)
    claim = principal.declared_country
    if claim is None:
        return attested
    until = claim_until(principal, country_max_age)
    if until is None or at >= until:
        return replace(attested, note=_joined(attested.note, "the token's country claim is too old to count"))
    if attested.unknown:
        return replace(attested, countries=(claim,), source=LocationSource.CLAIM, confidence=Confidence.DECLARED)
    if attested.countries == (claim,):
        return attested
    told = Told(country=claim, source=LocationSource.CLAIM, confidence=Confidence.DECLARED)
    return _conflict(attested, told, f"the token's claim says {claim}")


def claim_until(principal: Principal, country_max_age: int) -> int | None:
    """The moment from which the country claim no longer counts; None where it never does."""
    if principal.declared_country is None or principal.issued_at is None:
        return None
    return principal.issued_at + country_max_age


def _attested(networks: Networks, database: CountryDatabase | None, peer: Peer) -> Location:
    by_address = _by_address(networks, peer.address, database if peer.via_edge else None)
    if peer.site is None:
        return _location(by_address, LocationSource.SITE_NETWORK)
    by_listener = _by_listener(networks, peer.site)
    if by_listener.site is not None and by_address.hides:
        # a listener bound to an office, reached from a VPN exit: whoever comes does not stand there
        return _location(by_address, LocationSource.SITE_LISTENER)
    found = _location(by_listener, LocationSource.SITE_LISTENER)
    other, inferred = by_address.site, by_address.inferred
    if not found.unknown and inferred is not None and found.countries != (inferred,):
        told = Told(country=inferred, source=LocationSource.GEOIP, confidence=Confidence.INFERRED)
        return _conflict(found, told, f"the country database says {inferred} of the address")
    if found.unknown or other is None or found.countries == (other.country,):
        return found
    told = Told(country=other.country, source=LocationSource.SITE_NETWORK, confidence=Confidence.ATTESTED)
    return _conflict(found, told, f"the address is of {other.id} ({other.country})")


def _location(standing: _Standing, source: LocationSource) -> Location:
    if standing.inferred is not None:
        return Location(
            countries=(standing.inferred,),
            source=LocationSource.GEOIP,
            confidence=Confidence.INFERRED,
            note=standing.note,
        )
    if standing.site is None:
        return Location(countries=(), source=LocationSource.NONE, confidence=Confidence.UNKNOWN, note=standing.note)
    return Location(
        countries=(standing.site.country,), source=source, confidence=Confidence.ATTESTED, site=standing.site.id
    )


def _conflict(found: Location, other: Told, note: str) -> Location:
    """``other`` is no better known than what was found: sources are asked from the best known to the least."""
    known = other.country in found.countries
    return replace(
        found,
        countries=tuple(sorted({*found.countries, other.country})),
        confidence=other.confidence,
        conflict=True,
        told=found.each if known else (*found.each, other),
        note=_joined(f"{found.site or 'the address'} is in {', '.join(found.countries)}, but {note}", found.note),
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _by_listener(networks: Networks, site_id: str) -> _Standing:
    site = networks.sites.get(site_id)
    if site is None:
        return _Standing(note=f"the listener is bound to site {site_id}, which is not in the registry")
    if site.hides:
        return _Standing(note=_hidden("the listener is bound to", site), hides=True)
    return _Standing(site)


def _by_address(networks: Networks, text: str | None, database: CountryDatabase | None) -> _Standing:
    if text is None:
        return _Standing(note="the peer came by a Unix socket: it says nothing about where the person is")
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return _Standing(note="the peer's address cannot be read")
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if (what := _nowhere(address)) is not None:
        return _Standing(note=f"the address is {what}: it says nothing about where the person is")
    site = networks.site_of(address)
    if site is None:
        inferred = database.country(address) if database is not None and address.is_global else None
        if inferred is not None:
            return _Standing(inferred=inferred, note="by a country database: where the address is registered to be")
        private = "a private address that" if address.is_private else "an address that"
        return _Standing(note=f"the peer has {private} no site network of the registry covers")
    if site.hides:
        return _Standing(note=_hidden("the address is", site), hides=True)
    if not site.direct:
        return _Standing(
            note=f"the address is of {site.id} ({site.country}), whose network is not marked direct: "
            "the person may stand behind it, anywhere"
        )
    return _Standing(site)


def _hidden(what: str, site: Site) -> str:
    kind = INTERMEDIARY_KINDS[site.kind]
    return f"{what} {kind} ({site.id}, {site.country}): it says nothing about where the person is"


def _nowhere(address: Address) -> str | None:
    """What an address is that can come from anywhere; None for any other."""
    if address.is_loopback:
        return "a loopback address (a port-forward, often)"
    if address.is_link_local:
        return "a link-local address"
    if address.is_unspecified or address.is_multicast:
        return "no address of a person's machine"
    return None
