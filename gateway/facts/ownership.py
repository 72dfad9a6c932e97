"""Who holds which share of whom, from when until when; and what no set of holdings can be.

A share that nobody recorded is None. ``basis`` says what an edge rests on: a holding of shares, the consolidation of
accounts (whoever consolidates controls, by a share that GLEIF does not publish), or a branch, which is its head office.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from gateway.facts.period import Period
from gateway.model import EntityId

SHARES: Final = "shares"
CONSOLIDATION: Final = "consolidation"
BRANCH: Final = "branch"
BASES: Final = (SHARES, CONSOLIDATION, BRANCH)

_WHOLE: Final = 100.0
HALF: Final = 50.0  # percent
_ROUNDING: Final = 0.01  # shares are published to two places; their sum may pass 100 by so much
_EVER: Final = -1_000_000  # a day before every date that can be written


class Ownership(NamedTuple):
    """``owner`` holds ``share`` percent of ``owned``; None: how much is not recorded.

    A tuple, not a dataclass: they are made by the million, in a third of the time and memory.
    """

    owner: EntityId
    owned: EntityId
    share: float | None
    period: Period
    line: int
    basis: str = SHARES

    @property
    def of_group(self) -> bool:
        """Whether it makes both of one group: half of the shares, or accounts in common."""
        return self.share >= HALF if self.share is not None else self.basis != SHARES


def overfull(edges: Sequence[Ownership]) -> Iterator[Ownership]:
    """Holdings of one entity from whose first day on more than all of it is held."""
    if len(edges) < 2:
        return
    for edge in edges:
        day = edge.period.start if edge.period.start is not None else _EVER
        if sum(other.share or 0.0 for other in edges if other.period.covers(day)) > _WHOLE + _ROUNDING:
            yield edge


def majority_cycles(
    edges: Iterable[Ownership], owners_of: Callable[[EntityId], Sequence[Ownership]]
) -> Iterator[tuple[Ownership, tuple[EntityId, ...]]]:
    """Holdings that close a circle of majorities, each with the circle: nobody owns most of who owns most of them.

    Minorities held in a circle are real (cross-holdings) and nothing is wrong with them.
    """
    told: set[frozenset[EntityId]] = set()
    ends: set[tuple[EntityId, int]] = set()  # from where, and on which day, the way up comes to an end
    for edge in edges:
        if not _majority(edge):
            continue
        day = edge.period.start if edge.period.start is not None else _EVER
        way: dict[EntityId, None] = {edge.owned: None}  # in order
        here: EntityId | None = edge.owner
        while here is not None and here not in way and (here, day) not in ends:
            way[here] = None
            here = next((up.owner for up in owners_of(here) if _majority(up) and up.period.covers(day)), None)
        if here == edge.owned and frozenset(way) not in told:
            told.add(frozenset(way))
            yield edge, (*way, edge.owned)
        elif here is None or here not in way:
            ends.update((one, day) for one in way)


def _majority(edge: Ownership) -> bool:
    return edge.share is not None and edge.share > HALF


def by_end(
    edges: Iterable[Ownership], end: Callable[[Ownership], EntityId]
) -> Mapping[EntityId, tuple[Ownership, ...]]:
    """Edges by one of their ends, each list in a fixed order."""
    found: dict[EntityId, list[Ownership]] = {}
    for edge in edges:
        found.setdefault(end(edge), []).append(edge)
    return {key: tuple(sorted(value, key=order)) for key, value in found.items()}


def order(edge: Ownership) -> tuple[str, str, int]:
    """The fixed order of edges, so that answers have one, too."""
    return (edge.owner, edge.owned, edge.line)
