"""entities.yaml: legal entities, who owns whom, who works for whom by contract, and blocks (the kill-switch)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar

from gateway.facts.fields import Section
from gateway.facts.period import Period
from gateway.model import Country, DataType, EntityId

FILE: Final = "entities.yaml"

SUBCONTRACTORS: Final = ("known", "none", "unknown")
_ROUNDING: Final = 0.01  # shares are published to two places; their sum may pass 100 by so much


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One legal entity and the country under whose law it stands."""

    id: EntityId
    name: str
    country: Country | None
    headquarters: Country | None
    lei: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """``owner`` holds ``share`` percent of ``owned``."""

    owner: EntityId
    owned: EntityId
    share: float
    period: Period
    line: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The kill-switch: an entity, or every entity under a country's law, is stopped."""

    id: str
    entity: EntityId | None
    country: Country | None
    period: Period
    line: int


_Edge = TypeVar("_Edge", Ownership, Contract)


@dataclass(frozen=True, slots=True)
class Entities:
    """The whole file, indexed by both ends of every edge; edges in a fixed order, so that answers are, too."""

    by_id: Mapping[EntityId, Entity]
    ownerships: tuple[Ownership, ...]
    contracts: tuple[Contract, ...]
    blocks: tuple[Block, ...]
    owned_by: Mapping[EntityId, tuple[Ownership, ...]]  # owner -> what it owns
    owners_of: Mapping[EntityId, tuple[Ownership, ...]]  # owned -> who owns it
    contracts_of: Mapping[EntityId, tuple[Contract, ...]]  # principal -> its contracts

    @classmethod
    def build(
        cls,
        entities: Mapping[EntityId, Entity],
        ownerships: tuple[Ownership, ...],
        contracts: tuple[Contract, ...],
        blocks: tuple[Block, ...],
    ) -> Entities:
        """Index what was read."""
        ownerships = tuple(sorted(ownerships, key=lambda edge: (edge.owner, edge.owned, edge.line)))
        contracts = tuple(sorted(contracts, key=lambda edge: (edge.contractor, edge.id)))
        return cls(
            by_id=MappingProxyType(dict(entities)),
            ownerships=ownerships,
            contracts=contracts,
            blocks=tuple(sorted(blocks, key=lambda block: block.id)),
            owned_by=_indexed(ownerships, [edge.owner for edge in ownerships]),
            owners_of=_indexed(ownerships, [edge.owned for edge in ownerships]),
            contracts_of=_indexed(contracts, [edge.principal for edge in contracts]),
        )

    def edges(self) -> Iterator[int]:
        """Days on which a fact about entities changes."""
        periods = [edge.period for edge in self.ownerships]
        periods += [contract.period for contract in self.contracts]
        periods += [block.period for block in self.blocks]
        for period in periods:
            yield from period.edges()
        for contract in self.contracts:
            if contract.last_audit is not None:
                yield contract.last_audit


def _indexed(edges: tuple[_Edge, ...], keys: list[EntityId]) -> Mapping[EntityId, tuple[_Edge, ...]]:
    found: dict[EntityId, list[_Edge]] = defaultdict(list)
    for key, edge in zip(keys, edges, strict=True):
        found[key].append(edge)
    return MappingProxyType({key: tuple(value) for key, value in found.items()})


def read_entities(root: Section) -> Entities:
    """All of the file, checked within itself: ids known, unique, shares that can be."""
    entities: dict[EntityId, Entity] = {}
    leis: dict[str, EntityId] = {}
    for section in root.sections("entities", required=True):
        entity = _entity(section)
        if entity.id in entities:
            section.problem(f"entity '{entity.id}' stands twice", "id")
        if entity.lei is not None and leis.setdefault(entity.lei, entity.id) != entity.id:
            section.problem(f"the LEI belongs to '{leis[entity.lei]}' already", "lei")
        entities[entity.id] = entity
    ownerships = tuple(_ownership(section, entities) for section in root.sections("ownership"))
    contracts = tuple(_contract(section, entities) for section in root.sections("contracts"))
    blocks = tuple(_block(section, entities) for section in root.sections("blocks"))
    _check_unique(root, "contract", [(contract.id, contract.line) for contract in contracts])
    _check_unique(root, "block", [(block.id, block.line) for block in blocks])
    root.done()
    found = Entities.build(entities, ownerships, contracts, blocks)
    _check_sums(root, found)
    return found


def _entity(section: Section) -> Entity:
    lei = section.optional_text("lei")
    if lei is not None and not (len(lei) == 20 and lei.isascii() and lei.isalnum() and lei == lei.upper()):
        section.problem("'lei' must be 20 upper case letters and digits", "lei")
    entity = Entity(
        id=EntityId(section.identifier()),
        name=section.text("name"),
        country=section.country("country"),
        headquarters=section.country("headquarters"),
        lei=lei,
    )
    section.done()
    return entity


def _reference(section: Section, key: str, entities: Mapping[EntityId, Entity]) -> EntityId:
    found = EntityId(section.identifier(key))
    if found and found not in entities:
        section.problem(f"'{key}' names an entity that is not in the registry: '{found}'", key)
    return found


def _ownership(section: Section, entities: Mapping[EntityId, Entity]) -> Ownership:
    edge = Ownership(
        owner=_reference(section, "owner", entities),
        owned=_reference(section, "of", entities),
        share=section.number("share"),
        period=section.period(),
        line=section.line,
    )
    if not 0 < edge.share <= 100:
        section.problem("'share' must be more than 0 and at most 100 (percent)", "share")
    if edge.owner and edge.owner == edge.owned:
        section.problem("an entity cannot own itself", "of")
    section.done()
    return edge


def _contract(section: Section, entities: Mapping[EntityId, Entity]) -> Contract:
    contract = Contract(
        id=section.identifier(),
        principal=_reference(section, "principal", entities),
        contractor=_reference(section, "contractor", entities),
        purpose=section.text("purpose"),
        data_types=section.data_types("data_types"),
        subcontractors=section.choice("subcontractors", SUBCONTRACTORS, "unknown"),
        last_audit=section.day("last_audit"),
        period=section.period(),
        line=section.line,
    )
    if contract.principal and contract.principal == contract.contractor:
        section.problem("an entity cannot be its own contractor", "contractor")
    section.done()
    return contract


def _block(section: Section, entities: Mapping[EntityId, Entity]) -> Block:
    if section.has("entity") == section.has("country"):
        section.problem("a block names either 'entity' or 'country'")
    block = Block(
        id=section.identifier(),
        entity=_reference(section, "entity", entities) if section.has("entity") else None,
        country=section.country("country"),
        period=section.period(),
        line=section.line,
    )
    section.optional_text("reason")  # for people who read the file
    section.done()
    return block


def _check_unique(root: Section, what: str, found: list[tuple[str, int]]) -> None:
    seen: set[str] = set()
    for name, line in found:
        if name in seen:
            root.problem_at(line, f"{what} '{name}' stands twice")
        seen.add(name)


def _check_sums(root: Section, entities: Entities) -> None:
    """No entity is owned by more than all of it on any day."""
    for owned, edges in entities.owners_of.items():
        for edge in edges:
            day = edge.period.start if edge.period.start is not None else -(10**6)
            if sum(other.share for other in edges if other.period.covers(day)) > 100 + _ROUNDING:
                root.problem_at(edge.line, f"the shares of '{owned}' held at the same time are over 100 percent")
