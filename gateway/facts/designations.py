"""What an authority or a law made of an entity, from when until when: a plain word, or a mapping with dates.

designations:
  - government
  - {as: ciio, from: 2024-01-01}
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period

# A closed set: a misspelt one would be a rule that silently does not apply.
DESIGNATIONS: Final = (
    "broadcaster",
    "ciio",  # operator of critical information infrastructure (China)
    "covered_person",  # designated by the Attorney General (28 CFR 202.211(a)(5))
    "credit_information",
    "financial",
    "government",
    "health_provider",
    "hr_recruiter",
    "jp_business_operator",  # abroad, and handling personal data as a business operator in Japan
    "large_handler",  # handles so much that a law asks more of it
    "public_scope",  # operator of electronic systems of public scope (Indonesia)
    "significant_data_fiduciary",
    "social_worker_office",
    "telecom",
)


@dataclass(frozen=True, slots=True)
class Designation:
    """One, and when it counts."""

    word: str
    period: Period


def read_designations(section: Section) -> tuple[Designation, ...]:
    """The designations of an entity's section."""
    found = []
    for part, word in section.words_or_sections("designations"):
        if part is not None:
            word = part.text("as")
        if word not in DESIGNATIONS:
            section.problem(f"'{word}' in 'designations' must be one of: {', '.join(DESIGNATIONS)}", "designations")
        found.append(Designation(word, Period() if part is None else part.period()))
        if part is not None:
            part.done()
    return tuple(sorted(found, key=lambda one: (one.word, one.period.start or 0)))


def designated_on(designations: Iterable[Designation], day: int) -> tuple[str, ...]:
    """The words in force, each once."""
    return tuple(sorted({one.word for one in designations if one.period.covers(day)}))
