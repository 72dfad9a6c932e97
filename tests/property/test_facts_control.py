"""The ownership test against plain references: shares as fractions, and every way in which gaps could be filled."""

from __future__ import annotations

import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.facts.control import Controls, OwnershipTest, control
from gateway.facts.entities import Entities, Entity
from gateway.facts.ownership import Ownership
from gateway.facts.period import Period
from gateway.model import Answer, Country, EntityId

NAMES = [EntityId(name) for name in "abcdef"]
OUTSIDE = EntityId("outside")
CN, JP = Country("CN"), Country("JP")
TEST = OwnershipTest(id="t", countries=frozenset({CN}), share=50, headquarters=False)
DAYS = range(6)

shares = st.sampled_from([10.0, 16.7, 25.0, 33.3, 49.9, 50.0, 50.1, 100.0])
periods = st.builds(Period, st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.integers(4, 6)))


def entity(name: EntityId, country: Country | None, known: bool) -> Entity:
    return Entity(id=name, name=name, country=country, headquarters=None, lei=None, owners_known=known)


def build(entities: dict[EntityId, Entity], edges: list[Ownership]) -> Entities:
    return Entities.build(entities, tuple(edges), (), ())


@st.composite
def holdings(draw: st.DrawFn, *, gaps: bool) -> tuple[dict[EntityId, Entity], list[Ownership]]:
    countries = st.sampled_from([CN, JP, JP, JP, None] if gaps else [CN, JP, JP])
    knows = st.sampled_from([True, True, False]) if gaps else st.just(True)
    entities = {name: entity(name, draw(countries), draw(knows)) for name in NAMES}
    edges: list[Ownership] = []
    for line, (owner, owned) in enumerate(draw(st.lists(st.permutations(NAMES).map(lambda two: two[:2]), max_size=9))):
        share = draw(st.one_of(shares, st.none()) if gaps else shares)
        held = sum(edge.share or 0.0 for edge in edges if edge.owned == owned)
        if held + (share or 0.0) <= 100:
            edges.append(Ownership(owner, owned, share, draw(periods), line))
    return entities, edges


def plain(entities: dict[EntityId, Entity], edges: list[Ownership], day: int) -> set[EntityId]:
    """Again and again over all entities until nothing is added."""
    covered = {name for name, one in entities.items() if one.country == CN}
    while True:
        more = {
            name
            for name in entities
            if sum(
                Fraction(str(edge.share))
                for edge in edges
                if edge.owned == name and edge.owner in covered and edge.period.covers(day) and edge.share is not None
            )
            >= 50
        } - covered
        if not more:
            return covered
        covered |= more


@settings(max_examples=200, deadline=None)
@given(holdings(gaps=False), st.sampled_from(DAYS))
def test_where_everything_is_known_the_answer_is_the_plain_fixpoint(
    given: tuple[dict[EntityId, Entity], list[Ownership]], day: int
) -> None:
    graph, covered = build(*given), plain(*given, day)
    for name in NAMES:
        found = control(graph, TEST, name, day)
        assert found.answer is (Answer.YES if name in covered else Answer.NO)
        assert bool(found.steps) is (name in covered)
        for step in found.steps:
            assert step.how != "owners" or sum(Fraction(str(share)) for _, share in step.holders) >= 50


def best(entities: dict[EntityId, Entity], edges: list[Ownership], day: int) -> set[EntityId]:
    """Who is held if every gap turns out well: places in Japan, nobody else, nothing unrecorded."""
    placed = {name: entity(name, one.country or JP, True) for name, one in entities.items()}
    return plain(placed, [edge for edge in edges if edge.share is not None], day)


def worst(entities: dict[EntityId, Entity], edges: list[Ownership], day: int) -> set[EntityId]:
    """Who is held in any of the ways in which gaps may turn out ill: China, and the rest in one hand."""
    placed = {name: entity(name, one.country or CN, True) for name, one in entities.items()}
    placed[OUTSIDE] = entity(OUTSIDE, CN, True)
    choices: list[list[Ownership]] = []
    for name, one in entities.items():
        now = [edge for edge in edges if edge.owned == name and edge.period.covers(day)]
        rest = 100.0 - sum(edge.share or 0.0 for edge in now)
        if rest <= 0:
            continue
        if not one.owners_known:
            choices.append([Ownership(OUTSIDE, name, rest, Period(), 99)])
        elif without := [edge for edge in now if edge.share is None]:
            choices.append([edge._replace(share=rest) for edge in without])
    known = [edge for edge in edges if edge.share is not None]
    return {name for chosen in itertools.product(*choices) for name in plain(placed, [*known, *chosen], day)}


@settings(max_examples=200, deadline=None)
@given(holdings(gaps=True), st.sampled_from(DAYS))
def test_gaps_leave_a_yes_only_where_even_the_best_filling_holds(
    given: tuple[dict[EntityId, Entity], list[Ownership]], day: int
) -> None:
    graph = build(*given)
    surely, possibly = best(*given, day), worst(*given, day)
    for name in NAMES:
        found = control(graph, TEST, name, day)
        expected = Answer.YES if name in surely else Answer.UNKNOWN if name in possibly else Answer.NO
        assert found.answer is expected
        assert bool(found.gaps) is (expected is Answer.UNKNOWN)


@settings(max_examples=100, deadline=None)
@given(holdings(gaps=True), st.data())
def test_one_changed_holding_recomputes_only_what_it_touches(
    given: tuple[dict[EntityId, Entity], list[Ownership]], data: st.DataObject
) -> None:
    entities, edges = given
    controls = Controls(build(entities, edges), [TEST])
    for name, day in itertools.product(NAMES, (0, 5)):
        controls.ask("t", name, day)
    changed = list(edges)
    touched = set()
    if edges:
        edge = data.draw(st.sampled_from(edges))
        changed.remove(edge)
        touched.add(edge.owned)
    other = controls.carried_to(build(entities, changed), [TEST], touched)
    fresh = Controls(build(entities, changed), [TEST])
    for name, day in itertools.product(NAMES, (5, 0)):
        assert other.ask("t", name, day).answer is fresh.ask("t", name, day).answer
