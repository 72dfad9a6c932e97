"""``sekisho whois``: what the registry says of a person, an entity or an address, where it comes from, what is unknown.

``explain`` makes the document; `gateway.whois_text` shows it. Everything is as of one moment.
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.facts import agreements
from gateway.facts.agreements import Agreed
from gateway.facts.called import find_entity, find_person
from gateway.facts.control import Control
from gateway.facts.designations import designated_on
from gateway.facts.employer import held_note
from gateway.facts.entities import Contract
from gateway.facts.ownership import Ownership
from gateway.facts.people import Person
from gateway.facts.period import Period, day_of, iso
from gateway.facts.registry import Registry
from gateway.inquiry import Looking, Reading
from gateway.model import Confidence, EntityId, Peer, Principal

MOST: Final = 200  # lines of one list or tree; more is for --json of a smaller question
_NOBODY: Final = Principal(issuer="", subject="", database_user="", expires_at=0)

Document = dict[str, Any]


def explain(registry: Registry, name: str, at: int) -> Document:
    """The document about whatever the name names. Raises ConfigError."""
    document = _address(registry, name, at)
    if document is None:
        person = find_person(registry, name)
        entity = find_entity(registry, name) if person is None else None
        if person is not None:
            document = _of_person(registry, person, at)
        elif entity is not None:
            document = _of_entity(registry, entity, day_of(at))
        else:
            raise ConfigError([f"{name}: no address, and no person or entity of the registry"])
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    return {**document, "as_of": moment, "registry_revision": registry.revision}


def reading_of(registry: Registry, name: str, at: int) -> Reading:
    """What it is to be told of whatever the name names: of a person, of people of their employer; of an entity, of
    people of it; of an address, or of somebody employed by several, of anybody. Raises ConfigError."""
    person = find_person(registry, name)
    if person is None:
        return Reading(what=Looking.WHOIS, entity=find_entity(registry, name))
    employers = {job.entity for job in person.employments if job.period.covers(day_of(at))}
    return Reading(what=Looking.WHOIS, principal=person.id, entity=employers.pop() if len(employers) == 1 else None)


def _fact(value: Any, source: str, confidence: Confidence = Confidence.ATTESTED) -> Document:
    """A value with where it comes from; what is not there is unknown, from nowhere."""
    if value is None or value in ("unknown", ""):
        return {"value": None, "source": source, "confidence": str(Confidence.UNKNOWN)}
    return {"value": value, "source": source, "confidence": str(confidence)}


# -- addresses ------------------------------------------------------------------------------------------------------


def _address(registry: Registry, name: str, at: int) -> Document | None:
    try:
        address = str(ipaddress.ip_address(name))
    except ValueError:
        return None
    found = registry.location(Peer(address=address), _NOBODY, at, 0)
    return {"kind": "address", "id": address, "location": {**asdict(found), "unknown": found.unknown}}


# -- people ---------------------------------------------------------------------------------------------------------


def _of_person(registry: Registry, person: Person, at: int) -> Document:
    day = day_of(at)
    return {
        "kind": "person",
        "id": person.id,
        "identities": list(person.identities),
        "name": person.name,
        "residence": _fact(person.residence, person.file),
        "stay": _fact(str(person.stay_on(day)), person.file),
        "us_person": _fact(str(person.us_person), person.file),
        "groups": list(person.groups),
        "employments": [
            {
                "entity": job.entity,
                "name": registry.entities.by_id[job.entity].name,
                "contract": job.contract,
                "in_force": job.period.covers(day),
                "source": f"{person.file}:{job.line}",
                **_dates(job.period),
            }
            for job in person.employments
        ],
        "towards": [_towards(registry, person, controller, at) for controller in _controllers(registry)],
    }


def _controllers(registry: Registry) -> list[EntityId]:
    return sorted({source.controller for source in registry.catalog.values()})


def _towards(registry: Registry, person: Person, controller: EntityId, at: int) -> Document:
    """The employer as seen from one controller."""
    issuer, _, subject = person.id.partition("#")
    principal = Principal(issuer=issuer, subject=subject, database_user=subject, expires_at=at)
    facts = registry.employer(principal, controller, at)
    known = {name: value for name, value in asdict(facts).items() if name not in ("groups", "person", "held")}
    return {
        "controller": controller,
        **known,
        "origins": sorted(facts.countries(controller)),
        "held": [_held(registry, fact.test, fact.entity, day_of(at)) for fact in facts.held],
        "owner_tree": _owners(registry, facts.entity, day_of(at)) if facts.entity is not None else [],
    }


# -- entities -------------------------------------------------------------------------------------------------------


def _of_entity(registry: Registry, key: EntityId, day: int) -> Document:
    entities = registry.entities
    entity = entities.by_id[key]
    source = "entities.yaml" if key in entities.by_hand else "entities.csv"
    given = [one for one in entities.contracts if key in (one.principal, one.contractor)]
    return {
        "kind": "entity",
        "id": key,
        "name": entity.name,
        "lei": entity.lei,
        "entity_kind": entity.kind,
        "status": entity.status,
        "country": _fact(entity.country, source),
        "headquarters": _fact(entity.headquarters, source),
        "designations": list(designated_on(entity.designations, day)),
        "owners_known": entity.owners_known,
        "owners_note": entity.owners_note,
        "owners": _owners(registry, key, day),
        "owns": [_edge(registry, edge, edge.owned) for edge in _now(entities.owned_by.get(key, ()), day)][:MOST],
        "contracts": [_contract(registry, one) for one in given if one.period.covers(day)],
        "agreements": [_agreement(one, day) for one in registry.assurances.agreed if one.entity == key][:MOST],
        "blocked_by": [
            block.id
            for block in entities.blocks
            if block.period.covers(day)
            and (block.entity == key or (block.country is not None and block.country == entity.country))
        ],
        "held": [_held(registry, test.id, key, day) for test in registry.controls.tests],
    }


def _now(edges: tuple[Ownership, ...], day: int) -> list[Ownership]:
    return [edge for edge in edges if edge.period.covers(day)]


def _dates(period: Period) -> Document:
    start, end = period.start, period.end
    return {"from": None if start is None else iso(start), "to": None if end is None else iso(end)}


def _edge(registry: Registry, edge: Ownership, other: EntityId) -> Document:
    entity = registry.entities.by_id[other]
    return {
        "entity": other,
        "name": entity.name,
        "country": entity.country,
        "headquarters": entity.headquarters,
        "share_percent": edge.share,
        "basis": edge.basis,
        **_dates(edge.period),
    }


def _contract(registry: Registry, contract: Contract) -> Document:
    names = registry.entities.by_id
    return {
        "id": contract.id,
        "principal": contract.principal,
        "principal_name": names[contract.principal].name,
        "contractor": contract.contractor,
        "contractor_name": names[contract.contractor].name,
        "purpose": contract.purpose,
        "data_types": list(contract.data_types),
        "subcontractors": contract.subcontractors,
        "last_audit": None if contract.last_audit is None else iso(contract.last_audit),
        "transaction": contract.transaction,
        "exemptions": list(contract.exemptions),
        **_dates(contract.period),
    }


def _agreement(agreed: Agreed, day: int) -> Document:
    return {
        "id": agreed.id,
        "kind": agreed.kind,
        "scheme": agreed.scheme,
        "controller": agreed.controller,
        "data_types": list(agreed.data_types),
        "last_check": None if agreed.last_check is None else iso(agreed.last_check),
        "foreign_law_risk": agreed.foreign_law_risk,
        "assessment": None
        if agreed.assessment is None
        else {"date": iso(agreed.assessment.day), "outcome": agreed.assessment.outcome},
        "in_force": agreed.period.covers(day),
        "source": f"{agreements.FILE}:{agreed.line}",
        **_dates(agreed.period),
    }


@dataclass(slots=True)
class _Tree:
    """Owners above an entity, each shown with its own owners where it is met first."""

    registry: Registry
    day: int
    left: int = MOST

    def above(self, key: EntityId, seen: set[EntityId]) -> list[Document]:
        found = []
        for edge in _now(self.registry.entities.owners_of.get(key, ()), self.day):
            if self.left <= 0:
                break
            self.left -= 1
            again = edge.owner in seen
            seen.add(edge.owner)
            owners = [] if again else self.above(edge.owner, seen)
            found.append({**_edge(self.registry, edge, edge.owner), "shown_above": again, "owners": owners})
        return found


def _owners(registry: Registry, key: EntityId, day: int) -> list[Document]:
    return _Tree(registry, day).above(key, {key})


def _held(registry: Registry, test: str, key: EntityId, day: int) -> Document:
    found: Control = registry.controls.ask(test, key, day)
    return {
        "test": test,
        "entity": key,
        "answer": str(found.answer),
        "note": held_note(registry.entities, found),
        "steps": [asdict(step) for step in found.steps],
        "gaps": [asdict(gap) for gap in found.gaps],
        "since": None if found.since is None else iso(found.since),
        "until": None if found.until is None else iso(found.until),
    }
