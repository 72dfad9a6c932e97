"""disclosures.yaml and agreements.yaml: what users were told, and what was agreed with whom, as of any day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period, age_in_days
from gateway.model import Agreement, Country, DataType, Disclosure, EntityId

DISCLOSURES_FILE: Final = "disclosures.yaml"
AGREEMENTS_FILE: Final = "agreements.yaml"

KINDS: Final = ("equivalent_system", "scc", "idta", "cbpr", "standard_contract", "certification")
RISKS: Final = ("none", "noted", "cannot_secure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One version of what a controller told its users."""

    id: str
    controller: EntityId
    period: Period
    disclosures: tuple[Disclosure, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """One safeguard between a controller and an entity."""

    id: str
    kind: str
    controller: EntityId
    entity: EntityId
    period: Period
    last_check: int | None
    foreign_law_risk: str
    line: int

    def edges(self) -> Iterator[int]:
        """Days on which a fact about the agreement changes."""
        yield from self.period.edges()
        if self.last_check is not None:
            yield self.last_check


def read_notices(root: Section) -> tuple[Notice, ...]:
    """All notices of the file."""
    notices: dict[str, Notice] = {}
    for section in root.sections("notices", required=True):
        notice_id = section.identifier()
        notice = Notice(
            id=notice_id,
            controller=EntityId(section.identifier("controller")),
            period=section.period(),
            disclosures=tuple(_disclosure(part, notice_id) for part in section.sections("disclosures", required=True)),
            line=section.line,
        )
        if notice_id in notices:
            section.problem(f"notice '{notice_id}' stands twice", "id")
        notices[notice_id] = notice
        section.done()
    root.done()
    return tuple(notices[key] for key in sorted(notices))


def _disclosure(section: Section, notice: str) -> Disclosure:
    disclosure = Disclosure(
        notice=notice,
        country=section.country("country", required=True) or Country(""),
        entities=tuple(EntityId(entity) for entity in sorted(section.texts("entities"))),
        data_types=_types(section),
        consent=section.flag("consent"),
    )
    section.done()
    return disclosure


def _types(section: Section) -> tuple[DataType, ...]:
    types = section.data_types("data_types", required=True)
    if not types:
        section.problem("'data_types' names nothing: a notice about no data discloses nothing", "data_types")
    return types


def read_agreements(root: Section) -> tuple[Agreed, ...]:
    """All agreements of the file."""
    agreements: dict[str, Agreed] = {}
    for section in root.sections("agreements", required=True):
        agreed = Agreed(
            id=section.identifier(),
            kind=section.choice("kind", KINDS),
            controller=EntityId(section.identifier("controller")),
            entity=EntityId(section.identifier("entity")),
            period=section.period(),
            last_check=section.day("last_check"),
            foreign_law_risk=section.choice("foreign_law_risk", RISKS),
            line=section.line,
        )
        if agreed.id in agreements:
            section.problem(f"agreement '{agreed.id}' stands twice", "id")
        agreements[agreed.id] = agreed
        section.done()
    root.done()
    return tuple(agreements[key] for key in sorted(agreements))


def disclosures_on(notices: tuple[Notice, ...], controller: EntityId, day: int) -> tuple[Disclosure, ...]:
    """What the controller's users were told, by the notices in force."""
    return tuple(
        disclosure
        for notice in notices
        if notice.controller == controller and notice.period.covers(day)
        for disclosure in notice.disclosures
    )


def agreements_on(agreements: tuple[Agreed, ...], controller: EntityId, day: int) -> tuple[Agreement, ...]:
    """The controller's safeguards in force."""
    return tuple(
        Agreement(
            id=agreed.id,
            kind=agreed.kind,
            entity=agreed.entity,
            last_check_age_days=age_in_days(agreed.last_check, day),
            foreign_law_risk=agreed.foreign_law_risk,
        )
        for agreed in agreements
        if agreed.controller == controller and agreed.period.covers(day)
    )
