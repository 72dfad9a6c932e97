"""One folder of files -> one frozen registry with one revision, or every problem with its place and nothing loaded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from gateway.errors import ConfigError, Reason, SekishoError
from gateway.facts import (
    admin_blocks,
    assurances,
    blocks,
    bulk,
    catalog,
    employer,
    entities,
    folder,
    known_by,
    labels,
    location,
    networks,
    people,
    people_table,
)
from gateway.facts.assurances import Assurances, Assured
from gateway.facts.blocks import Blocks
from gateway.facts.bulk import Bulk
from gateway.facts.catalog import Source
from gateway.facts.changes import touched
from gateway.facts.collecting import MANY, set_aside, uncollected
from gateway.facts.control import Controls, OwnershipTest
from gateway.facts.designations import designated_on
from gateway.facts.entities import Entities
from gateway.facts.fields import Problems, Section, read_section
from gateway.facts.folder import Contents, Delivery, Known
from gateway.facts.geoip import CountryDatabase
from gateway.facts.networks import Networks, Site
from gateway.facts.people import Person
from gateway.facts.period import DAY, FAR_FUTURE, day_of
from gateway.facts.references import canonical, changes, check_references, moments
from gateway.facts.yaml_tree import MAX_BYTES
from gateway.model import (
    Country,
    DataFacts,
    DatasourceFacts,
    DatasourceId,
    EmployerFacts,
    EntityId,
    Location,
    Peer,
    Principal,
    PrincipalId,
    RowConsent,
    StatementFacts,
    Vouched,
)

_REQUIRED: Final = (people.FILE, entities.FILE, networks.FILE, catalog.FILE)
_OPTIONAL: Final = (*assurances.FILES, blocks.FILE)
# Every file there may be, with its bytes at the most. A tree is refused by whoever reads it, which says where.
FILES: Final = Known(
    limits=MappingProxyType(
        {
            **dict.fromkeys((*_REQUIRED, *_OPTIONAL), MAX_BYTES),
            bulk.ENTITIES_FILE: bulk.MAX_BYTES,
            bulk.OWNERSHIP_FILE: bulk.MAX_BYTES,
            people_table.FILE: people_table.MAX_BYTES,
        }
    ),
    required=_REQUIRED,
    alone=blocks.FILE,
)
_MOST_KEPT: Final = 10_000  # answers of one kind
_T = TypeVar("_T")
_K = TypeVar("_K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A snapshot: the same question with the same ``at`` always has the same answer."""

    revision: str
    people: Mapping[PrincipalId, Person]
    entities: Entities
    networks: Networks
    catalog: Mapping[DatasourceId, Source]
    assurances: Assurances
    controls: Controls = field(repr=False)  # whether entities are held, by the ownership tests in force
    countries: CountryDatabase | None = field(default=None, repr=False)
    contents: Contents = field(default_factory=Contents)  # of the folder
    blocks: Blocks = field(default_factory=Blocks)  # by where they are written
    _changes: tuple[int, ...] = field(default=(), repr=False)
    _first_age: int | None = None  # the day from which some fact is counted in days
    _beside: Mapping[str, str] = field(default_factory=dict, repr=False)  # hashes of what lies outside of the folder
    _first_changes: frozenset[int] = field(default=frozenset(), repr=False)  # days of everything but entities
    # What was asked for before, and by what it was asked.
    _employers: dict[tuple[PrincipalId, employer.Declared, EntityId, int], EmployerFacts] = field(
        default_factory=dict, repr=False
    )
    _locations: dict[tuple[Peer, Country | None, bool], Location] = field(default_factory=dict, repr=False)
    _assured: dict[tuple[EntityId, int], Assured] = field(default_factory=dict, repr=False)
    _data: dict[tuple[DatasourceId, StatementFacts, int], DataFacts] = field(default_factory=dict, repr=False)

    def has_same(self, name: str, contents: Contents) -> bool:
        """Whether a file, or the lack of it, is as it was here."""
        return self.contents.hashes.get(name) == contents.hashes.get(name)

    def with_countries(self, database: CountryDatabase) -> Registry:
        """The same with a country database of addresses, which is part of the revision."""
        beside = {**self._beside, ".mmdb": database.digest}
        revision = _revision(self.contents, beside)
        return replace(self, countries=database, revision=revision, _beside=beside, _locations={})

    def tested(self, tests: tuple[OwnershipTest, ...]) -> Registry:
        """The same with other ownership tests; what is known by tests that stay is kept."""
        return replace(self, controls=self.controls.carried_to(self.entities, tests, ()), _employers={})

    @property
    def sites(self) -> Mapping[str, Site]:
        """Sites by id, for listeners bound to one."""
        return self.networks.sites

    def datasource(self, datasource: DatasourceId, at: int) -> DatasourceFacts | None:
        """Where a datasource lies and who its controller is; None where the catalog does not know it."""
        source = self.catalog.get(datasource)
        if source is None:
            return None
        controller = self.entities.by_id[source.controller]
        return DatasourceFacts(
            id=source.id,
            storage_countries=source.storage_on(day_of(at)),
            controller=source.controller,
            controller_name=controller.name,
            controller_country=controller.country,
            unlabelled=source.unlabelled,
            trust=source.trust,
            controller_designations=designated_on(controller.designations, day_of(at)),
        )

    def vouched(self, datasource: DatasourceId) -> Vouched:
        """Code and definitions of a datasource that somebody looked into; nothing where the catalog knows none."""
        source = self.catalog.get(datasource)
        return Vouched() if source is None else source.vouched

    def with_blocks(self, listed: bytes | None = None, admin: bytes | None = None) -> Registry:
        """The same with another blocks.yaml, other blocks of `sekisho block`, or both; nothing else is read again.
        Raises ConfigError."""
        problems = Problems()
        found, contents, beside = self.blocks, self.contents, self._beside
        if listed is not None:
            read = blocks.read_listed(listed, problems, self.entities.reference, found.own)
            found = replace(found, listed=read)
            contents = replace(contents, hashes={**contents.hashes, blocks.FILE: folder.digest(listed)})
        if admin is not None:
            found = replace(found, admin=admin_blocks.read_admin(admin, problems).blocks)
            beside = {**beside, ".blocks": folder.digest(admin)}
        if problems.listed():
            raise ConfigError(problems.listed())
        known = self.entities.with_blocks(found.all)
        return replace(
            self,
            revision=_revision(contents, beside),
            entities=known,
            blocks=found,
            contents=contents,
            _beside=beside,
            _changes=moments(known, self._first_changes),
            _employers={},
        )

    def employer(self, principal: Principal, controller: EntityId, at: int) -> EmployerFacts:
        """Who employs the principal, and the chain to the controller (one that the registry knows).

        Worked out once for a principal and a day: it is asked for with every statement.
        """
        said = employer.Declared(principal.declared_employer, principal.declared_residence)

        def work_out() -> EmployerFacts:
            person = self.people.get(principal.id)
            found = employer.employer_facts(self.entities, self.controls, person, controller, day_of(at), said)
            if found.blocked_by is None:
                names = {principal.id} if person is None else {principal.id, person.id, *person.identities}
                found = replace(found, blocked_by=blocks.of_person(self.entities.blocks, names, day_of(at)))
            return replace(found, known_by=known_by.known_by(self.entities, person, said, found))

        return _once(self._employers, (principal.id, said, controller, day_of(at)), work_out)

    def person(self, principal: Principal) -> PrincipalId:
        """The one id of a person who may have several identities; of whom nobody registered, the one they came with."""
        found = self.people.get(principal.id)
        return found.id if found is not None else principal.id

    def location(self, peer: Peer, principal: Principal, at: int, country_max_age: int) -> Location:
        """Where the principal is. Worked out once for a peer and a claim, for as long as the claim counts."""
        until = location.claim_until(principal, country_max_age)
        return _once(
            self._locations,
            (peer, principal.declared_country, until is not None and at < until),
            lambda: location.locate(self.networks, self.countries, peer, principal, at, country_max_age),
        )

    def data(self, datasource: DatasourceId, statement: StatementFacts, at: int) -> DataFacts:
        """Whose data of which types a statement touches. Worked out once for a statement and a day."""
        source, day = self.catalog.get(datasource), day_of(at)
        if source is None:
            raise SekishoError(Reason.DATASOURCE_UNKNOWN, "the catalog has no datasource of that name")
        return _once(self._data, (datasource, statement, day), lambda: labels.data_facts(source, statement, day))

    def row_filters(self, datasource: DatasourceId) -> Mapping[str, str]:
        """The conditions that rules may ask rows to be filtered by, by name."""
        source = self.catalog.get(datasource)
        return source.row_filters if source is not None else MappingProxyType({})

    def row_consents(self, datasource: DatasourceId, relations: Iterable[str]) -> Iterator[RowConsent]:
        """The row filters that consents make at these relations."""
        source = self.catalog.get(datasource)
        if source is not None:
            for relation in relations:
                yield from source.consents.get(relation, ())

    def assured(self, controller: EntityId, at: int) -> Assured:
        """What the controller's users were told and said, what it agreed abroad, and which countries are adequate.

        Worked out once for a day.
        """
        day = day_of(at)
        return _once(self._assured, (controller, day), lambda: self.assurances.on(controller, day))

    def next_change(self, at: int) -> int:
        """The first moment after ``at`` at which any answer may differ by time alone.

        A date of the registry; or the next UTC midnight, once something is counted in days since.
        """
        position = bisect_right(self._changes, at)
        found = self._changes[position] if position < len(self._changes) else FAR_FUTURE
        if self._first_age is not None and day_of(at) >= self._first_age:
            return min(found, (day_of(at) + 1) * DAY)
        return found


