"""When a sink is tried again, and with how much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.links.shipping import LONGEST, LONGEST_ASKED, LONGEST_REMOTE, SHORTEST, Pace
from gateway.sink_metrics import Trouble


@pytest.mark.parametrize(("remote", "longest"), [(False, LONGEST), (True, LONGEST_REMOTE)])
def test_waits_grow_up_to_a_bound_and_end_with_an_arrival(remote: bool, longest: float) -> None:
    pace = Pace(1000, remote=remote)
    waits = [pace.failed(Trouble.UNREACHABLE, 10, 1.0) for _ in range(40)]
    assert waits[0] == SHORTEST
    assert waits == sorted(waits)
    assert waits[-1] == longest
    failing = pace.failing
    pace.arrived()
    assert (failing, pace.failing) == (True, False)
    assert pace.failed(Trouble.UNREACHABLE, 10, 0.0) == SHORTEST / 2


def test_what_the_other_end_asks_for_is_kept_to_within_reason() -> None:
    pace = Pace(1000, remote=True)
    assert pace.failed(Trouble.THROTTLED, 10, 0.5, after=7) == 7
    assert pace.failed(Trouble.THROTTLED, 10, 0.5, after=10**9) == LONGEST_ASKED


def test_too_large_is_halved_at_once_down_to_one_and_grows_again() -> None:
    pace = Pace(1000, remote=False)
    sizes = []
    while pace.entries > 1:
        assert pace.failed(Trouble.TOO_LARGE, pace.entries, 0.5) == 0
        sizes.append(pace.entries)
    assert sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1]
    assert not pace.failing
    assert pace.failed(Trouble.TOO_LARGE, 1, 0.5) > 0  # one that nobody takes: told, and tried again later
    for _ in range(12):
        pace.arrived()
    assert pace.entries == 1000


@given(st.lists(st.tuples(st.sampled_from(list(Trouble)), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1e6))))
def test_bounds(failures: list[tuple[Trouble, int, float, float]]) -> None:
    pace = Pace(500, remote=False)
    for trouble, sent, chance, after in failures:
        assert 0 <= pace.failed(trouble, sent, chance, after) <= LONGEST_ASKED
        assert 1 <= pace.entries <= 500
