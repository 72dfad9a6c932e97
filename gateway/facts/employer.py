"""Who employs the principal, and how that entity reaches the controller of the data. What is unknown is said in words.

Several employments in force with different entities: nobody can tell for which of them the person asks, so the facts
are those of the least favourable one (blocked, then incomplete, then the longest chain, then by id), marked incomplete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.facts.bulk import Looked
from gateway.facts.chain import Hop, find_chain, link, links, owner_links, owner_of_principal
from gateway.facts.control import Control, Controls, OwnershipTest, control
from gateway.facts.entities import Contract, Entities, Entity
from gateway.facts.ownership import HALF, Ownership
from gateway.facts.people import Person
from gateway.facts.period import age_in_days, iso
from gateway.model import Answer, ChainLink, Confidence, Country, EmployerFacts, EntityId, HeldFact, JsonValue


@dataclass(frozen=True, slots=True)
class Declared:
    """What a token says of its person, where configuration lets its issuer say so."""

    employer: str | None = None
    residence: Country | None = None


def employer_facts(
    entities: Entities,
    controls: Controls,
    person: Person | None,
    controller: EntityId,
    day: int,
    declared: Declared = Declared(),
) -> EmployerFacts:
    """The facts as of a day: the registry's, and beside them what the token declares."""
    found = _registered(entities, controls, person, controller, day)
    if declared.residence is not None:
        found = _with_residence(found, declared.residence)
    if declared.employer is None:
        return found
    employer = entities.named(declared.employer)
    if employer is not None and employer in _employers(person, day):
        return found
    claimed = _of_one(entities, controls, found, employer, controller, day) if employer is not None else None
    if person is None and claimed is not None:
        note = "the employer is only declared by the token, and the person is not in the people registry"
        return replace(
            claimed,
            complete=False,
            same_legal_entity=False,
            confidence=Confidence.DECLARED,
            note=_joined(note, claimed.note),
        )
    name = claimed.name if claimed is not None else f"{declared.employer!r}, which the registry does not know"
    brought = claimed.countries(controller) if claimed is not None else ()
    return replace(
        found,
        complete=False,
        same_legal_entity=False,
        conflict=person is not None,
        also_from=tuple(sorted({*found.also_from, *brought})),
        blocked_by=found.blocked_by or (claimed.blocked_by if claimed is not None else None),
        note=_joined(f"the token says that the employer is {name}", found.note),
    )


