"""agreements.yaml: what was agreed with whom to keep data safe abroad, as of any day.

agreements:
  - id: scc-line-plus
    kind: scc                          # see KINDS
    controller: line-jp
    entity: line-plus
    data_types: [user.payment]         # what it is about; without it: everything
    from: 2026-04-01
    last_check: 2026-09-30             # when somebody last looked whether it is kept
    foreign_law_risk: noted            # whether the other side's law lets it be kept: none, noted, cannot_secure
    tia: {date: 2026-03-01, outcome: effective}   # transfer impact assessment, or risk assessment
    onward_ban: true                   # the other side may not hand the data on to countries of concern
  - id: dpf
    kind: certification
    scheme: dpf                        # what it is certified by: that one, not somebody
    controller: line-jp
    entity: helper-us
    foreign_law_risk: none
  - id: cloud
    kind: no_handling                  # the provider stores the data and does not handle it
    access_control: true               # and is kept from it by technical means
    controller: line-jp
    entity: cloud-us
    foreign_law_risk: noted
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period, age_in_days
from gateway.model import Agreement, DataType, EntityId

FILE: Final = "agreements.yaml"
KINDS: Final = (
    "equivalent_system",
    "scc",
    "idta",
    "bcr",
    "cbpr",
    "standard_contract",
    "certification",
    "no_handling",
)
RISKS: Final = ("none", "noted", "cannot_secure")
OUTCOMES: Final = ("effective", "ineffective")


@dataclass(frozen=True, slots=True)
class Assessment:
    """Of a transfer: on which day it was made, and whether the safeguards hold against the country's law."""

    day: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One safeguard between a controller and an entity."""

    id: str
    kind: str
    controller: EntityId
    entity: EntityId
    data_types: tuple[DataType, ...]
    scheme: str | None
    period: Period
    last_check: int | None
    foreign_law_risk: str
    assessment: Assessment | None
    onward_ban: bool
    access_control: bool | None
    line: int

    def edges(self) -> Iterator[int]:
        """Days on which a fact about the agreement changes."""
        yield from self.period.edges()
        yield from self.counted_from()

    def counted_from(self) -> Iterator[int]:
        """Days since which something is counted."""
        if self.last_check is not None:
            yield self.last_check
        if self.assessment is not None:
            yield self.assessment.day


def read_agreements(root: Section) -> tuple[Agreed, ...]:
    """All agreements of the file."""
    agreements: dict[str, Agreed] = {}
    for section in root.sections("agreements", required=True):
        agreed = _agreed(section)
        if agreed.id in agreements:
            section.problem(f"agreement '{agreed.id}' stands twice", "id")
        agreements[agreed.id] = agreed
    root.done()
    return tuple(agreements[key] for key in sorted(agreements))


def _agreed(section: Section) -> Agreed:
    kind = section.choice("kind", KINDS)
    agreed = Agreed(
        id=section.identifier(),
        kind=kind,
        controller=EntityId(section.identifier("controller")),
        entity=EntityId(section.identifier("entity")),
        data_types=section.data_types("data_types"),
        scheme=_scheme(section, kind),
        period=section.period(),
        last_check=section.day("last_check"),
        foreign_law_risk=section.choice("foreign_law_risk", RISKS),
        assessment=_assessment(section),
        onward_ban=section.flag("onward_ban", default=False),
        access_control=_access_control(section, kind),
        line=section.line,
    )
    section.done()
    return agreed


def _scheme(section: Section, kind: str) -> str | None:
    scheme = section.optional_identifier("scheme")
    if kind == "certification" and scheme is None:
        section.problem("a certification needs 'scheme': what it is certified by", "kind")
    elif kind != "certification" and scheme is not None:
        section.problem("'scheme' belongs to a certification", "scheme")
    return scheme


def _access_control(section: Section, kind: str) -> bool | None:
    if kind == "no_handling":
        return section.flag("access_control")
    if section.has("access_control"):
        section.problem("'access_control' belongs to no_handling", "access_control")
        section.flag("access_control")
    return None


def _assessment(section: Section) -> Assessment | None:
    part = section.section("tia")
    if part is None:
        return None
    if not part.has("date"):
        part.problem("'date' is missing", "date")
    day, outcome = part.day("date"), part.choice("outcome", OUTCOMES)
    part.done()
    return None if day is None else Assessment(day, outcome)


def agreements_on(agreements: tuple[Agreed, ...], controller: EntityId, day: int) -> tuple[Agreement, ...]:
    """The controller's safeguards in force."""
    return tuple(
        _as_of(agreed, day) for agreed in agreements if agreed.controller == controller and agreed.period.covers(day)
    )


def _as_of(agreed: Agreed, day: int) -> Agreement:
    made = agreed.assessment if agreed.assessment is not None and agreed.assessment.day <= day else None
    return Agreement(
        id=agreed.id,
        kind=agreed.kind,
        entity=agreed.entity,
        last_check_age_days=age_in_days(agreed.last_check, day),
        foreign_law_risk=agreed.foreign_law_risk,
        data_types=agreed.data_types,
        scheme=agreed.scheme,
        tia_age_days=None if made is None else age_in_days(made.day, day),
        tia_outcome=None if made is None else made.outcome,
        onward_ban=agreed.onward_ban,
        access_control=agreed.access_control,
    )
