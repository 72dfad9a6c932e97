"""How many people's data an execution may show: room found before it runs, counted and given back after.

A verdict with limits is carried out within what is left of them. What one execution can show at most is reserved, and
becomes its row limit; what it did show is counted when it is done, and the rest given back. Generators and functions,
as in `gateway.authorize`: the counts themselves are asked for as a need.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, Self

from gateway.errors import Reason
from gateway.explain import refused_by_house, unsupported
from gateway.facts.subjects import Bound, Cost, Kind, Owner, bounds_of, cost_of
from gateway.facts.tally import Full, Room, SubjectTally, Used
from gateway.model import (
    DataFacts,
    Limit,
    Mode,
    Obligation,
    RowLimit,
    StatementFacts,
    Understanding,
    Verdict,
    VolumeCount,
)
from gateway.needs import Ask, Need, NeedCounts, NeedRoom, Outcome, Work, World
from gateway.reuse import Answer

_COSTS: Final = 1000  # statements whose costs are remembered
_RULE: Final = "house-volume-within-limits"


class Settling(Protocol):
    """What is told how an execution ended. It does not make anybody wait."""

    def settle(self, room: Room, cost: Cost, owner: Owner, used: Used, at: int) -> None:
        """Count what was shown, and give back the rest."""
        ...

    def add(self, owner: Owner, kinds: tuple[Kind, ...], values: frozenset[bytes], at: int) -> None:
        """Count keys that were seen so far; what was reserved stays reserved."""
        ...


@dataclass(frozen=True, slots=True)
class Ration:
    """What was found for one execution. Without a room nothing is to be counted, or it may not run."""

    cost: Cost = field(default_factory=Cost)
    owner: Owner | None = None
    room: Room | None = None
    bounds: tuple[Bound, ...] = ()
    why: str = ""  # nothing is left
    value: int = 0  # counted so far where nothing is left
    unsupported: str = ""  # why the door cannot carry it out

    @property
    def full(self) -> bool:
        """Nothing is left."""
        return bool(self.why)

    @property
    def rows(self) -> int | None:
        """The row limit; None: rows do not matter."""
        return self.room.rows if self.room is not None and self.bounds else None

    def applied(self, answer: Answer) -> Answer:
        """The answer as this ration makes it: with its row limit, or a denial."""
        verdict = answer.verdict
        if self.unsupported:
            verdict = unsupported(verdict, ["row_limit"], self.unsupported)
        elif self.why:
            verdict = exceeded(verdict, self.why, self.value)
        elif self.rows is not None:
            verdict = replace(verdict, obligations=(*verdict.obligations, RowLimit(rows=self.rows)))
        return replace(answer, verdict=verdict, cost=self.cost if self._counts else None)

    def extended(self, key: tuple[object, ...]) -> tuple[object, ...]:
        """The key of a standing decision, which is another one with another row limit."""
        return (*key, self.rows) if self._counts else key

    @property
    def _counts(self) -> bool:
        return self.room is not None or self.full


class Rations:
    """Finds room for executions, and settles them."""

    def __init__(self, world: World, settling: Settling, key: bytes) -> None:
        """``key``: with which keys of subjects are hashed."""
        self.key = key
        self._world = world
        self._settling = settling
        self._costs: dict[tuple[StatementFacts, tuple[Obligation, ...]], tuple[DataFacts, Cost]] = {}

    @classmethod
    def of_nothing(cls, world: World, key: bytes) -> Self:
        """Where nothing goes out, and nothing is counted."""
        return cls(world, SubjectTally(), key)

    def counted(self, facts: Understanding) -> Generator[Need, Any, Understanding]:
        """The facts with what went to the employer so far, where that is known."""
        cost, owner = self._cost(facts, None), owner_of(facts)
        if not cost.kinds or owner is None:
            return facts
        counts: tuple[VolumeCount, ...] | None = yield NeedCounts(owner, cost.kinds, facts.at)
        if counts is None:
            return replace(facts, volume=replace(facts.volume, available=False))
        return replace(facts, volume=replace(facts.volume, counts=counts))

    def obtain(
        self, ask: Ask, answer: Answer, at: int, fresh: Callable[[], Generator[Need, Any, Answer]]
    ) -> Generator[Need, Any, tuple[Ration, Answer]]:
        """Room for one execution of what has limits, and the answer as that makes it. ``fresh``: asks the rules anew,
        which may have another answer for when nothing is left: a mask, say."""
        ration = yield from self.find(ask, answer, at)
        if ration.full:
            answer = yield from fresh()
            ration = (yield from self.find(ask, answer, at)) if answer.verdict.limits else Ration()
        return ration, ration.applied(answer)

    def within(self, ration: Ration, work: Work, at: int) -> Work:
        """What is let through has the ration; of anything else it is given back."""
        outcome: Outcome | None = None
        try:
            outcome = yield from work
            return replace(outcome, ration=ration)
        finally:
            if outcome is None or not outcome.allowed:
                self.settle(ration, Used(), at)

    def find(self, ask: Ask, answer: Answer, at: int) -> Generator[Need, Any, Ration]:
        """Room for one execution. Raises PolicyUnavailable where nobody can say."""
        facts, verdict = answer.understanding, answer.verdict
        cost, owner = self._cost(facts, verdict), owner_of(facts)
        bounds = bounds_of(cost, _enforced(verdict.limits))
        if cost.unknown and _enforced(verdict.limits):
            return Ration(cost, owner, why=cost.unknown)
        if bounds and owner is None:
            return Ration(cost, owner, why="the employer is not known, and nobody's counts are everybody's")
        if owner is None or not cost.kinds or not (bounds or ask.counts):
            return Ration()
        if not ask.counts:
            return Ration(cost, owner, unsupported="this door does not tell how many people's data it gave out")
        if any(bound.per_row for bound in bounds) and "row_limit" not in ask.supports:
            return Ration(cost, owner, unsupported="this door cannot limit rows")
        found: Room | Full = yield NeedRoom(owner, cost, bounds, at, answer.rows, keep=ask.executes)
        if isinstance(found, Full):
            return Ration(cost, owner, bounds=bounds, why=_words(found), value=found.counted)
        answer.rows = found.rows if bounds else None
        return Ration(cost, owner, found, bounds)

    def settle(self, ration: Ration, used: Used, at: int) -> None:
        """An execution is over, or will not be. Where no row was shown, nothing of an aggregate was, either."""
        if ration.room is not None and ration.owner is not None:
            shown = ration.cost if used.rows else Cost()
            self._settling.settle(ration.room, shown, ration.owner, used, at)

    def add(self, ration: Ration, kinds: tuple[Kind, ...], values: frozenset[bytes], at: int) -> None:
        """Keys that an execution has shown so far."""
        if ration.owner is not None:
            self._settling.add(ration.owner, kinds, values, at)

    def _cost(self, facts: Understanding, verdict: Verdict | None) -> Cost:
        def rows_of(relation: str) -> int | None:
            return self._world.rows_of(facts.datasource.id, relation)

        obligations = verdict.obligations if verdict is not None else ()
        known = self._costs.get((facts.statement, obligations))
        if known is not None and known[0] is facts.data:  # else the labels are others now
            return known[1]
        cost = cost_of(facts.statement, facts.data, obligations, rows_of, datasource=facts.datasource.id)
        by_row = {relation for spread in facts.statement.spread for relation in spread.relations}
        if by_row.issuperset(facts.statement.relations):  # how many rows a relation has does not matter
            if len(self._costs) >= _COSTS:
                self._costs.clear()
            self._costs[facts.statement, obligations] = facts.data, cost
        return cost


def owner_of(facts: Understanding) -> Owner | None:
    """Under whom it is counted; None where the employer is not known."""
    entity = facts.employer.entity
    return None if entity is None else Owner(facts.data.controller, entity)


def exceeded(verdict: Verdict, why: str, value: int) -> Verdict:
    """An allowance for which no room is left: a denial that says so."""
    return refused_by_house(
        verdict,
        rule=_RULE,
        reason=Reason.VOLUME_EXCEEDED,
        message=why,
        fact="volume.counts",
        value=value,
        remedy="ask for fewer people's data, or for fewer types of it, or wait until the window has moved on",
    )


def _enforced(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    return tuple(limit for limit in limits if limit.mode is Mode.ENFORCE)


def _words(full: Full) -> str:
    words = f"data of {full.counted} people went to this employer so far, and the limit is {full.most}"
    if full.held:
        return f"{words}; statements that run just now may need the other {full.held}: try again"
    return words
