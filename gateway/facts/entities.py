"""entities.yaml: legal entities, who owns whom, who works for whom by contract, and blocks (the kill-switch).

Written by hand, it says what lawyers know. What was imported in bulk (`bulk`) stands beside it and is looked up
through the same mappings; where both name one LEI they are one entity, and what is written by hand is the fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from gateway.facts.blocks import Block, read_blocks
from gateway.facts.bulk import Bulk, BulkRow, Looked
from gateway.facts.designations import Designation, read_designations
from gateway.facts.fields import Section
from gateway.facts.lei import is_lei
from gateway.facts.ownership import BASES, SHARES, Ownership, by_end, majority_cycles, order, overfull
from gateway.facts.period import Period
from gateway.model import Country, DataType, EntityId

FILE: Final = "entities.yaml"


SUBCONTRACTORS: Final = ("known", "none", "unknown")
KINDS: Final = ("company", "person", "state")
OWNERS: Final = ("known", "unknown")
TRANSACTIONS: Final = ("vendor", "employment", "investment", "data_brokerage", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One legal entity and the country under whose law it stands; of a person, the country they live in."""

    id: EntityId
    name: str
    country: Country | None
    headquarters: Country | None
    lei: str | None
    kind: str = "company"  # company | person | state
    owners_known: bool = False  # everybody is listed whose share could matter
    status: str = ""  # of an imported one: what its register says of the entry
    owners_note: str = ""  # of an imported one: why its owners are not known
    designations: tuple[Designation, ...] = ()

    @property
    def owned_by_others(self) -> bool:
        """Nobody owns a person or a state."""
        return self.kind == "company"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """``principal`` lets ``contractor`` work on its behalf. Whether that one sub-contracts is a fact of its own."""

    id: str
    principal: EntityId
    contractor: EntityId
    purpose: str
    data_types: tuple[DataType, ...]
    subcontractors: str  # known | none | unknown
    last_audit: int | None
    period: Period
    line: int
    transaction: str = "vendor"  # in the words of 28 CFR 202: services, for consideration, unless it says otherwise
    exemptions: tuple[str, ...] = ()  # of laws, by the names that rules know them by


