"""The circumstances of a statement: who asks, from where, employed by whom, whose data it is, what they were told.

Joined with what the statement touches they are everything a decision is made from. A function: no socket, no clock.
"""

from __future__ import annotations

from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.sightings import Presence, Sightings
from gateway.facts.volume import VolumeCounter
from gateway.model import StatementFacts, Understanding
from gateway.needs import Ask, World

_DAY = 86_400


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
    ends = [principal.expires_at, registry.next_change(at), at - at % _DAY + _DAY, placed.until]
    if principal.issued_at is not None and principal.issued_at + claim_age > at:
        ends.append(principal.issued_at + claim_age)  # a location claim stops counting
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
        valid_until=min(ends),
        registry_revision=registry.revision,
    )
    return understanding, placed.presence
