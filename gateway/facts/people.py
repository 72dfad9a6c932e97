"""people.yaml: who works for which entity, from when until when, and where they live.

A person is named by issuer and subject, as the token's signature attests them; nothing else identifies anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period
from gateway.model import Country, EntityId, PrincipalId, Stay

FILE: Final = "people.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Employment:
    """One employment: with whom, and when."""

    entity: EntityId
    period: Period
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One registered principal."""

    id: PrincipalId
    name: str
    employments: tuple[Employment, ...]
    residence: Country | None
    stay: Stay
    stay_until: int | None  # first day on which the stay named is no longer known to be true
    groups: tuple[str, ...]

    def stay_on(self, day: int) -> Stay:
        """The stay as of a day. A trip that should have ended is unknown, not still a trip."""
        return Stay.UNKNOWN if self.stay_until is not None and day >= self.stay_until else self.stay

    def edges(self) -> Iterator[int]:
        """Days on which a fact about the person changes."""
        for employment in self.employments:
            yield from employment.period.edges()
        if self.stay_until is not None:
            yield self.stay_until


def read_people(root: Section) -> Mapping[PrincipalId, Person]:
    """All people of the file, by ``issuer#subject``."""
    people: dict[PrincipalId, Person] = {}
    for section in root.sections("people", required=True):
        person = _person(section)
        if person.id in people:
            section.problem("the same issuer and subject is registered a second time")
        people[person.id] = person
    root.done()
    return MappingProxyType(people)


def _person(section: Section) -> Person:
    issuer, subject = section.text("issuer"), section.text("subject")
    stay = Stay(section.choice("stay", tuple(Stay), Stay.UNKNOWN))
    stay_until = section.day("stay_until")
    if stay is Stay.TRIP and stay_until is None:
        # a trip hides the residence from the origin, so it must end by itself
        section.problem("a trip needs 'stay_until'", "stay")
    if stay is not Stay.TRIP and stay_until is not None:
        section.problem("'stay_until' belongs to a trip", "stay_until")
    employments = []
    for part in section.sections("employments", required=True):
        employments.append(
            Employment(entity=EntityId(part.identifier("entity")), period=part.period(), line=part.line_of("entity"))
        )
        part.done()
    person = Person(
        id=PrincipalId(f"{issuer}#{subject}"),
        name=section.text("name"),
        employments=tuple(employments),
        residence=section.country("residence"),
        stay=stay,
        stay_until=stay_until,
        groups=section.texts("groups"),
    )
    section.done()
    return person