@dataclass(frozen=True, slots=True)
class Entities:
    """All entities, indexed by both ends of every edge; edges in a fixed order, so that answers have one, too."""

    by_id: Mapping[EntityId, Entity]
    contracts: tuple[Contract, ...]
    blocks: tuple[Block, ...]
    owned_by: Mapping[EntityId, tuple[Ownership, ...]]  # owner -> what it owns
    owners_of: Mapping[EntityId, tuple[Ownership, ...]]  # owned -> who owns it
    contracts_of: Mapping[EntityId, tuple[Contract, ...]]  # principal -> its contracts
    by_lei: Mapping[str, EntityId]  # of those written by hand
    by_hand: Mapping[EntityId, Entity]
    owned_by_hand: frozenset[EntityId]  # whose owners are written by hand, at least some
    written: int  # holdings by hand
    bulk: Bulk = field(repr=False)
    days: frozenset[int] = field(repr=False)  # on which a fact about entities changes

    @classmethod
    def build(
        cls,
        entities: Mapping[EntityId, Entity],
        ownerships: tuple[Ownership, ...],
        contracts: tuple[Contract, ...],
        blocks: tuple[Block, ...],
        bulk: Bulk | None = None,
    ) -> Entities:
        """Index what was read."""
        bulk = bulk if bulk is not None else Bulk.empty()
        contracts = tuple(sorted(contracts, key=lambda edge: (edge.contractor, edge.id)))
        of_principal: dict[EntityId, list[Contract]] = {}
        for contract in contracts:
            of_principal.setdefault(contract.principal, []).append(contract)
        leis = {entity.lei: entity.id for entity in entities.values() if entity.lei is not None}
        up, down = by_end(ownerships, lambda edge: edge.owned), by_end(ownerships, lambda edge: edge.owner)
        if bulk.rows:
            place = _Place(entities, leis, bulk)
            by_id: Mapping[EntityId, Entity] = Looked(place.keys, place.entity)
            owners_of: Mapping[EntityId, tuple[Ownership, ...]] = Looked(place.keys, place.edges(up, bulk.owners_of))
            owned_by: Mapping[EntityId, tuple[Ownership, ...]] = Looked(place.keys, place.edges(down, bulk.owned_by))
        else:
            by_id, owners_of, owned_by = MappingProxyType(dict(entities)), up, down
        return cls(
            by_id=by_id,
            contracts=contracts,
            blocks=tuple(sorted(blocks, key=lambda block: block.id)),
            owned_by=owned_by,
            owners_of=owners_of,
            contracts_of=MappingProxyType({key: tuple(value) for key, value in of_principal.items()}),
            by_lei=MappingProxyType(leis),
            by_hand=MappingProxyType(dict(entities)),
            owned_by_hand=frozenset(up),
            written=len(ownerships),
            bulk=bulk,
            days=frozenset(_days(entities.values(), ownerships, contracts, blocks)) | bulk.days,
        )

    @property
    def ownerships(self) -> Iterator[Ownership]:
        """Every holding, by who is owned."""
        for owned in self.by_id:
            yield from self.owners_of.get(owned, ())

    @property
    def holdings(self) -> int:
        """How many there are, those imported and replaced by hand included."""
        return self.written + sum(map(len, self.bulk.owners_of.values()))

    def with_blocks(self, blocks: tuple[Block, ...]) -> Entities:
        """The same with these blocks."""
        days = {day for block in blocks for day in block.period.edges()}
        return replace(self, blocks=tuple(sorted(blocks, key=lambda block: block.id)), days=self.days | days)

    def reference(self, section: Section, key: str) -> EntityId:
        """The entity that a key of another file names, by its id or by its LEI."""
        name = section.entity(key)
        found = self.named(name)
        if name and found is None:
            section.problem(f"'{key}' names an entity that is not in the registry: '{name}'", key)
        return found or EntityId(name)

    def named(self, name: str) -> EntityId | None:
        """The entity of an id or of an LEI, however it came in; None where there is none."""
        found = self.by_lei.get(name, EntityId(name))
        return found if found in self.by_id else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Looks entities and edges up where they are: those written by hand first, then those imported."""

    by_hand: Mapping[EntityId, Entity]
    leis: Mapping[str, EntityId]
    bulk: Bulk

    def keys(self) -> Iterator[EntityId]:
        """Every id once."""
        yield from self.by_hand
        yield from (EntityId(lei) for lei in self.bulk.rows if lei not in self.leis)

    def entity(self, key: EntityId) -> Entity | None:
        """The entity of an id; an imported one that is also written by hand has only the id given there."""
        found = self.by_hand.get(key)
        if found is not None or key in self.leis:
            return found
        row = self.bulk.rows.get(key)
        return None if row is None else _imported(key, row)

    def edges(
        self, by_hand: Mapping[EntityId, tuple[Ownership, ...]], imported: Mapping[str, Sequence[Ownership]]
    ) -> _Edges:
        """The holdings at one end of an entity."""
        return _Edges(self, by_hand, imported)

    def canonical(self, edge: Ownership) -> Ownership:
        """An imported edge between ids as they are known here."""
        owner, owned = self.leis.get(edge.owner, edge.owner), self.leis.get(edge.owned, edge.owned)
        if owner == edge.owner and owned == edge.owned:
            return edge
        return Ownership(owner, owned, edge.share, edge.period, edge.line, edge.basis)


@dataclass(frozen=True, slots=True)
class _Edges:
    place: _Place
    by_hand: Mapping[EntityId, tuple[Ownership, ...]]
    imported: Mapping[str, Sequence[Ownership]]

    def __call__(self, key: EntityId) -> tuple[Ownership, ...] | None:
        own = self.by_hand.get(key, ())
        entity = self.place.by_hand.get(key)
        names = {key} if entity is None or entity.lei is None else {key, entity.lei}
        found = [self.place.canonical(edge) for name in names for edge in self.imported.get(name, ())]
        if not found:
            return own or None
        # A holding written by hand replaces what was imported between the same two.
        written = {(edge.owner, edge.owned) for edge in own}
        found = [edge for edge in found if (edge.owner, edge.owned) not in written]
        return tuple(sorted((*own, *found), key=order))


def _imported(key: EntityId, row: BulkRow) -> Entity:
    name, country, headquarters, status, note = row
    return Entity(
        id=key,
        name=name,
        country=country,
        headquarters=headquarters,
        lei=key,
        status=status,
        owners_note=note,
    )


def _days(
    entities: Iterable[Entity],
    ownerships: tuple[Ownership, ...],
    contracts: tuple[Contract, ...],
    blocks: tuple[Block, ...],
) -> Iterator[int]:
    periods = [one.period for entity in entities for one in entity.designations]
    periods += [edge.period for edge in ownerships]
    periods += [contract.period for contract in contracts]
    periods += [block.period for block in blocks]
    for period in periods:
        yield from period.edges()
    for contract in contracts:
        if contract.last_audit is not None:
            yield contract.last_audit


def read_entities(root: Section, bulk: Bulk | None = None) -> Entities:
    """All of the file, checked within itself: ids known, unique, shares that can be."""
    bulk = bulk if bulk is not None else Bulk.empty()
    entities: dict[EntityId, Entity] = {}
    leis: dict[str, EntityId] = {}
    for section in root.sections("entities", required=True):
        entity = _entity(section)
        if entity.id in entities:
            section.problem(f"entity '{entity.id}' stands twice", "id")
        if entity.lei is not None and leis.setdefault(entity.lei, entity.id) != entity.id:
            section.problem(f"the LEI belongs to '{leis[entity.lei]}' already", "lei")
        entities[entity.id] = entity
    known = _Known(entities, leis, bulk)
    ownerships = tuple(_ownership(section, known) for section in root.sections("ownership"))
    contracts = tuple(_contract(section, known) for section in root.sections("contracts"))
    blocks = read_blocks(root, known.reference)
    _check_unique(root, "contract", [(contract.id, contract.line) for contract in contracts])
    root.done()
    found = Entities.build(entities, ownerships, contracts, blocks, bulk)
    for owned in sorted({edge.owned for edge in ownerships}):
        for edge in overfull(found.owners_of.get(owned, ())):
            root.problem_at(edge.line, f"the shares of '{edge.owned}' held at the same time are over 100 percent")
    for edge, circle in majority_cycles(ownerships, lambda entity: found.owners_of.get(entity, ())):
        root.problem_at(edge.line, f"majorities in a circle: {' owned by '.join(circle)}")
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """What a reference may name."""

    entities: Mapping[EntityId, Entity]
    leis: Mapping[str, EntityId]
    bulk: Bulk

    def reference(self, section: Section, key: str) -> EntityId:
        """The entity that a key names, by its id or by its LEI."""
        name = section.entity(key)
        found = self.leis.get(name, name)
        if found and found not in self.entities and found not in self.bulk.rows:
            section.problem(f"'{key}' names an entity that is not in the registry: '{found}'", key)
        return EntityId(found)


def _entity(section: Section) -> Entity:
    lei = section.optional_text("lei")
    if lei is not None and not is_lei(lei):
        section.problem("'lei' must be 20 upper case letters and digits, of which the last two check the others", "lei")
    kind = section.choice("kind", KINDS, "company")
    entity = Entity(
        id=EntityId(section.identifier()),
        name=section.text("name"),
        country=section.country("country"),
        headquarters=section.country("headquarters"),
        lei=lei,
        kind=kind,
        owners_known=section.choice("owners", OWNERS, "unknown") == "known" or kind != "company",
        designations=read_designations(section),
    )
    section.done()
    return entity


def _ownership(section: Section, known: _Known) -> Ownership:
    unknown = section.is_word("share", "unknown")
    edge = Ownership(
        owner=known.reference(section, "owner"),
        owned=known.reference(section, "of"),
        share=None if unknown else section.number("share"),
        period=section.period(),
        line=section.line,
        basis=section.choice("basis", BASES, SHARES),
    )
    if edge.share is not None and not 0 < edge.share <= 100:
        section.problem("'share' must be more than 0 and at most 100 (percent), or 'unknown'", "share")
    if edge.owner and edge.owner == edge.owned:
        section.problem("an entity cannot own itself", "of")
    section.done()
    return edge


def _contract(section: Section, known: _Known) -> Contract:
    contract = Contract(
        id=section.identifier(),
        principal=known.reference(section, "principal"),
        contractor=known.reference(section, "contractor"),
        purpose=section.text("purpose"),
        data_types=section.data_types("data_types"),
        subcontractors=section.choice("subcontractors", SUBCONTRACTORS, "unknown"),
        last_audit=section.day("last_audit"),
        period=section.period(),
        line=section.line,
        transaction=section.choice("transaction", TRANSACTIONS, "vendor"),
        exemptions=section.words("exemptions"),
    )
    if contract.principal and contract.principal == contract.contractor:
        section.problem("an entity cannot be its own contractor", "contractor")
    section.done()
    return contract


def _check_unique(root: Section, what: str, found: list[tuple[str, int]]) -> None:
    seen: set[str] = set()
    for name, line in found:
        if name in seen:
            root.problem_at(line, f"{what} '{name}' stands twice")
        seen.add(name)
