"""What the files of a registry say of each other: that whoever is named is there, and when anything changes by date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.facts import bulk, catalog
from gateway.facts.assurances import Assurances
from gateway.facts.catalog import Source
from gateway.facts.entities import Entities
from gateway.facts.fields import Problems
from gateway.facts.people import Person
from gateway.facts.period import DAY
from gateway.model import DatasourceId, EntityId


def canonical(persons: tuple[Person, ...], known: Entities) -> Iterable[Person]:
    """Employers by their ids here, also where they were named by an LEI."""
    for person in persons:
        jobs = tuple(replace(job, entity=known.named(job.entity) or job.entity) for job in person.employments)
        yield person if jobs == person.employments else replace(person, employments=jobs)


def check_references(
    problems: Problems,
    known: Entities,
    persons: tuple[Person, ...],
    sources: Mapping[DatasourceId, Source],
    assured: Assurances,
) -> None:
    """Every entity named in another file is one of entities.yaml."""
    named: list[tuple[str, int, EntityId]] = []
    contracts = {contract.id: contract.contractor for contract in known.contracts}
    for person in persons:
        for job in person.employments:
            named.append((person.file, job.line, job.entity))
            if job.contract is not None and contracts.get(job.contract) != known.named(job.entity):
                problems.add(person.file, job.line, f"contract '{job.contract}' is none with '{job.entity}'")
    named.extend((catalog.FILE, source.line, source.controller) for source in sources.values())
    named.extend(assured.entities_named())
    named.extend((bulk.OWNERSHIP_FILE, line, EntityId(name)) for name, line in known.bulk.outside.items())
    for file, line, entity in named:
        if entity and known.named(entity) is None:
            problems.add(file, line, f"'{entity}' is not an entity of the registry")


def changes(persons: Iterable[Person], assured: Assurances, sources: Iterable[Source]) -> frozenset[int]:
    """Days on which a fact about anything but entities changes."""
    days = set(assured.edges())
    for person in persons:
        days.update(person.edges())
    for source in sources:
        days.update(day for _, period in source.also_stored for day in period.edges())
    return frozenset(days)


def moments(known: Entities, days: frozenset[int]) -> tuple[int, ...]:
    """Every moment at which a fact changes, these days' included."""
    return tuple(sorted(day * DAY for day in known.days | days))