def _with_residence(found: EmployerFacts, declared: Country) -> EmployerFacts:
    if found.residence is None:
        return replace(found, residence=declared)
    if found.residence == declared:
        return found
    return replace(
        found,
        complete=False,
        conflict=True,
        also_from=tuple(sorted({*found.also_from, declared})),
        note=_joined(f"the token says that the person lives in {declared}", found.note),
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _registered(
    entities: Entities, controls: Controls, person: Person | None, controller: EntityId, day: int
) -> EmployerFacts:
    if person is None:
        return EmployerFacts(known=False, complete=False, note="the person is not in the people registry")
    about = EmployerFacts(
        known=False,
        complete=False,
        residence=person.residence,
        us_person=person.us_person,
        stay=person.stay_on(day),
        groups=person.groups,
        person=person.name,
    )
    employers = _employers(person, day)
    if not employers:
        return replace(about, note=_no_employment(entities, person, day))
    found = [_of_one(entities, controls, about, employer, controller, day, by) for employer, by in employers.items()]
    if len(found) == 1:
        return found[0]
    worst = min(found, key=lambda facts: (facts.blocked_by is None, facts.complete, -len(facts.chain), facts.entity))
    names = " and ".join(facts.name for facts in found)
    return replace(
        worst,
        complete=False,
        same_legal_entity=False,
        also_from=tuple(sorted({country for facts in found for country in facts.countries(controller)})),
        note=f"several employments are in force ({names}): for which of them the person asks is not known",
    )


def _employers(person: Person | None, day: int) -> Mapping[EntityId, frozenset[str]]:
    """Whom the registry says somebody is employed by now, by id, and under which contracts; none: under any."""
    found: dict[EntityId, list[str | None]] = {}
    for job in person.employments if person is not None else ():
        if job.period.covers(day):
            found.setdefault(job.entity, []).append(job.contract)
    return {
        entity: frozenset(name for name in names if name is not None and None not in names)
        for entity, names in sorted(found.items())
    }


def _no_employment(entities: Entities, person: Person, day: int) -> str:
    past = [job for job in person.employments if job.period.end is not None and job.period.end <= day]
    if not past:
        return "the person has no employment in force"
    last = max(past, key=lambda job: (job.period.end or 0, job.entity))
    return (
        f"the person has no employment in force: the last one, with {entities.by_id[last.entity].name}, "
        f"ended before {iso(last.period.end or 0)}"
    )


def _of_one(
    entities: Entities,
    controls: Controls,
    about: EmployerFacts,
    employer: EntityId,
    controller: EntityId,
    day: int,
    by: Collection[str] = (),
) -> EmployerFacts:
    entity = entities.by_id[employer]
    hops = find_chain(entities, controller, employer, day, by)
    chain = links(entities, controller, hops, day) if hops is not None else ()
    note = _unknown_part(entities, employer, controller, hops, chain, by)
    return replace(
        about,
        known=True,
        complete=not note,
        note=note,
        confidence=Confidence.ATTESTED,
        entity=employer,
        name=entity.name,
        country=entity.country,
        relation=chain[-1].relation if chain else "unknown",
        same_legal_entity=employer == controller,
        chain=chain,
        owners=owner_links(entities, employer, day),
        contracts=_contracts(entities, hops or (), day),
        held=tuple(
            _held(entities, controls, chain[1:] or (link(entities, employer, len(hops or ()), "unknown", day),), day)
        ),
        also_from=_together(entities, employer, controller, day),
        blocked_by=_block(entities, chain or (link(entities, employer, 0, "unknown", day),), day),
    )


def _unknown_part(
    entities: Entities,
    employer: EntityId,
    controller: EntityId,
    hops: tuple[Hop, ...] | None,
    chain: tuple[ChainLink, ...],
    by: Collection[str],
) -> str:
    """Why the chain is not complete; empty where it is."""
    if hops is None:
        here, there = entities.by_id[employer].name, entities.by_id[controller].name
        if by:
            return f"{' and '.join(sorted(by))}, which the person works under, leads not from {there} to {here}"
        return f"no contract and no ownership in force leads from {there} to {here}"
    for entity in chain:
        if entity.country is None:
            return f"the country of law of {entity.name} (hop {entity.hop}) is not in the registry"
    for number, hop in enumerate(hops, start=1):
        if not isinstance(hop.by, Contract):
            continue
        if hop.by.subcontractors == "unknown":
            return f"whether {chain[number].name} (hop {number}) sub-contracts under {hop.by.id} is unknown"
        if hop.by.subcontractors == "none" and number < len(hops):
            return f"contract {hop.by.id} says {chain[number].name} has no sub-contractors, yet the chain goes on"
    return ""


def _contracts(entities: Entities, hops: tuple[Hop, ...], day: int) -> tuple[Mapping[str, JsonValue], ...]:
    return tuple(
        {
            "id": hop.by.id,
            "hop": number,
            "principal": hop.by.principal,
            "contractor": hop.by.contractor,
            "purpose": hop.by.purpose,
            "data_types": hop.by.data_types,
            "subcontractors": hop.by.subcontractors,
            "last_audit_age_days": age_in_days(hop.by.last_audit, day),
            "owner_of_principal": owner_of_principal(entities, hop.by, day),
            "transaction": hop.by.transaction,
            "exemptions": hop.by.exemptions,
        }
        for number, hop in enumerate(hops, start=1)
        if isinstance(hop.by, Contract)
    )


def _block(entities: Entities, chain: tuple[ChainLink, ...], day: int) -> str | None:
    """The first block, by id, on an entity of the chain or on the country it stands under."""
    ids = {entity.entity for entity in chain}
    countries = {entity.country for entity in chain if entity.country is not None}
    for block in entities.blocks:
        if block.period.covers(day) and (block.entity in ids or block.country in countries):
            return block.id
    return None


def _held(entities: Entities, controls: Controls, chain: tuple[ChainLink, ...], day: int) -> Iterator[HeldFact]:
    """Every ownership test, asked of every entity below the controller (of the controller, for its own people)."""
    for entity in chain:
        for test in controls.tests:
            found = controls.ask(test.id, entity.entity, day)
            yield HeldFact(
                test=test.id,
                hop=entity.hop,
                entity=entity.entity,
                answer=found.answer,
                note=held_note(entities, found),
            )


def held_note(entities: Entities, found: Control) -> str:
    """The first step or gap in words; the whole of it is `whois`'s to show."""
    if found.answer is Answer.NO:
        return ""
    if found.gaps:
        gap = found.gaps[0]
        name = entities.by_id[gap.entity].name
        if gap.what == "share":
            return f"which share of {name} is held by {entities.by_id[gap.owner or gap.entity].name} is not recorded"
        if gap.what == "owners" and gap.percent:
            return f"who holds {gap.percent:g} percent of {name} is not recorded"
        return f"of {name} the {gap.what} is not recorded"
    step = found.steps[0]
    name = entities.by_id[step.entity].name
    if step.how == "owners":
        holders = " and ".join(f"{entities.by_id[owner].name} ({share:g} percent)" for owner, share in step.holders)
        return f"{name} is held by {holders}"
    return f"{name} is designated" if step.how == "designated" else f"{name}: {step.how} of {step.country}"


@dataclass(frozen=True, slots=True)
class _Below:
    """Entities without the owners of the controller: who owns it brings nothing to those it employs through others."""

    entities: Entities
    controller: EntityId

    @property
    def by_id(self) -> Mapping[EntityId, Entity]:
        return self.entities.by_id

    @property
    def owners_of(self) -> Mapping[EntityId, tuple[Ownership, ...]]:
        return Looked(lambda: iter(self.entities.by_id), self._owners)

    def _owners(self, entity: EntityId) -> tuple[Ownership, ...] | None:
        return None if entity == self.controller else self.entities.owners_of.get(entity)


def _together(entities: Entities, employer: EntityId, controller: EntityId, day: int) -> tuple[Country, ...]:
    """Countries whose owners control the employer in sum, though perhaps none of them alone."""
    if employer == controller:
        return ()
    below = _Below(entities, controller)
    places = {link.country for link in owner_links(entities, employer, day)} - {None}
    return tuple(
        sorted(
            place
            for place in places
            if place is not None and control(below, _half_from(place), employer, day).answer is Answer.YES
        )
    )


def _half_from(place: Country) -> OwnershipTest:
    return OwnershipTest(id=f"half-from-{place}", countries=frozenset({place}), share=HALF, headquarters=False)
