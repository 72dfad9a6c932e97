"""The chain search against a plain reference: try every way that repeats no place, take the best."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.facts.chain import Hop, find_chain, owner_links
from gateway.facts.entities import Contract, Entities, Entity
from gateway.facts.ownership import HALF, Ownership
from gateway.facts.period import Period
from gateway.model import Country, EntityId

NAMES = [EntityId(name) for name in "abcdef"]
DAYS = range(6)

periods = st.builds(Period, st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.integers(4, 6)))
pairs = st.permutations(NAMES).map(lambda names: (names[0], names[1]))


@st.composite
def worlds(draw: st.DrawFn) -> Entities:
    contracts = tuple(
        Contract(
            id=f"k{number}",
            principal=pair[0],
            contractor=pair[1],
            purpose="p",
            data_types=(),
            subcontractors="known",
            last_audit=None,
            period=draw(periods),
            line=number,
        )
        for number, pair in enumerate(draw(st.lists(pairs, max_size=8)))
    )
    ownerships = tuple(
        Ownership(
            owner=pair[0],
            owned=pair[1],
            share=draw(st.sampled_from([2.0, 49.99, 50.0, 100.0])),
            period=draw(periods),
            line=number,
        )
        for number, pair in enumerate(draw(st.lists(pairs, max_size=8)))
    )
    entities = {
        name: Entity(id=name, name=name.upper(), country=Country("JP"), headquarters=None, lei=None) for name in NAMES
    }
    return Entities.build(entities, ownerships, contracts, ())


def key(hop: Hop) -> tuple[int, str, str, int]:
    """Contracts before ownership, then by entity, then by the edge itself."""
    if isinstance(hop.by, Contract):
        return (0, hop.entity, hop.by.id, 0)
    return (1, hop.entity, "", hop.by.line)


def ways(world: Entities, here: EntityId, goal: EntityId, day: int, way: tuple[Hop, ...]) -> Iterator[tuple[Hop, ...]]:
    """Every way from here to the goal that meets no entity twice in the same phase."""
    under_contract = any(isinstance(hop.by, Contract) for hop in way)
    seen = {(hop.entity, isinstance(hop.by, Contract)) for hop in way}
    steps = [Hop(edge.contractor, edge) for edge in world.contracts if edge.principal == here]
    if not under_contract:
        for edge in world.ownerships:
            if edge.share is not None and edge.share >= HALF and here in (edge.owner, edge.owned):
                steps.append(Hop(edge.owned if edge.owner == here else edge.owner, edge))
    for step in steps:
        if not step.by.period.covers(day) or (step.entity, isinstance(step.by, Contract)) in seen:
            continue
        if step.entity == goal:
            yield (*way, step)
        else:
            yield from ways(world, step.entity, goal, day, (*way, step))


@settings(max_examples=150, deadline=None)
@given(worlds(), st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(DAYS))
def test_chain_is_the_best_of_all_ways(world: Entities, controller: EntityId, employer: EntityId, day: int) -> None:
    found = find_chain(world, controller, employer, day)
    if controller == employer:
        assert found == ()
        return
    all_ways = list(ways(world, controller, employer, day, ()))
    if not all_ways:
        assert found is None
    else:
        assert found == min(all_ways, key=lambda way: (len(way), [key(hop) for hop in way]))


@settings(max_examples=150, deadline=None)
@given(worlds(), st.sampled_from(NAMES), st.sampled_from(DAYS))
def test_owners_are_all_who_are_reached_upwards(world: Entities, entity: EntityId, day: int) -> None:
    reached: set[EntityId] = {entity}
    while True:
        above = {edge.owner for edge in world.ownerships if edge.owned in reached and edge.period.covers(day)} - reached
        if not above:
            break
        reached |= above
    links = owner_links(world, entity, day)
    assert sorted(link.entity for link in links) == sorted(reached - {entity})
    assert [link.hop for link in links] == sorted(link.hop for link in links)
