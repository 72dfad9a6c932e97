"""The circumstances of a request: who asks, from where, employed by whom, whose data it is, what they were told.

Joined with what the statement touches they are everything a decision is made from. A function: no socket, no clock.
"""

from __future__ import annotations

from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.registry import Registry
from gateway.facts.sightings import Presence, Sightings
from gateway.facts.volume import VolumeCounter
from gateway.inquiry import Inquiry, ReadingFacts
from gateway.model import (
    Caller,
    Confidence,
    EmployerFacts,
    EntityId,
    Location,
    LocationSource,
    Principal,
    StatementFacts,
    Understanding,
)
from gateway.needs import Ask, World

_DAY = 86_400
_AT_THE_MACHINE = Location(
    countries=(),
    source=LocationSource.NONE,
    confidence=Confidence.UNKNOWN,
    note="the command line of the gateway's own machine",
)


def understand(
    world: World, volume: VolumeCounter, sightings: Sightings, ask: Ask, statement: StatementFacts, at: int
) -> tuple[Understanding, Presence | None]:
    """Everything a decision is made from, and the person's place, which it stands by. Raises PolicyUnavailable for a
    datasource the registry does not know."""
    registry = world.registry
    datasource = registry.datasource(ask.datasource, at)
    if datasource is None:
        raise PolicyUnavailable(Reason.DATASOURCE_UNKNOWN, "the registry's catalog does not know this datasource")
    principal = ask.principal
    claim_age = world.country_max_age(principal.issuer)
    location = registry.location(ask.peer, principal, at, claim_age)
    placed = sightings.place(registry.person(principal), location, at)
    employer = registry.employer(principal, datasource.controller, at)
    assured = registry.assured(datasource.controller, at)
    understanding = Understanding(
        at=at,
        door=ask.door,
        datasource=datasource,
        profile=ask.profile,
        principal=principal,
        location=placed.location,
        employer=employer,
        statement=statement,
        data=registry.data(ask.datasource, statement, at),
        disclosures=assured.disclosures,
        agreements=assured.agreements,
        claims=assured.claims,
        consents=assured.consents,
        adequacy=assured.adequacy,
        volume=volume.rows(datasource.controller, employer.entity, at),
        purpose=principal.purpose,
        valid_until=min(_until(principal, ask.caller, registry, claim_age, at), placed.until),
        registry_revision=registry.revision,
        caller=ask.caller,
    )
    return understanding, placed.presence


def understand_reader(world: World, sightings: Sightings | None, inquiry: Inquiry, at: int) -> ReadingFacts:
    """Everything a decision about reading the record is made from."""
    registry, principal = world.registry, inquiry.principal
    claim_age = world.country_max_age(principal.issuer)
    controller, employer = _least_favourable(registry, principal, at)
    location, until = _AT_THE_MACHINE, _until(principal, inquiry.caller, registry, claim_age, at)
    if inquiry.door is not None:
        location = registry.location(inquiry.peer, principal, at, claim_age)
        if sightings is not None:
            placed = sightings.place(registry.person(principal), location, at)
            location, until = placed.location, min(until, placed.until)
    return ReadingFacts(
        at=at,
        door=inquiry.door,
        principal=principal,
        location=location,
        employer=employer,
        controller=controller,
        reading=inquiry.reading,
        purpose=principal.purpose,
        valid_until=until,
        registry_revision=registry.revision,
        caller=inquiry.caller,
    )


def _least_favourable(registry: Registry, principal: Principal, at: int) -> tuple[EntityId, EmployerFacts]:
    """The record is of all controllers: the employer as seen from the one towards which most is against it."""
    controllers = sorted({source.controller for source in registry.catalog.values()})
    seen = [(controller, registry.employer(principal, controller, at)) for controller in controllers]
    if not seen:
        note = "the registry's catalog has no datasource, so there is no controller to be employed by"
        return EntityId(""), EmployerFacts(known=False, complete=False, note=note)
    return min(seen, key=lambda one: (one[1].blocked_by is None, one[1].known, one[1].complete, -len(one[1].chain)))


def _until(principal: Principal, caller: Caller | None, registry: Registry, claim_age: int, at: int) -> int:
    """The earliest moment at which what is known of somebody may change by the passing of time alone."""
    ends = [principal.expires_at, registry.next_change(at), at - at % _DAY + _DAY]
    if principal.issued_at is not None and principal.issued_at + claim_age > at:
        ends.append(principal.issued_at + claim_age)  # a location claim stops counting
    if caller is not None:
        ends.append(caller.expires_at)
    return min(ends)
