import pytest

from gateway.facts.ownership import BRANCH, CONSOLIDATION, SHARES, Ownership, by_end, majority_cycles, overfull
from gateway.facts.period import Period
from gateway.model import EntityId


def held(owner: str, of: str, share: float | None, start: int | None = None, end: int | None = None) -> Ownership:
    return Ownership(EntityId(owner), EntityId(of), share, Period(start, end), 1)


@pytest.mark.parametrize(
    ("share", "basis", "of_group"),
    [
        (50.0, SHARES, True),
        (49.99, SHARES, False),
        (49.99, CONSOLIDATION, False),
        (None, SHARES, False),
        (None, CONSOLIDATION, True),
        (None, BRANCH, True),
    ],
)
def test_half_or_accounts_in_common_make_a_group(share: float | None, basis: str, of_group: bool) -> None:
    assert held("a", "b", share)._replace(basis=basis).of_group is of_group


def test_more_than_all_of_it_is_noticed_on_the_day_it_begins() -> None:
    edges = [held("a", "c", 60, 0, 10), held("b", "c", 60, 9), held("d", "c", None)]
    assert list(overfull(edges)) == [edges[1]]
    assert list(overfull([edges[0], held("b", "c", 60, 10)])) == []
    assert list(overfull([held("a", "c", 60), held("b", "c", 40.01)])) == []


def test_majorities_in_a_circle_are_noticed_once() -> None:
    edges = [held("a", "b", 51), held("b", "c", 60), held("c", "a", 100)]
    up = by_end(edges, lambda edge: edge.owned)
    found = list(majority_cycles(edges, lambda entity: up.get(entity, ())))
    assert [circle for _, circle in found] == [("b", "a", "c", "b")]


@pytest.mark.parametrize("closing", [held("c", "a", 50), held("c", "a", 100, 20), held("c", "a", None)])
def test_cross_holdings_and_circles_of_different_times_are_none(closing: Ownership) -> None:
    edges = [held("a", "b", 51, 0, 20), held("b", "c", 60), closing]
    up = by_end(edges, lambda edge: edge.owned)
    assert list(majority_cycles(edges, lambda entity: up.get(entity, ()))) == []
