"""A small world as GLEIF would publish it, in XML and in CSV: the same records in both."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.leis import with_check_digits

PARENT, CHILD, BRANCH, SECRET, LAPSED, SILENT, STRANGER = (
    with_check_digits(f"9999TEST{letter * 10}") for letter in "PCBSLQX"
)
# lei, name, jurisdiction, headquarters, entity status, registration status
ENTITIES = (
    (PARENT, "Parent AG", "DE", "DE", "ACTIVE", "ISSUED"),
    (CHILD, "Child, Inc.", "US-DE", "US", "ACTIVE", "ISSUED"),
    (BRANCH, "Parent AG,\n Shanghai Branch", "CN", "CN", "ACTIVE", "ISSUED"),
    (SECRET, "秘密株式会社", "JP", "JP", "ACTIVE", "ISSUED"),
    (LAPSED, "Lapsed Ltd", "GB", "GB", "INACTIVE", "LAPSED"),
    (SILENT, "Silent", "EU", "", "ACTIVE", "ISSUED"),
)
SINCE_2017 = ("RELATIONSHIP_PERIOD", "2017-12-06", "")
ENDED_BEFORE = ("RELATIONSHIP_PERIOD", "2019-05-01T00:00:00Z", "2018-05-01T00:00:00Z")
OF_2015 = ("RELATIONSHIP_PERIOD", "2015-01-01T00:00:00Z", "2016-01-01T00:00:00Z")
YEAR = ("ACCOUNTING_PERIOD", "2021-01-01T00:00:00+01:00", "2021-12-31T00:00:00+01:00")
# child, parent, kind, status, registration status, periods
RELATIONSHIPS = (
    (
        CHILD,
        PARENT,
        "IS_DIRECTLY_CONSOLIDATED_BY",
        "ACTIVE",
        "PUBLISHED",
        (YEAR, SINCE_2017),
    ),
    (CHILD, PARENT, "IS_ULTIMATELY_CONSOLIDATED_BY", "ACTIVE", "PUBLISHED", (YEAR,)),
    (BRANCH, PARENT, "IS_INTERNATIONAL_BRANCH_OF", "ACTIVE", "PUBLISHED", ()),
    (
        LAPSED,
        PARENT,
        "IS_ULTIMATELY_CONSOLIDATED_BY",
        "ACTIVE",
        "LAPSED",
        (ENDED_BEFORE,),
    ),
    (
        SECRET,
        CHILD,
        "IS_DIRECTLY_CONSOLIDATED_BY",
        "INACTIVE",
        "PUBLISHED",
        (OF_2015,),
    ),
    (SECRET, PARENT, "IS_DIRECTLY_CONSOLIDATED_BY", "INACTIVE", "PUBLISHED", ()),
    (SECRET, STRANGER, "IS_FUND-MANAGED_BY", "ACTIVE", "PUBLISHED", ()),
)
EXCEPTIONS = (
    (SECRET, "DIRECT_ACCOUNTING_CONSOLIDATION_PARENT", ("NON_PUBLIC", "NO_LEI")),
    (SECRET, "ULTIMATE_ACCOUNTING_CONSOLIDATION_PARENT", ("NATURAL_PERSONS",)),
    (PARENT, "ULTIMATE_ACCOUNTING_CONSOLIDATION_PARENT", ("NO_KNOWN_PERSON",)),
)  # fmt: skip


def write_xml(folder: Path) -> tuple[Path, Path, Path]:
    """Level 1, relationships, exceptions."""
    entities = "".join(
        f"<lei:LEIRecord><lei:LEI>{lei}</lei:LEI><lei:Entity><lei:LegalName xml:lang='en'>{name}</lei:LegalName>"
        f"<lei:LegalAddress><lei:Country>XX</lei:Country></lei:LegalAddress>"
        f"<lei:HeadquartersAddress><lei:Country>{seat}</lei:Country></lei:HeadquartersAddress>"
        f"<lei:LegalJurisdiction>{law}</lei:LegalJurisdiction><lei:EntityStatus>{status}</lei:EntityStatus></lei:Entity>"
        f"<lei:Registration><lei:RegistrationStatus>{registered}</lei:RegistrationStatus></lei:Registration></lei:LEIRecord>"
        for lei, name, law, seat, status, registered in ENTITIES
    )
    level1 = folder / "lei2.xml"
    level1.write_text(
        f"<?xml version='1.0' encoding='UTF-8'?><lei:LEIData xmlns:lei='http://www.gleif.org/data/schema/leidata/2016'>"
        f"<lei:LEIHeader/><lei:LEIRecords>{entities}</lei:LEIRecords></lei:LEIData>",
        encoding="utf-8",
    )
    records = "".join(
        f"<rr:RelationshipRecord><rr:Relationship><rr:StartNode><rr:NodeID>{child}</rr:NodeID></rr:StartNode>"
        f"<rr:EndNode><rr:NodeID>{parent}</rr:NodeID></rr:EndNode><rr:RelationshipType>{kind}</rr:RelationshipType>"
        f"<rr:RelationshipPeriods>{''.join(map(_period, periods))}</rr:RelationshipPeriods>"
        f"<rr:RelationshipStatus>{status}</rr:RelationshipStatus></rr:Relationship><rr:Registration>"
        f"<rr:RegistrationStatus>{registered}</rr:RegistrationStatus></rr:Registration></rr:RelationshipRecord>"
        for child, parent, kind, status, registered, periods in RELATIONSHIPS
    )
    relationships = folder / "rr.xml"
    relationships.write_text(
        f"<rr:RelationshipData xmlns:rr='http://www.gleif.org/data/schema/rr/2016'>"
        f"<rr:RelationshipRecords>{records}</rr:RelationshipRecords></rr:RelationshipData>"
    )
    reported = "".join(
        f"<repex:Exception><repex:LEI>{lei}</repex:LEI><repex:ExceptionCategory>{category}</repex:ExceptionCategory>"
        f"{''.join(f'<repex:ExceptionReason>{reason}</repex:ExceptionReason>' for reason in reasons)}</repex:Exception>"
        for lei, category, reasons in EXCEPTIONS
    )
    exceptions = folder / "repex.xml"
    exceptions.write_text(
        f"<repex:ReportingExceptionData xmlns:repex='http://www.gleif.org/data/schema/repex/2016'>"
        f"<repex:ReportingExceptions>{reported}</repex:ReportingExceptions></repex:ReportingExceptionData>"
    )
    return level1, relationships, exceptions


def _period(period: tuple[str, str, str]) -> str:
    kind, start, end = period
    ended = f"<rr:EndDate>{end}</rr:EndDate>" if end else ""
    dates = f"<rr:StartDate>{start}</rr:StartDate>{ended}<rr:PeriodType>{kind}</rr:PeriodType>"
    return f"<rr:RelationshipPeriod>{dates}</rr:RelationshipPeriod>"


def write_csv(folder: Path) -> tuple[Path, Path, Path]:
    """The same as golden copies."""
    level1, relationships, exceptions = (folder / f"{name}.csv" for name in ("lei2", "rr", "repex"))
    _write(
        level1,
        "LEI Entity.LegalName Entity.LegalJurisdiction Entity.HeadquartersAddress.Country "
        "Entity.EntityStatus Registration.RegistrationStatus",
        [list(row) for row in ENTITIES],
    )
    periods = [f"Relationship.Period.{n}.{part}" for n in (1, 2) for part in ("startDate", "endDate", "periodType")]
    _write(
        relationships,
        "Relationship.StartNode.NodeID Relationship.EndNode.NodeID Relationship.RelationshipType "
        f"Relationship.RelationshipStatus Registration.RegistrationStatus {' '.join(periods)}",
        [
            [*row[:5], *([part for kind, start, end in row[5] for part in (start, end, kind)] + [""] * 6)[:6]]
            for row in RELATIONSHIPS
        ],
    )
    _write(
        exceptions,
        "LEI Exception.Category Exception.Reason.1 Exception.Reason.2",
        [[lei, category, *(*reasons, "")[:2]] for lei, category, reasons in EXCEPTIONS],
    )
    return level1, relationships, exceptions


def _write(path: Path, header: str, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header.split(), *rows])
