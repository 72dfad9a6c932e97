"""adequacy.yaml: countries that count as adequate under a regime, or do not, whatever the list in the packs says.

    adequacy:
      - regime: eu                         # see REGIMES
        country: BR
        accepted: true                     # false: not to be relied on
        scope: all                         # what it covers, in words; rules read them
        excluded_data_types: []            # what it does not cover
        from: 2026-01-26
        citation: "(EU) 2026/179"

A country has one entry in force for a regime: two would say two things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.one_at_a_time import OneAtATime
from gateway.facts.period import Period
from gateway.model import Adequacy, Country

FILE: Final = "adequacy.yaml"
# A closed set: under a misspelt regime a country that is struck off the list would stay on it.
REGIMES: Final = ("cn", "eu", "id", "in", "jp", "kr", "ru", "th", "tw", "uk", "us", "vn")


@dataclass(frozen=True, slots=True)
class Recognised:
    """An entry, and when it counts."""

    entry: Adequacy
    period: Period
    line: int


def read_adequacy(root: Section) -> tuple[Recognised, ...]:
    """All entries of the file."""
    found: OneAtATime[Recognised] = OneAtATime()
    for section in root.sections("adequacy", required=True):
        one = _recognised(section)
        country = one.entry.country
        says = f"something of {country} for the same time"
        found.add(section, (one.entry.regime, country), one, says=says, of=country)
    root.done()
    return tuple(sorted(found, key=lambda one: (one.entry.regime, one.entry.country, one.line)))


def _recognised(section: Section) -> Recognised:
    entry = Adequacy(
        regime=section.choice("regime", REGIMES),
        country=section.country("country", required=True) or Country(""),
        accepted=section.flag("accepted"),
        scope=section.optional_text("scope") or "",
        excluded_data_types=section.data_types("excluded_data_types"),
        citation=section.text("citation"),
    )
    recognised = Recognised(entry, section.period(), section.line)
    section.done()
    return recognised


def adequacy_on(recognised: tuple[Recognised, ...], day: int) -> tuple[Adequacy, ...]:
    """The entries in force."""
    return tuple(_in_force(recognised, day))


def _in_force(recognised: tuple[Recognised, ...], day: int) -> Iterator[Adequacy]:
    return (one.entry for one in recognised if one.period.covers(day))
