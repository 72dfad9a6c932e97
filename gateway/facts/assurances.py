"""What users were told, what they said to it, what was agreed abroad and which countries count as adequate: four files.

Each holds as of any day; together they are what a provision of data abroad may rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from gateway.facts import adequacy, agreements, consents, notices
from gateway.facts.adequacy import Recognised
from gateway.facts.agreements import Agreed
from gateway.facts.catalog import Source
from gateway.facts.consents import Said
from gateway.facts.fields import Problems, Section
from gateway.facts.notices import Notice
from gateway.model import Adequacy, Agreement, Claim, Consent, DatasourceId, Disclosure, EntityId, RowConsent

FILES: Final = (notices.FILE, agreements.FILE, consents.FILE, adequacy.FILE)
_T = TypeVar("_T")


class Reading(Protocol):
    """Reads one file of a folder; None where it is absent or no tree."""

    def file(self, name: str, read: Callable[[Section], _T]) -> _T | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Assured:
    """What holds for one controller on one day."""

    disclosures: tuple[Disclosure, ...]  # what its users were told, by the notices in force
    claims: tuple[Claim, ...]  # what it says of all data of some types
    agreements: tuple[Agreement, ...]  # its safeguards in force
    consents: tuple[Consent, ...]  # what its users said to the notices in force
    adequacy: tuple[Adequacy, ...]  # countries that count as adequate under some regime, or do not


@dataclass(frozen=True, slots=True)
class Assurances:
    """All of it, as written."""

    notices: tuple[Notice, ...] = ()
    agreed: tuple[Agreed, ...] = ()
    said: tuple[Said, ...] = ()
    recognised: tuple[Recognised, ...] = ()

    @classmethod
    def read(cls, reading: Reading) -> Assurances:
        """The files that are there, each checked within itself."""
        return cls(
            notices=reading.file(notices.FILE, notices.read_notices) or (),
            agreed=reading.file(agreements.FILE, agreements.read_agreements) or (),
            said=reading.file(consents.FILE, consents.read_consents) or (),
            recognised=reading.file(adequacy.FILE, adequacy.read_adequacy) or (),
        )

    def check(self, problems: Problems, sources: Mapping[DatasourceId, Source]) -> None:
        """What they name of each other and of the catalog is there."""
        consents.check_consents(problems, self.said, self.notices, sources)

    def entities_named(self) -> Iterator[tuple[str, int, EntityId]]:
        """Every entity named, with file and line."""
        for notice in self.notices:
            yield notices.FILE, notice.line, notice.controller
            for disclosure in notice.disclosures:
                yield from ((notices.FILE, notice.line, entity) for entity in disclosure.entities)
        for item in self.agreed:
            yield from ((agreements.FILE, item.line, entity) for entity in (item.controller, item.entity))

    def edges(self) -> Iterator[int]:
        """Days on which some fact changes."""
        yield from (edge for notice in self.notices for edge in notice.edges())
        yield from (edge for item in self.agreed for edge in item.edges())
        yield from (edge for one in self.said for edge in one.edges())
        yield from (edge for entry in self.recognised for edge in entry.period.edges())

    def counted_from(self) -> Iterator[int]:
        """Days since which something is counted."""
        for item in self.agreed:
            yield from item.counted_from()

    def on(self, controller: EntityId, day: int) -> Assured:
        """What holds for one controller on one day."""
        return Assured(
            disclosures=notices.disclosures_on(self.notices, controller, day),
            claims=notices.claims_on(self.notices, controller, day),
            agreements=agreements.agreements_on(self.agreed, controller, day),
            consents=consents.consents_on(self.said, self.notices, controller, day),
            adequacy=adequacy.adequacy_on(self.recognised, day),
        )

    def row_consents(self, source: Source) -> Mapping[str, tuple[RowConsent, ...]]:
        """The row filters that consents make at a datasource's tables, by table."""
        return consents.row_consents(self.said, source)
