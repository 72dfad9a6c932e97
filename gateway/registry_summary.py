"""``sekisho registry check``: what is in a registry, counted, and what somebody should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from gateway.facts.period import Period, day_of, iso
from gateway.facts.registry import Registry
from gateway.model import Confidence, Principal, Unlabelled

SOON: Final = 90  # days in which what ends is worth telling
_MOST: Final = 50  # lines of one list

Document = dict[str, Any]


def summary(registry: Registry, at: int) -> Document:
    """Counts, people by the countries they bring, what lacks labels, what is blocked, and what ends soon."""
    entities, day = registry.entities, day_of(at)
    tables = [(source.id, name, table) for source in registry.catalog.values() for name, table in source.tables.items()]
    columns = [column for _, _, table in tables for column in table.columns.values()]
    people = {person.id: person for person in registry.people.values()}
    return {
        "revision": registry.revision,
        "entities": {"by_hand": len(entities.by_hand), "imported": len(entities.bulk.rows)},
        "holdings": entities.holdings,
        "contracts": len(entities.contracts),
        "people": len(people),
        "people_without_employment": sorted(
            person.id for person in people.values() if not any(job.period.covers(day) for job in person.employments)
        )[:_MOST],
        "countries_brought": dict(_countries(registry, at)),
        "contracts_of_unknown_depth": sorted(
            one.id for one in entities.contracts if one.period.covers(day) and one.subcontractors == "unknown"
        ),
        "entities_without_country": sorted(one.id for one in entities.by_hand.values() if one.country is None)[:_MOST],
        "tables": len(tables),
        "columns": len(columns),
        "columns_without_data_type": sum(not column.data_types for column in columns),
        "tables_of_unknown_subjects": sorted(
            f"{source}: {name}"
            for source, name, table in tables
            if table.about_people
            and not table.subject_countries
            and not all(column.subject_countries for column in table.columns.values())
        ),
        "tables_without_subject_key": sorted(
            f"{source}: {name}" for source, name, table in tables if table.about_people and table.subject_key is None
        )[:_MOST],
        "not_denied_without_label": {
            source.id: str(source.unlabelled)
            for source in registry.catalog.values()
            if source.unlabelled is not Unlabelled.DENY
        },
        "trusted_without_the_server": {
            source.id: str(source.trust)
            for source in registry.catalog.values()
            if source.trust is not Confidence.ATTESTED
        },
        "blocks_in_force": [block.id for block in entities.blocks if block.period.covers(day)],
        "disclosures_that_end": [
            {"notice": notice.id, "controller": notice.controller, "to": iso(notice.period.end)}
            for notice in registry.assurances.notices
            if notice.period.covers(day) and notice.period.end is not None
        ],
        "claims": sorted({*_claims(registry, day)}),
        "agreements_never_checked": sorted(
            one.id for one in registry.assurances.agreed if one.period.covers(day) and one.last_check is None
        ),
        "consents_not_given": sorted(
            f"{one.notice}, {one.subject_country}: {one.status_on(day)}"
            for one in registry.assurances.said
            if one.period.covers(day) and not one.status_on(day).startswith("given")
        ),
        "countries_struck_off": sorted(
            f"{one.entry.country} ({one.entry.regime})"
            for one in registry.assurances.recognised
            if one.period.covers(day) and not one.entry.accepted
        ),
        "ends_soon": _ends(registry, day),
    }


def _countries(registry: Registry, at: int) -> list[tuple[str, int]]:
    """How many people bring each country, by their employers' chains; ``unknown``: whose chain is not complete."""
    counts: Counter[str] = Counter()
    controllers = {source.controller for source in registry.catalog.values()}
    for person in {one.id: one for one in registry.people.values()}.values():
        issuer, _, subject = person.id.partition("#")
        principal = Principal(issuer=issuer, subject=subject, database_user=subject, expires_at=at)
        brought: set[str] = set()
        for controller in controllers:
            facts = registry.employer(principal, controller, at)
            brought.update(facts.countries(controller))
            if not facts.complete:
                brought.add("unknown")
        counts.update(brought)
    return sorted(counts.items())


def _claims(registry: Registry, day: int) -> Iterator[str]:
    """What controllers claim of all their data, in words."""
    for controller in {source.controller for source in registry.catalog.values()}:
        for one in registry.assurances.on(controller, day).claims:
            whose = f" of people in {', '.join(one.subject_countries)}" if one.subject_countries else ""
            yield f"{', '.join(one.data_types)}{whose} {one.claim.replace('_', ' ')} {', '.join(one.countries)}"


def _ends(registry: Registry, day: int) -> list[str]:
    """Contracts, agreements, notices and consents that end within the next weeks."""
    dated = [(f"contract {one.id}", one.period) for one in registry.entities.contracts]
    dated += [(f"agreement {one.id}", one.period) for one in registry.assurances.agreed]
    dated += [(f"notice {one.id}", one.period) for one in registry.assurances.notices]
    dated += [
        (f"consent to {one.notice}, {one.subject_country}", Period(one.period.start, one.expires))
        for one in registry.assurances.said
        if one.status_on(day).startswith("given")
    ]
    return [
        f"{name}: {iso(period.end)}"
        for name, period in dated
        if period.covers(day) and period.end is not None and period.end <= day + SOON
    ]


def summary_text(document: Document) -> str:
    """The same for people."""
    entities = document["entities"]
    lines = [
        f"revision {document['revision']}",
        f"  {entities['by_hand']:,} entities by hand, {entities['imported']:,} imported, "
        f"{document['holdings']:,} holdings, {document['contracts']:,} contracts",
        f"  {document['people']:,} people; by the countries their employers bring: "
        + (", ".join(f"{place} {number:,}" for place, number in document["countries_brought"].items()) or "none"),
        f"  {document['tables']:,} tables, {document['columns']:,} columns, "
        f"{document['columns_without_data_type']:,} of them without data type",
    ]
    lists = (
        ("blocked", document["blocks_in_force"]),
        ("without employment", document["people_without_employment"]),
        ("without country", document["entities_without_country"]),
        ("sub-contractors unknown", document["contracts_of_unknown_depth"]),
        ("subjects unknown", document["tables_of_unknown_subjects"]),
        ("without subject key", document["tables_without_subject_key"]),
        ("not denied without label", [f"{one} ({word})" for one, word in document["not_denied_without_label"].items()]),
        (
            "trusted without the server",
            [f"{one} ({word})" for one, word in document["trusted_without_the_server"].items()],
        ),
        ("disclosure ends", [f"{one['notice']} on {one['to']}" for one in document["disclosures_that_end"]]),
        ("claimed", document["claims"]),
        ("agreements never checked", document["agreements_never_checked"]),
        ("consent not given", document["consents_not_given"]),
        ("struck off", document["countries_struck_off"]),
        ("ends soon", document["ends_soon"]),
        ("not sealed", document.get("unsealed", [])),
    )
    lines += [f"  {name}: {', '.join(found)}" for name, found in lists if found]
    return "\n".join(lines)
