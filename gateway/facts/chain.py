"""The chain from the controller to an employer, and the owners above one: graph searches over edges in force.

A chain goes first through the controller's group (ownership edges of at least half, up or down: a fund that holds 2 %
of both would make strangers sisters), then along contracts.
After the first contract hop only contracts lead on: a contractor's sister company is no party to the contract, and
without a contract of its own it has no chain. The shortest chain is taken; among equals contracts come before ownership
and then ids decide, so the same registry always gives the same chain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.facts.designations import designated_on
from gateway.facts.entities import Contract, Entities
from gateway.facts.ownership import Ownership
from gateway.model import ChainLink, EntityId


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a chain: to which entity, and by what."""

    entity: EntityId
    by: Contract | Ownership


def find_chain(
    entities: Entities, controller: EntityId, employer: EntityId, day: int, by: Collection[str] = ()
) -> tuple[Hop, ...] | None:
    """The hops from the controller to the employer; () where they are the same entity, None where none lead there.

    ``by``: contracts one of which the last hop must be, where the person is there for no other work. What is agreed in
    another one between the same two (a purpose, an exemption) is not theirs.
    """
    if controller == employer:
        return ()
    start = (controller, False)
    came: dict[tuple[EntityId, bool], tuple[tuple[EntityId, bool], Hop] | None] = {start: None}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for hop in _steps(entities, here[0], here[1], day):
            if by and hop.entity == employer and not (isinstance(hop.by, Contract) and hop.by.id in by):
                continue
            state = (hop.entity, isinstance(hop.by, Contract))
            if state in came:
                continue
            came[state] = (here, hop)
            if hop.entity == employer:
                return _walk_back(came, state)
            queue.append(state)
    return None


def _walk_back(
    came: dict[tuple[EntityId, bool], tuple[tuple[EntityId, bool], Hop] | None], state: tuple[EntityId, bool]
) -> tuple[Hop, ...]:
    hops: list[Hop] = []
    while (step := came[state]) is not None:
        state, hop = step
        hops.append(hop)
    return tuple(reversed(hops))


def _steps(entities: Entities, entity: EntityId, under_contract: bool, day: int) -> Iterator[Hop]:
    for contract in entities.contracts_of.get(entity, ()):
        if contract.period.covers(day):
            yield Hop(contract.contractor, contract)
    if under_contract:
        return
    down = ((edge.owned, edge) for edge in entities.owned_by.get(entity, ()))
    up = ((edge.owner, edge) for edge in entities.owners_of.get(entity, ()))
    for other, edge in sorted((*down, *up), key=lambda pair: (pair[0], pair[1].line)):
        if edge.of_group and edge.period.covers(day):
            yield Hop(other, edge)


def links(entities: Entities, controller: EntityId, hops: tuple[Hop, ...], day: int) -> tuple[ChainLink, ...]:
    """The chain as facts: the controller at hop 0, the employer last."""
    found = [link(entities, controller, 0, "controller", day)]
    for number, hop in enumerate(hops, start=1):
        if isinstance(hop.by, Contract):
            relation = "contractor" if number == 1 else "subcontractor"
            found.append(link(entities, hop.entity, number, relation, day, contract=hop.by.id))
        else:
            found.append(link(entities, hop.entity, number, "affiliate", day, share=hop.by.share))
    return tuple(found)


def link(
    entities: Entities,
    entity: EntityId,
    hop: int,
    relation: str,
    day: int,
    *,
    contract: str | None = None,
    share: float | None = None,
) -> ChainLink:
    """One entity as a link."""
    found = entities.by_id[entity]
    return ChainLink(
        hop=hop,
        entity=entity,
        name=found.name,
        country=found.country,
        relation=relation,
        contract=contract,
        share_percent=share,
        designations=designated_on(found.designations, day),
    )


def owner_links(entities: Entities, entity: EntityId, day: int) -> tuple[ChainLink, ...]:
    """Everyone who holds a share of the entity, directly or above a holder: each once, nearest first, cycles cut.

    All shares are listed, each as held of the entity below; who controls whom by which threshold is a rule's to say.
    """
    found: list[ChainLink] = []
    seen = {entity}
    level = [entity]
    hop = 0
    while level:
        hop += 1
        shares: dict[EntityId, float | None] = {}
        for below in level:
            for edge in entities.owners_of.get(below, ()):
                if edge.owner not in seen and edge.period.covers(day):
                    shares[edge.owner] = _larger(edge.share, shares.get(edge.owner, 0.0))
        seen.update(shares)
        level = sorted(shares)
        found.extend(link(entities, owner, hop, "owner", day, share=shares[owner]) for owner in level)
    return tuple(found)


def _larger(one: float | None, other: float | None) -> float | None:
    """The larger share; one that is not known may be any."""
    return None if one is None or other is None else max(one, other)


def owner_of_principal(entities: Entities, contract: Contract, day: int) -> EntityId | None:
    """Of the contractor and those it belongs to, the nearest whom the principal belongs to as well; None: nobody.

    Such a contractor can hardly be supervised: whom it answers to, its supervisor answers to. What belongs to the
    principal itself is not meant.
    """
    above = set(_group_above(entities, contract.principal, day, without=None))
    found = _group_above(entities, contract.contractor, day, without=contract.principal)
    return next((entity for entity in found if entity in above), None)


def _group_above(entities: Entities, entity: EntityId, day: int, *, without: EntityId | None) -> Iterator[EntityId]:
    """An entity and everybody above it by at least half, nearest first."""
    seen, queue = {entity, without}, deque([entity])
    while queue:
        here = queue.popleft()
        yield here
        for edge in entities.owners_of.get(here, ()):
            if edge.owner not in seen and edge.of_group and edge.period.covers(day):
                seen.add(edge.owner)
                queue.append(edge.owner)