def _once(kept: dict[_K, _T], key: _K, work_out: Callable[[], _T]) -> _T:
    """What is kept, or what is worked out now and kept."""
    found = kept.get(key)
    if found is None:
        found = work_out()
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[key] = found
    return found


def load_registry(
    directory: Path,
    former: Registry | None = None,
    *,
    delivery: Delivery = Delivery.EDITED,
    admin: Path | None = None,
) -> Registry:
    """Read, check and hash the folder as a whole. Raises ConfigError with every problem found.

    ``delivery`` is what must say that it is whole; ``admin`` is the file of `sekisho block`. What was imported in bulk
    and is the same in ``former`` is taken from there, not read a second time.
    """
    with uncollected():
        found = _load(directory, former, delivery, admin)
        if len(found.entities.bulk.rows) >= MANY and (
            former is None or former.entities.bulk is not found.entities.bulk
        ):
            set_aside()
    return found


def _load(directory: Path, former: Registry | None, delivery: Delivery, admin: Path | None) -> Registry:
    problems = Problems()
    read_before = former.contents if former is not None else Contents()
    files, contents = folder.read_folder(directory, FILES, problems, delivery, read_before)
    reading = _Reading(files, problems)
    imported = _bulk(files, contents, problems, former)
    known = reading.file(entities.FILE, partial(entities.read_entities, bulk=imported))
    persons = _people(reading, files, problems)
    # These two read no other file, so what is the same is what it was.
    sites = former.networks if former is not None and former.has_same(networks.FILE, contents) else None
    sites = sites or reading.file(networks.FILE, networks.read_networks)
    sources = former.catalog if former is not None and former.has_same(catalog.FILE, contents) else None
    sources = sources or reading.file(catalog.FILE, catalog.read_catalog)
    assured = Assurances.read(reading)
    assured.check(problems, sources or {})
    found = Blocks()
    overlay = admin_blocks.read_file(admin) if admin is not None else None
    if overlay is None and former is not None and former.blocks.admin:
        problems.add(admin_blocks.FILE, 0, "the file is gone, and lifts no block: `sekisho unblock` does")
    if known is not None:
        found = _blocks(known, files, overlay, problems)
        known = known.with_blocks(found.all)
        check_references(problems, known, persons or (), sources or {}, assured)
    if problems.listed() or known is None or persons is None or sites is None or sources is None:
        within = "" if admin is None else str(admin.parent)
        raise ConfigError(
            [
                f"{within if problem.startswith(admin_blocks.FILE) else directory.name}/{problem}"
                for problem in problems.listed()
            ]
        )
    days = changes(persons, assured, sources.values())
    audits = (contract.last_audit for contract in known.contracts if contract.last_audit is not None)
    beside = {} if overlay is None else {".blocks": folder.digest(overlay)}
    return Registry(
        revision=_revision(contents, beside),
        people=people.by_identity(canonical(persons, known)),
        entities=known,
        networks=sites,
        catalog={key: replace(one, consents=assured.row_consents(one)) for key, one in sources.items()},
        assurances=assured,
        contents=contents,
        blocks=found,
        _changes=moments(known, days),
        _first_age=min((*audits, *assured.counted_from()), default=None),
        _beside=beside,
        _first_changes=days,
        controls=_controls(known, former),
    )


