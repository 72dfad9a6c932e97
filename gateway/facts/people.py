"""people.yaml: who works for which entity, from when until when, and where they live.

A principal is named by issuer and subject, as they were attested: the issuer of a token and its ``sub``; for a client's
certificate the issuer that configuration gives it and its alternative name (a SPIFFE id); for a service account the
cluster's issuer and ``system:serviceaccount:...``; for a user with a password the issuer of service users and the name.
Somebody with several of them lists them under ``identities``; nothing else identifies anybody. `people_table` reads the
same out of a CSV file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period
from gateway.model import Answer, Country, EntityId, PrincipalId, Stay

FILE: Final = "people.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Employment:
    """One employment: with whom, when, and under which contract, where the person is there for one."""

    entity: EntityId
    period: Period
    line: int
    contract: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One registered person or workload."""

    id: PrincipalId  # the first of its identities
    name: str
    employments: tuple[Employment, ...]
    residence: Country | None
    stay: Stay
    stay_until: int | None  # first day on which the stay named is no longer known to be true
    groups: tuple[str, ...]
    us_person: Answer = Answer.UNKNOWN
    identities: tuple[PrincipalId, ...] = ()  # further ones
    file: str = FILE

    def stay_on(self, day: int) -> Stay:
        """The stay as of a day. A trip that should have ended is unknown, not still a trip."""
        return Stay.UNKNOWN if self.stay_until is not None and day >= self.stay_until else self.stay

    def edges(self) -> Iterator[int]:
        """Days on which a fact about the person changes."""
        for employment in self.employments:
            yield from employment.period.edges()
        if self.stay_until is not None:
            yield self.stay_until


def read_people(root: Section) -> tuple[Person, ...]:
    """All people of the file."""
    people: list[Person] = []
    known: set[PrincipalId] = set()
    for section in root.sections("people", required=True):
        person = _person(section)
        for identity in (person.id, *person.identities):
            if identity in known:
                section.problem("the same issuer and subject is registered a second time")
            known.add(identity)
        people.append(person)
    root.done()
    return tuple(people)


def by_identity(people: Iterable[Person]) -> Mapping[PrincipalId, Person]:
    """Everybody by ``issuer#subject``, under each of their identities."""
    return MappingProxyType({identity: one for one in people for identity in (one.id, *one.identities)})


def _person(section: Section) -> Person:
    identities = [_identity(part) for part in section.sections("identities")]
    if section.has("issuer") or section.has("subject") or not identities:
        identities.insert(0, PrincipalId(f"{section.text('issuer')}#{section.text('subject')}"))
    stay = Stay(section.choice("stay", tuple(Stay), Stay.UNKNOWN))
    stay_until = section.day("stay_until")
    if (odd := stay_problem(stay, stay_until)) is not None:
        section.problem(odd, "stay" if stay is Stay.TRIP else "stay_until")
    employments = []
    for part in section.sections("employments", required=True):
        employment = Employment(
            entity=EntityId(part.entity()),
            period=part.period(),
            line=part.line_of("entity"),
            contract=part.optional_text("contract"),
        )
        employments.append(employment)
        part.done()
    person = Person(
        id=identities[0],
        name=section.text("name"),
        employments=tuple(employments),
        residence=section.country("residence"),
        stay=stay,
        stay_until=stay_until,
        groups=section.texts("groups"),
        us_person=Answer(section.choice("us_person", tuple(Answer), Answer.UNKNOWN)),
        identities=tuple(identities[1:]),
    )
    section.done()
    return person


def stay_problem(stay: Stay, until: int | None) -> str | None:
    """What is wrong with a stay and its end."""
    if stay is Stay.TRIP and until is None:
        # a trip hides the residence from the origin, so it must end by itself
        return "a trip needs 'stay_until'"
    if stay is not Stay.TRIP and until is not None:
        return "'stay_until' belongs to a trip"
    return None


def _identity(section: Section) -> PrincipalId:
    found = PrincipalId(f"{section.text('issuer')}#{section.text('subject')}")
    section.done()
    return found
