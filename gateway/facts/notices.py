"""disclosures.yaml: what a controller told its users, by version.

    notices:
      - id: privacy-notice-2022-04
        controller: line-jp
        from: 2022-04-01
        disclosures:                       # from where, by whom, which data is read
          - {country: KR, entities: [line-plus], data_types: [user.payment], consent: true}
      - id: announcement-2021-03-23
        kind: announcement                 # said in public; nobody consents to one
        controller: line-jp
        from: 2021-03-23
        claims:                            # sentences about all data of these types
          - {claim: stored_only_in, countries: [JP], data_types: [user.content], from: 2021-10-01}
          - {claim: accessed_only_from, countries: [JP, KR], data_types: [user], subject_countries: [JP]}

A claim holds as long as what it stands in, or from its own ``from`` and until its own ``to`` within that: "will have
been moved by September" is announced on one day and can be broken from another. It is about the data of everybody, or
of people in ``subject_countries``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period
from gateway.model import Claim, Country, DataType, Disclosure, EntityId

FILE: Final = "disclosures.yaml"
KINDS: Final = ("notice", "announcement")
CLAIMS: Final = ("stored_only_in", "accessed_only_from")


@dataclass(frozen=True, slots=True)
class DatedClaim:
    """A claim, and when it counts."""

    claim: Claim
    period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One version of what a controller told its users."""

    id: str
    kind: str = "notice"  # notice | announcement
    controller: EntityId
    period: Period
    disclosures: tuple[Disclosure, ...]
    claims: tuple[DatedClaim, ...] = ()
    line: int

    def edges(self) -> Iterator[int]:
        """Days on which a fact about the notice changes."""
        yield from self.period.edges()
        for dated in self.claims:
            yield from dated.period.edges()


def read_notices(root: Section) -> tuple[Notice, ...]:
    """All notices and announcements of the file."""
    notices: dict[str, Notice] = {}
    for section in root.sections("notices", required=True):
        notice = _notice(section)
        if notice.id in notices:
            section.problem(f"notice '{notice.id}' stands twice", "id")
        notices[notice.id] = notice
    root.done()
    return tuple(notices[key] for key in sorted(notices))


def _notice(section: Section) -> Notice:
    notice_id, kind = section.identifier(), section.choice("kind", KINDS, "notice")
    claims = tuple(_claim(part, notice_id) for part in section.sections("claims"))
    told = section.sections("disclosures", required=not claims)
    notice = Notice(
        id=notice_id,
        kind=kind,
        controller=EntityId(section.identifier("controller")),
        period=section.period(),
        disclosures=tuple(_disclosure(part, notice_id, kind) for part in told),
        claims=claims,
        line=section.line,
    )
    section.done()
    return notice


def _disclosure(section: Section, notice: str, kind: str) -> Disclosure:
    disclosure = Disclosure(
        notice=notice,
        country=section.country("country", required=True) or Country(""),
        entities=tuple(EntityId(entity) for entity in sorted(section.texts("entities"))),
        data_types=_types(section),
        consent=section.flag("consent"),
    )
    if disclosure.consent and kind == "announcement":
        section.problem("nobody consents to an announcement: 'consent' must be false", "consent")
    section.done()
    return disclosure


def _claim(section: Section, notice: str) -> DatedClaim:
    claim = Claim(
        notice=notice,
        claim=section.choice("claim", CLAIMS),
        countries=section.countries("countries", required=True),
        data_types=_types(section),
        subject_countries=section.countries("subject_countries"),
    )
    if not claim.countries:
        section.problem("'countries' names nothing: a claim of no place is none", "countries")
    dated = DatedClaim(claim, section.period())
    section.done()
    return dated


def _types(section: Section) -> tuple[DataType, ...]:
    types = section.data_types("data_types", required=True)
    if not types:
        section.problem("'data_types' names nothing: what is said of no data says nothing", "data_types")
    return types


def disclosures_on(notices: tuple[Notice, ...], controller: EntityId, day: int) -> tuple[Disclosure, ...]:
    """What the controller's users were told, by the notices in force."""
    return tuple(disclosure for notice in _in_force(notices, controller, day) for disclosure in notice.disclosures)


def claims_on(notices: tuple[Notice, ...], controller: EntityId, day: int) -> tuple[Claim, ...]:
    """What the controller claims of all data of some types, by notices and announcements in force."""
    return tuple(
        dated.claim
        for notice in _in_force(notices, controller, day)
        for dated in notice.claims
        if dated.period.covers(day)
    )


def _in_force(notices: tuple[Notice, ...], controller: EntityId, day: int) -> Iterator[Notice]:
    return (notice for notice in notices if notice.controller == controller and notice.period.covers(day))
