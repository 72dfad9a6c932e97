"""Room for an execution: found before it runs, denied where none is left, given back where it does not run."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from gateway.authorize import Authority
from gateway.errors import PolicyUnavailable, Reason, RecordUnavailable
from gateway.facts.tally import SubjectTally, Used
from gateway.model import Effect, RowLimit
from gateway.needs import Ask, NeedCounts, NeedDecision, NeedDurable, NeedRoom, Outcome
from gateway.policy.inprocess import InProcessEngine
from tests.houses import Analyses
from tests.packs import packs
from tests.worlds import NOW, Bench

LIMIT = {"data_types": ["user.name"], "subject_country": "JP", "unit": "person", "window": "P12M"}
TEXT = "SELECT id, name FROM users WHERE id < 9"


class Counting(Bench):
    """People are counted, and a rule of the house limits how many."""

    def __init__(self, analyses: Any, most: int, *, mode: str = "enforce") -> None:
        super().__init__(analyses, tally=SubjectTally())
        bundle = replace(packs(), data=deepcopy(packs().data))
        volume = bundle.data["house"]["volume"]
        volume["subject_limits"] = [{**LIMIT, "max": most}]
        volume["rules"]["house-subjects-limit"]["mode"] = mode
        self.engine = InProcessEngine(bundle)

    def read(self, text: str = TEXT, **changes: Any) -> Outcome:
        options = {"supports": frozenset({"row_limit"}), "counts": True, **changes}
        return self.decide(self.ask("sato", "tokyo-hq", text, **options))

    def done(self, outcome: Outcome, rows: int) -> None:
        assert outcome.standing is not None
        self.authority.completed(outcome.standing, rows, NOW, outcome.ration, Used(rows, rows))


@pytest.fixture
def bench(analyses: Analyses) -> Counting:
    return Counting(analyses, 10)


def limits(outcome: Outcome) -> list[int]:
    assert outcome.decision is not None
    return [one.rows for one in outcome.decision.verdict.obligations if isinstance(one, RowLimit)]


def test_what_is_left_is_the_row_limit(bench: Counting) -> None:
    first = bench.read()
    assert limits(first) == [10]
    bench.done(first, 4)
    second = bench.read()
    assert limits(second) == [6]
    assert bench.kinds == [NeedRoom, NeedDurable], "the rules are not asked again"
    bench.done(second, 0)
    third = bench.read()
    assert limits(third) == [6]
    assert third.decision is not None
    assert third.decision.reused


def test_nothing_left_is_denied_in_words_after_the_rules_were_asked_again(bench: Counting) -> None:
    bench.done(bench.read(), 10)
    denied = bench.read()
    assert denied.reason is Reason.VOLUME_EXCEEDED
    assert denied.sqlstate == "42501"
    assert "the limit is 10" in denied.message
    assert NeedDecision in bench.kinds
    (asked,) = [need for need in bench.needs if isinstance(need, NeedDecision)]
    counts = {one["data_type"]: one["subjects"] for one in asked.document["volume"]["counts"] if one["subjects"]}  # type: ignore[index, union-attr, call-overload]
    assert counts == {"user": 10, "user.name": 10, "user.unique_id": 10}
    assert bench.read("SELECT id FROM users").allowed, "of what has no limit there is still some"


def test_what_does_not_run_gives_it_back(bench: Counting) -> None:
    bench.raises[NeedDurable] = RecordUnavailable(Reason.RECORD_UNAVAILABLE)
    assert bench.read().reason is Reason.RECORD_UNAVAILABLE
    bench.raises.clear()
    assert limits(bench.read()) == [10]


def test_a_plan_reserves_nothing(bench: Counting) -> None:
    assert limits(bench.read(executes=False)) == [10]
    assert limits(bench.read(executes=False)) == [10]
    assert limits(bench.read()) == [10]
    assert bench.read().reason is Reason.VOLUME_EXCEEDED


def test_a_standing_decision_never_covers_another_execution(bench: Counting) -> None:
    first = bench.read()
    assert first.standing is not None
    assert bench.authority.once_more(first.standing, "s-1", NOW * 10**9) is None


def test_an_aggregate_needs_no_row_limit(bench: Counting) -> None:
    text = "SELECT count(name) FROM users"
    assert "how many rows" in bench.read(text).message
    bench.world.sizes["public.users"] = 8
    found = bench.read(text)
    assert (found.allowed, limits(found)) == (True, [])
    bench.done(found, 1)
    assert bench.read(text).reason is Reason.VOLUME_EXCEEDED


def test_a_door_that_tells_nothing_is_not_let_through(bench: Counting) -> None:
    assert bench.read(counts=False).reason is Reason.OBLIGATION_UNSUPPORTED


def test_who_cannot_limit_rows_is_not_let_through(bench: Counting) -> None:
    denied = bench.read(supports=frozenset())
    assert denied.reason is Reason.OBLIGATION_UNSUPPORTED
    assert limits(bench.read()) == [10], "and what was reserved is free"


@pytest.mark.parametrize("need", [NeedCounts, NeedRoom])
def test_a_store_that_cannot_say_is_a_denial(bench: Counting, need: type) -> None:
    if need is NeedCounts:
        bench.tally = None
        assert bench.read().reason is Reason.POLICY_DENIED
    else:
        bench.raises[NeedRoom] = PolicyUnavailable(Reason.VOLUME_UNAVAILABLE)
        denied = bench.read()
        assert (denied.reason, denied.sqlstate) == (Reason.VOLUME_UNAVAILABLE, "58000")


def test_without_counts_a_limit_is_a_denial(bench: Counting) -> None:
    plain: Authority = Bench.new_authority(bench)
    plain.rations = None
    ask: Ask = bench.ask("sato", "tokyo-hq", TEXT, counts=True)
    assert bench.decide(ask, authority=plain).reason is Reason.VOLUME_UNAVAILABLE


def test_a_shadow_limit_counts_and_binds_nobody(analyses: Analyses) -> None:
    bench = Counting(analyses, 3, mode="shadow")
    for _ in range(3):
        outcome = bench.read()
        assert (outcome.decision is not None and outcome.decision.verdict.effect, limits(outcome)) == (Effect.ALLOW, [])
        bench.done(outcome, 5)
    assert outcome.ration is not None
    assert outcome.ration.owner is not None
    assert bench.tally is not None
    assert {one.subjects for one in bench.tally.counts(outcome.ration.owner, (), NOW)} == {15}
