"""Whether an entity is held from certain countries, by the ownership test of a regime: yes, no, or not known.

The least fixpoint: an entity is held if it is a seed (under the law of such a country, seated there, or designated), or
if the *sum* of the shares that held owners have of it reaches the test's share. Each hop is tested by itself and shares
are never multiplied: half of a half counts as held, as 28 CFR 202.211 says.

What is not known is followed as well, at its worst: a share nobody recorded, owners nobody listed, an entity of which
no country is on record. Where only that would make it held, the answer is ``unknown`` and the gaps are named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.facts.ownership import Ownership
from gateway.model import Answer, Country, EntityId

MOST_ABOVE: Final = 10_000  # entities looked at above one; with more, nobody can follow the answer anyway
_UNIT: Final = 1_000_000_000  # shares are added as whole numbers of billionths of a percent: 33.3 + 16.7 is 50
_WHOLE: Final = 100 * _UNIT


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipTest:
    """What a regime asks of an entity's owners. It comes from the regime's data; nothing of it stands in Python."""

    id: str
    countries: frozenset[Country]
    share: float  # percent
    or_more: bool = True  # False: more than the share
    headquarters: bool = True  # whether a seat in such a country counts as its law does
    designated: frozenset[EntityId] = frozenset()  # held by name, wherever they are


class Held(Protocol):
    """As much of an entity as a test looks at."""

    @property
    def country(self) -> Country | None:
        """Under whose law it stands; of a person: where they live."""

    @property
    def headquarters(self) -> Country | None:
        """Where it is run from."""

    @property
    def owned_by_others(self) -> bool:
        """False for people and states, which nobody owns."""

    @property
    def owners_known(self) -> bool:
        """Whether everybody is listed whose share could matter."""


class Graph(Protocol):
    """Where entities and their owners are looked up."""

    @property
    def by_id(self) -> Mapping[EntityId, Held]:
        """Entities."""

    @property
    def owners_of(self) -> Mapping[EntityId, Sequence[Ownership]]:
        """Holdings by who is owned."""


@dataclass(frozen=True, slots=True)
class Step:
    """Why one entity is held: ``law``, ``headquarters`` or ``designated``, or ``owners`` with who adds up."""

    entity: EntityId
    how: str
    country: Country | None = None
    holders: tuple[tuple[EntityId, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """What is not known of one entity: ``country``, ``headquarters``, ``owners`` or ``share`` (of ``owner``)."""

    entity: EntityId
    what: str
    owner: EntityId | None = None
    percent: float | None = None  # how much of it nobody knows the holder of


@dataclass(frozen=True, slots=True)
class Control:
    """The answer; ``steps`` lead to a yes, ``gaps`` to an unknown. The same from day ``since`` until ``until``."""

    answer: Answer
    steps: tuple[Step, ...] = ()
    gaps: tuple[Gap, ...] = ()
    since: int | None = None
    until: int | None = None
    above: frozenset[EntityId] = field(default=frozenset(), repr=False)  # all entities it was made from

    def holds_on(self, day: int) -> bool:
        """Whether it is the answer of that day."""
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


def control(graph: Graph, test: OwnershipTest, entity: EntityId, day: int) -> Control:
    """The answer for one entity as of a day."""
    above = _Above(graph, entity, day)
    if above.too_many:
        gap = Gap(entity, "owners")
        return Control(Answer.UNKNOWN, (), (gap,), above.since, above.until, frozenset(above.entities))
    seeds = {one: step for one, held in above.entities.items() if (step := _seed(test, one, held)) is not None}
    surely, possibly = _Spread(test, above), _Spread(test, above, worst=True)
    surely.spread(seeds)
    odd = [one for one, held in above.entities.items() if _place_unknown(test, held)]
    possibly.spread((*seeds, *odd, *(one for one in above.entities if possibly.reaches(one))))
    answer, steps, gaps = Answer.NO, list[Step](), list[Gap]()
    if entity in surely.covered:
        answer, steps = Answer.YES, list(_explained(entity, seeds, surely))
    elif entity in possibly.covered:
        answer, gaps = Answer.UNKNOWN, list(_gaps(test, above, possibly, surely))
    return Control(answer, tuple(steps), tuple(gaps), above.since, above.until, frozenset(above.entities))


class _Above:
    """An entity and everybody above it by holdings in force, with the days between which no holding changes."""

    def __init__(self, graph: Graph, entity: EntityId, day: int) -> None:
        self.entities: dict[EntityId, Held] = {entity: graph.by_id[entity]}
        self.owners: dict[EntityId, list[Ownership]] = {}
        self.owned: dict[EntityId, list[Ownership]] = {}
        self.since: int | None = None
        self.until: int | None = None
        self.too_many = False
        queue = deque([entity])
        while queue:
            here = queue.popleft()
            for edge in graph.owners_of.get(here, ()):
                self._until_change(edge, day)
                if not edge.period.covers(day):
                    continue
                self.owners.setdefault(here, []).append(edge)
                self.owned.setdefault(edge.owner, []).append(edge)
                if edge.owner not in self.entities:
                    self.entities[edge.owner] = graph.by_id[edge.owner]
                    queue.append(edge.owner)
            if len(self.entities) > MOST_ABOVE:
                self.too_many = True
                return

    def _until_change(self, edge: Ownership, day: int) -> None:
        for change in edge.period.edges():
            if change <= day:
                self.since = change if self.since is None else max(self.since, change)
            else:
                self.until = change if self.until is None else min(self.until, change)

    def unheld(self, entity: EntityId) -> int:
        """How much of an entity has no recorded share, in units."""
        recorded = sum(_units(edge.share) for edge in self.owners.get(entity, ()) if edge.share is not None)
        return max(0, _WHOLE - recorded)


class _Spread:
    """Coverage going down from seeds along holdings; ``worst``: what is not recorded counts as held."""

    def __init__(self, test: OwnershipTest, above: _Above, *, worst: bool = False) -> None:
        self.covered: set[EntityId] = set()
        self.because: dict[EntityId, list[Ownership]] = {}
        self._above = above
        self._worst = worst
        self._least = _units(test.share) + (0 if test.or_more else 1)
        self._sums: dict[EntityId, int] = {}
        self._unheld: set[EntityId] = set()  # entities whose unrecorded part is counted
        if worst:
            for one, held in above.entities.items():
                if held.owned_by_others and not held.owners_known:
                    self._sums[one] = above.unheld(one)
                    self._unheld.add(one)

    def reaches(self, entity: EntityId) -> bool:
        """Whether what is counted of an entity so far is enough."""
        return self._sums.get(entity, 0) >= self._least

    def spread(self, seeds: Iterable[EntityId]) -> None:
        """Cover the seeds and everything below them that they reach."""
        queue = deque(seeds)
        while queue:
            here = queue.popleft()
            if here in self.covered:
                continue
            self.covered.add(here)
            for edge in self._above.owned.get(here, ()):
                if edge.owned in self.covered:
                    continue
                self._count(edge)
                self.because.setdefault(edge.owned, []).append(edge)
                if self.reaches(edge.owned):
                    queue.append(edge.owned)

    def _count(self, edge: Ownership) -> None:
        share = 0
        if edge.share is not None:
            share = _units(edge.share)
        elif self._worst and edge.owned not in self._unheld:
            share = self._above.unheld(edge.owned)
            self._unheld.add(edge.owned)
        self._sums[edge.owned] = self._sums.get(edge.owned, 0) + share


def _units(share: float) -> int:
    return round(share * _UNIT)


def _seed(test: OwnershipTest, entity: EntityId, held: Held) -> Step | None:
    if entity in test.designated:
        return Step(entity, "designated")
    if held.country is not None and held.country in test.countries:
        return Step(entity, "law", held.country)
    if test.headquarters and held.headquarters is not None and held.headquarters in test.countries:
        return Step(entity, "headquarters", held.headquarters)
    return None


def _place_unknown(test: OwnershipTest, held: Held) -> bool:
    return held.country is None or (test.headquarters and held.owned_by_others and held.headquarters is None)


def _explained(entity: EntityId, seeds: Mapping[EntityId, Step], surely: _Spread) -> Iterable[Step]:
    """The entity first, then each held owner that adds up to it, once; ends at seeds."""
    queue, told = deque([entity]), {entity}
    while queue:
        here = queue.popleft()
        if here in seeds:
            yield seeds[here]
            continue
        edges = [edge for edge in surely.because[here] if edge.share is not None]
        yield Step(here, "owners", None, tuple((edge.owner, edge.share or 0.0) for edge in edges))
        for edge in edges:
            if edge.owner not in told:
                told.add(edge.owner)
                queue.append(edge.owner)


def _gaps(test: OwnershipTest, above: _Above, possibly: _Spread, surely: _Spread) -> Iterable[Gap]:
    """What would have to be known, nearest first: gaps of entities that are held only at the worst."""
    for one, held in above.entities.items():
        if one not in possibly.covered or one in surely.covered:
            continue
        if held.country is None:
            yield Gap(one, "country")
        elif _place_unknown(test, held):
            yield Gap(one, "headquarters")
        unheld = above.unheld(one) / _UNIT
        without = [edge for edge in above.owners.get(one, ()) if edge.share is None]
        yield from (Gap(one, "share", edge.owner, unheld) for edge in without if edge.owner in possibly.covered)
        if held.owned_by_others and not held.owners_known and unheld:
            yield Gap(one, "owners", None, unheld)


class Controls:
    """Answers that are kept: by test and entity, each for the days it holds. Any thread may use it."""

    def __init__(self, graph: Graph, tests: Collection[OwnershipTest], *, most: int = 100_000) -> None:
        self._graph = graph
        self._tests = {test.id: test for test in tests}
        self._most = most
        self._known: dict[tuple[str, EntityId], Control] = {}

    @property
    def tests(self) -> tuple[OwnershipTest, ...]:
        """The tests, by id."""
        return tuple(self._tests[key] for key in sorted(self._tests))

    def ask(self, test: str, entity: EntityId, day: int) -> Control:
        """The answer, looked up or worked out."""
        found = self._known.get((test, entity))
        if found is not None and found.holds_on(day):
            return found
        found = control(self._graph, self._tests[test], entity, day)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[test, entity] = found
        return found

    def carried_to(self, graph: Graph, tests: Collection[OwnershipTest], touched: Collection[EntityId]) -> Controls:
        """The same for another graph: answers are kept unless something they were made from was touched."""
        other = Controls(graph, tests, most=self._most)
        same = {key for key, test in other._tests.items() if self._tests.get(key) == test}
        marks = frozenset(touched)
        for (test, entity), answer in list(self._known.items()):
            if test in same and marks.isdisjoint(answer.above):
                other._known[test, entity] = answer
        return other

    def __len__(self) -> int:
        return len(self._known)
