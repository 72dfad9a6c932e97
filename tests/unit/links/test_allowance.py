"""Rates and numbers of unknown statements: over them is slower, far over them is refused, nobody pays for another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Limits
from gateway.links.allowance import _PAUSE, _PAUSING, _SWEPT, Allowance

LIMITS = Limits(unknown_per_second=10, unknown_burst=5, unknown_waiting=3, unknown_delay_ms=500)


def served(allowance: Allowance, principal: str, now: float, *, patient: bool = True) -> tuple[float, str]:
    given = allowance.enter(principal, now, patient=patient)
    allowance.leave(principal, given)
    return round(given.delay, 6), given.refusal


def test_a_burst_is_free_then_the_rate_slows_down_then_it_is_refused():
    allowance = Allowance(LIMITS)
    answers = [served(allowance, "ann", 0.0) for _ in range(11)]
    assert answers[:10] == [(delay, "") for delay in (0, 0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5)]
    delay, words = answers[10]
    assert delay == _PAUSE
    assert words == (
        "you may run 10 statements a second that the gateway does not know yet, and 5 at a time; try again in 1 s"
    )
    assert served(allowance, "ben", 0.0) == (0, ""), "everybody has his own"
    assert served(allowance, "ann", 0.5) == (0.1, ""), "a refusal costs nothing"
    assert served(allowance, "ann", 100.0) == (0, "")


def test_who_cannot_be_kept_waiting_is_refused_at_once():
    allowance = Allowance(LIMITS)
    for _ in range(5):
        assert served(allowance, "ann", 0.0, patient=False) == (0, "")
    delay, words = served(allowance, "ann", 0.0, patient=False)
    assert delay == 0
    assert words.endswith("and 5 at a time; try again in 1 s")


def test_a_large_tree_is_paid_for_afterwards():
    allowance = Allowance(LIMITS)
    assert served(allowance, "ann", 0.0) == (0, "")
    allowance.charge_tree("ann", 0.0, 1000)
    assert served(allowance, "ann", 0.0) == (0, "")
    allowance.charge_tree("ann", 0.0, 100_000)
    assert served(allowance, "ann", 0.0) == (0.1, "")


def test_a_strict_sessions_own_trees_are_paid_for_by_their_length():
    allowance = Allowance(LIMITS)
    allowance.charge_tree("ann", 0.0, 100_000, own=True)
    assert not allowance._debts
    allowance.charge_tree("ann", 0.0, 1_000_000, own=True)
    assert round(allowance.pace("ann", 0.0).delay, 6) == 0.3
    assert allowance.pace("ann", 0.0, patient=False).refusal


def test_what_kept_the_others_waiting_is_paid_for_by_the_millisecond():
    allowance = Allowance(LIMITS)
    for _ in range(100):
        allowance.charge_time("ann", 0.0, 0.0009)
    assert not allowance._debts, "as short as most"
    allowance.charge_time("ann", 0.0, 0.0062)
    assert served(allowance, "ann", 0.0) == (0.2, "")
    assert served(allowance, "ann", 10.0) == (0, "")


def test_a_place_that_was_paid_for_is_one_of_so_many_and_costs_nothing():
    allowance = Allowance(LIMITS)
    seats = [allowance.seat("ann") for _ in range(4)]
    assert [bool(one.refusal) for one in seats] == [False, False, False, True]
    assert not allowance._debts
    for one in seats:
        allowance.leave("ann", one)
    assert not allowance._inside
    assert allowance._refusals == 0


def test_so_many_at_once():
    allowance = Allowance(LIMITS)
    inside = [allowance.enter("ann", 0.0) for _ in range(3)]
    over = [allowance.enter("ann", 0.0) for _ in range(4)]
    assert {one.refusal for one in over} == {
        "3 statements of yours wait to be analysed already, and no more are taken at once; try again in 1 s"
    }
    allowance.leave("ann", inside[0])
    assert not allowance.enter("ann", 0.0).refusal, "refusals on their way take nobody's place"
    for one in over:
        allowance.leave("ann", one)


def test_refusals_that_pause_are_bounded_too():
    allowance = Allowance(LIMITS)
    for _ in range(3):
        allowance.enter("ann", 0.0)
    pauses = [allowance.enter("ann", 0.0).delay for _ in range(_PAUSING + 2)]
    assert pauses == [_PAUSE] * _PAUSING + [0.0, 0.0]


def test_who_owes_nothing_is_forgotten():
    allowance = Allowance(LIMITS)
    for number in range(_SWEPT + 1):
        served(allowance, f"p{number}", number * 0.1)
    assert len(allowance._debts) < 10
    assert not allowance._inside


@given(st.lists(st.floats(0, 2), max_size=80))
def test_what_goes_on_never_exceeds_burst_and_rate(pauses):
    allowance = Allowance(LIMITS)
    now, gone_on = 0.0, []
    for pause in pauses:
        now += pause
        given = allowance.enter("ann", now)
        allowance.leave("ann", given)
        if not given.refusal:
            gone_on.append(now + given.delay)
    for first, begin in enumerate(gone_on):
        for last in range(first, len(gone_on)):
            count, seconds = last - first + 1, gone_on[last] - begin
            assert count <= LIMITS.unknown_burst + seconds * LIMITS.unknown_per_second + 1e-6
