"""Several workers' counts as one answer."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric

from gateway.errors import Reason
from gateway.gathered import Snapshot, counted, gathered, lasting, snapshot
from gateway.metrics import AnswerSource, LoginMethod, Metrics
from gateway.model import Door, Durability, Effect, Layer, Verdict
from gateway.tallies import Together


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Metrics]:
    monkeypatch.setattr("prometheus_client.metrics._use_created", False)

    def make() -> Metrics:
        return Metrics(
            CollectorRegistry(),
            rules={"jp.appi.28": Layer.LAW},
            datasources=["messenger"],
            incomplete_codes=["no_tree"],
            version="1.2.3",
            issuers=["https://id.example"],
        )

    return make


def taken(one: Metrics) -> Snapshot:
    """As it arrives at another process."""
    return json.loads(json.dumps(snapshot(one.registry.collect())))


def value(families: list[Metric], name: str, **labels: str) -> float | None:
    found = [one.value for family in families for one in family.samples if one.name == name and one.labels == labels]
    assert len(found) <= 1, "a series is there once"
    return found[0] if found else None


def test_one_worker_is_told_as_a_single_process_is(worker):
    one = worker()
    one.session_opened(Door.POSTGRES)
    one.recorded(Durability.SYNCED, 0.001)
    one.datasources.twin_waited("messenger", 0.02)

    class Alone:
        def collect(self):
            return gathered([taken(one)], one.together)

    assert generate_latest(Alone()) == generate_latest(one.registry)


def test_counters_and_histograms_are_added(worker):
    one, two = worker(), worker()
    for _ in range(3):
        one.recorded(Durability.SYNCED, 0.001)
    two.recorded(Durability.SYNCED, 0.001)
    one.datasources.twin_waited("messenger", 0.002)
    two.datasources.twin_waited("messenger", 2.0)
    families = list(gathered([taken(one), taken(two)], one.together))
    assert value(families, "sekisho_record_entries_total", durability="synced") == 4
    assert value(families, "sekisho_twin_wait_seconds_count", datasource="messenger") == 2
    assert value(families, "sekisho_twin_wait_seconds_bucket", datasource="messenger", le="0.005") == 1
    assert value(families, "sekisho_twin_wait_seconds_bucket", datasource="messenger", le="+Inf") == 2
    assert value(families, "sekisho_twin_wait_seconds_sum", datasource="messenger") == pytest.approx(2.002)


def test_each_gauge_says_what_it_should_of_several(worker):
    one, two = worker(), worker()
    for metrics, revision in ((one, "r1"), (two, "r2")):
        metrics.session_opened(Door.POSTGRES)
        metrics.doors_opened()
        metrics.policy_loaded(revision, [])
    one.datasources.twin("messenger", up=True)
    two.policy_loaded("r1", ["jp.appi.28"])  # one has it in shadow: that is not what anybody wants unseen
    for metrics in (one, two):
        metrics.issuer_keys("https://id.example", known=metrics is one)
    families = list(gathered([taken(one), taken(two)], one.together))
    assert value(families, "sekisho_sessions", door="postgres") == 2
    assert value(families, "sekisho_workers") == 2
    assert value(families, "sekisho_policy_info", revision="r1") == 1
    assert value(families, "sekisho_policy_info", revision="r2") is None
    assert value(families, "sekisho_build_info", version="1.2.3") == 1
    assert value(families, "sekisho_twin_up", datasource="messenger") == 0, "down for one is down"
    assert value(families, "sekisho_issuer_keys_known", issuer="https://id.example") == 0
    assert value(families, "sekisho_shadow_mode", rule="jp.appi.28") == 1


def test_a_worker_that_ended_keeps_its_counts_and_loses_its_gauges(worker):
    one, two = worker(), worker()
    for metrics in (one, two):
        metrics.login(LoginMethod.TOKEN, Reason.ALLOWED)
        metrics.session_opened(Door.POSTGRES)
    kept = lasting([taken(one), counted(Metrics.RESTARTS, 1)])
    again = worker()
    again.login(LoginMethod.TOKEN, Reason.ALLOWED)
    families = list(gathered([taken(two), taken(again), lasting([kept, counted(Metrics.RESTARTS, 1)])], two.together))
    assert value(families, "sekisho_logins_total", method="token", result="allowed") == 3
    assert value(families, "sekisho_sessions", door="postgres") == 1
    assert value(families, "sekisho_worker_restarts_total") == 2
    (restarts,) = (one for one in families if one.name == Metrics.RESTARTS)
    assert restarts.documentation, "told by those who declare it"


def test_every_gauge_has_its_rule(worker):
    one = worker()
    assert set(one.together) == {family.name for family in one.registry.collect() if family.type == "gauge"}


@given(st.lists(st.lists(st.integers(0, 1000), min_size=2, max_size=2), min_size=1, max_size=6), st.data())
def test_sums_never_go_back_whoever_ends(counts: list[list[int]], data: st.DataObject):
    """Each worker's counter at two moments, the second not below the first; any of them may end in between."""
    before = [counted("c", min(pair)) for pair in counts]
    (total,) = gathered(before, {})
    ended = data.draw(st.sets(st.integers(0, len(counts) - 1)))
    after = [counted("c", max(pair)) for number, pair in enumerate(counts) if number not in ended]
    (later,) = gathered([*after, lasting(before[number] for number in ended), counted("c", 0)], {"c": Together.MOST})
    assert later.samples[0].value >= total.samples[0].value


def test_an_example_of_some_worker_is_told(worker):
    one, two = worker(), worker()
    allowed = Verdict(effect=Effect.ALLOW, reason=Reason.ALLOWED, valid_until=1, revision="r")
    one.decided(Door.GRPC, allowed, 0.002, id="d-one")
    two.decided(Door.GRPC, allowed, 0.002, source=AnswerSource.REUSED)
    families = gathered([taken(one), taken(two)], one.together)
    (duration,) = (family for family in families if family.name == "sekisho_decision_duration_seconds")
    told = [sample for sample in duration.samples if sample.exemplar is not None]
    assert [(sample.value, sample.exemplar.labels) for sample in told] == [(2, {"decision_id": "d-one"})]
