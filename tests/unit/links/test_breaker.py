"""When to stop asking, when to ask again, and how often to try twice."""

from __future__ import annotations

from gateway.links.breaker import FAILURES, LONGEST, MOST, SHARE, SHORTEST, Breaker, Budget


def opened(at: float = 100.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.bad(at, "")
    return breaker


def test_it_stays_closed_while_there_are_good_answers_in_between() -> None:
    breaker = Breaker()
    for _ in range(20):
        for _ in range(FAILURES - 1):
            breaker.bad(1.0, "")
        assert breaker.refuses(1.0) == 0
        breaker.good()


def test_so_many_failures_in_a_row_open_it_for_a_while() -> None:
    breaker = opened(100.0)
    assert breaker.refuses(100.0) == SHORTEST
    assert breaker.refuses(100.0 + SHORTEST) == 0


def test_one_question_finds_out_and_the_others_wait_for_it() -> None:
    breaker = opened(100.0)
    assert breaker.refuses(101.0) == 0
    assert breaker.refuses(101.0) > 0
    breaker.good()
    assert breaker.refuses(101.0) == 0
    assert breaker.refuses(101.0) == 0


def test_a_question_that_nobody_waited_for_found_out_nothing() -> None:
    breaker = opened(100.0)
    assert breaker.refuses(101.0) == 0
    breaker.unknown()
    assert breaker.refuses(101.0) == 0


def test_each_failed_try_doubles_the_pause_up_to_a_bound() -> None:
    breaker, now, pauses = opened(0.0), 0.0, []
    for _ in range(8):
        now += breaker.refuses(now)
        assert breaker.refuses(now) == 0
        breaker.bad(now, "")
        pauses.append(breaker.refuses(now))
    assert pauses == [1.0, 2.0, 4.0, 8.0, LONGEST, LONGEST, LONGEST, LONGEST]
    breaker.good()
    for _ in range(FAILURES):
        breaker.bad(now, "")
    assert breaker.refuses(now) == SHORTEST


def test_failures_about_one_thing_are_one_failure() -> None:
    breaker = Breaker()
    for _ in range(50):
        breaker.bad(1.0, "mallory")
    assert breaker.refuses(1.0) == 0
    for who in ("ann", "ben", "cyd", "dee"):
        breaker.bad(1.0, who)
    assert breaker.refuses(1.0) > 0


def test_retries_are_a_share_of_what_is_asked() -> None:
    budget = Budget()
    assert [budget.retry() for _ in range(12)] == [True] * int(MOST) + [False] * 2
    for _ in range(round(3 / SHARE) + 1):
        budget.asked()
    assert [budget.retry() for _ in range(4)] == [True, True, True, False]
    for _ in range(1000):
        budget.asked()
    assert sum(budget.retry() for _ in range(50)) == MOST