def _revision(contents: Contents, beside: Mapping[str, str]) -> str:
    return folder.revision({**contents.hashes, **beside})


def _blocks(known: Entities, files: Mapping[str, bytes], overlay: bytes | None, problems: Problems) -> Blocks:
    """Those of all places. A block of somebody who is not there any more would be lifted by a new name for them: it is
    to be lifted in words."""
    own = known.blocks
    listed = blocks.read_listed(files[blocks.FILE], problems, known.reference, own) if blocks.FILE in files else ()
    found = Blocks(own, listed, admin_blocks.read_admin(overlay, problems).blocks if overlay is not None else ())
    for block in found.admin:
        if block.entity is not None and known.named(block.entity) is None:
            why = (
                f"'{block.id}' blocks '{block.entity}', which is no entity of the registry: sekisho unblock {block.id}"
            )
            problems.add(block.file, block.line, why)
    return found


def _controls(known: Entities, former: Registry | None) -> Controls:
    """What the former registry found out and nothing has touched is known already."""
    if former is None:
        return Controls(known, ())
    return former.controls.carried_to(known, former.controls.tests, touched(former.entities, known))


def _people(reading: _Reading, files: Mapping[str, bytes], problems: Problems) -> tuple[Person, ...] | None:
    """Those of both files; nobody may be in both."""
    persons = reading.file(people.FILE, people.read_people)
    table = people_table.read_people_table(files.get(people_table.FILE, b""), problems)
    if persons is None:
        return None
    known = people.by_identity(persons)
    for person in table:
        if person.id in known:
            problems.add(people_table.FILE, 0, f"{person.id} is in {people.FILE} already")
    return (*persons, *table)


def _bulk(files: Mapping[str, bytes], contents: Contents, problems: Problems, former: Registry | None) -> Bulk:
    """What was imported; the former registry's, where it is the same."""
    names = (bulk.ENTITIES_FILE, bulk.OWNERSHIP_FILE)
    if former is not None and all(former.has_same(name, contents) for name in names):
        return former.entities.bulk
    listed, holdings = (files.get(name, b"") for name in names)
    return bulk.read_bulk(listed, holdings, problems)


class _Reading:
    """Reads file by file into one list of problems."""

    def __init__(self, files: Mapping[str, bytes], problems: Problems) -> None:
        self._files = files
        self._problems = problems

    def file(self, name: str, read: Callable[[Section], _T]) -> _T | None:
        """What ``read`` makes of a file; None where it is absent or not a tree."""
        if name not in self._files:
            return None
        section = read_section(self._files[name], name, self._problems)
        return None if section is None else read(section)
