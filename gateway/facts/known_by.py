"""Where each fact about a person comes from, and how well it is known: the registry's files attest, a token declares.

What nobody recorded is unknown, which is said of the very fact, so that no rule takes its absence for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.facts import bulk, entities
from gateway.facts.employer import Declared
from gateway.facts.entities import Entities
from gateway.facts.people import Person
from gateway.model import Answer, ChainLink, Confidence, EmployerFacts, EntityId, KnownBy, Stay

TOKEN: Final = "token"  # noqa: S105 - a source, not a secret
NONE: Final = "none"


def known_by(known: Entities, person: Person | None, said: Declared, facts: EmployerFacts) -> tuple[KnownBy, ...]:
    """One line for each fact of a person towards a controller."""
    return tuple(_lines(known, person, said, facts))


def _lines(known: Entities, person: Person | None, said: Declared, facts: EmployerFacts) -> Iterator[KnownBy]:
    file = person.file if person is not None else NONE
    if said.residence is not None and (person is None or person.residence is None):
        yield KnownBy(fact="principal.residence", source=TOKEN, confidence=Confidence.DECLARED)
    else:
        yield _recorded("principal.residence", file, facts.residence is not None)
    yield _recorded("principal.stay", file, facts.stay is not Stay.UNKNOWN)
    yield _recorded("principal.us_person", file, facts.us_person is not Answer.UNKNOWN)
    declared = facts.confidence is Confidence.DECLARED
    yield KnownBy(fact="employer.entity", source=TOKEN if declared else file, confidence=facts.confidence)
    yield from _links(known, "employer.chain", facts.chain, shares=False)
    yield from _links(known, "employer.owners", facts.owners, shares=True)
    for number, contract in enumerate(facts.contracts):
        yield _recorded(f"employer.contracts[{number}]", entities.FILE, contract["subcontractors"] != "unknown")
    for number, fact in enumerate(facts.held):
        yield _recorded(f"employer.held[{number}]", _file(known, fact.entity), fact.answer is not Answer.UNKNOWN)


def _links(known: Entities, name: str, links: Sequence[ChainLink], *, shares: bool) -> Iterator[KnownBy]:
    for number, link in enumerate(links):
        whole = link.country is not None and (link.share_percent is not None or not shares)
        yield _recorded(f"{name}[{number}]", _file(known, link.entity), whole)


def _file(known: Entities, entity: EntityId) -> str:
    return entities.FILE if entity in known.by_hand else bulk.ENTITIES_FILE


def _recorded(fact: str, file: str, recorded: bool) -> KnownBy:
    return KnownBy(fact=fact, source=file, confidence=Confidence.ATTESTED if recorded else Confidence.UNKNOWN)
