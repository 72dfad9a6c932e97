"""Metrics: closed labels, at zero from the start, counted once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from gateway.errors import Reason
from gateway.metrics import AnswerSource, LoginMethod, Metrics, Stage
from gateway.model import Door, Durability, Effect, Finding, Layer, Mode, Verdict

RULES = {"jp.appi.28": Layer.LAW, "house.hours": Layer.HOUSE}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(
        CollectorRegistry(), rules=RULES, datasources=["messenger"], incomplete_codes=["no_tree"], version="1.2.3"
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"sekisho_{name}", labels)


def finding(rule: str, mode: Mode = Mode.ENFORCE, layer: Layer = Layer.LAW) -> Finding:
    return Finding(rule=rule, layer=layer, mode=mode, citation="c", message="m", fact="f", value=None)


def verdict(effect: Effect, *findings: Finding, reason: Reason | None = None) -> Verdict:
    plain = Reason.ALLOWED if effect is Effect.ALLOW else Reason.POLICY_DENIED
    return Verdict(effect=effect, reason=reason or plain, findings=findings, valid_until=1, revision="r")


def all_series(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_series_are_there_at_zero_from_the_start(metrics):
    for door in Door:
        for effect in Effect:
            for mode in Mode:
                for source in AnswerSource:
                    labels = {"door": door, "effect": effect, "mode": mode, "source": source}
                    assert value(metrics, "decisions_total", **labels) == 0
        for rule, layer in RULES.items():
            labels = {"door": door, "layer": layer, "rule": rule, "reason": "policy_denied"}
            assert value(metrics, "denials_total", **labels) == 0
        for stage in Stage:
            assert value(metrics, "decision_duration_seconds_count", door=door, stage=stage) == 0
        assert value(metrics, "sessions", door=door) == 0
    assert value(metrics, "logins_total", method="token", result="token_expired") == 0
    assert value(metrics, "logins_total", method="token", result="allowed") == 0
    assert value(metrics, "record_entries_total", durability="synced") == 0
    assert value(metrics, "engine_failures_total", reason="engine_timeout") == 0
    assert value(metrics, "twin_up", datasource="messenger") == 0
    assert value(metrics, "shadow_mode", rule="house.hours") == 0
    assert value(metrics, "statements_incomplete_total", reason="no_tree") == 0
    assert value(metrics, "build_info", version="1.2.3") == 1


def test_an_allowed_decision_is_counted_and_timed(metrics):
    metrics.decided(Door.GRPC, verdict(Effect.ALLOW), 0.002)
    metrics.decided(Door.GRPC, verdict(Effect.ALLOW), 0.001, source=AnswerSource.REUSED)
    for source in (AnswerSource.RULES, AnswerSource.REUSED):
        labels = {"door": "grpc", "effect": "allow", "mode": "enforce", "source": source}
        assert value(metrics, "decisions_total", **labels) == 1
    assert value(metrics, "decision_duration_seconds_count", door="grpc", stage="total") == 2
    assert value(metrics, "decision_duration_seconds_sum", door="grpc", stage="total") == pytest.approx(0.003)


def test_a_denial_is_counted_for_each_rule_that_denied(metrics):
    spoke = (finding("jp.appi.28"), finding("house.hours", Mode.SHADOW, Layer.HOUSE))
    metrics.decided(Door.POSTGRES, verdict(Effect.DENY, *spoke), 0.001)
    assert value(metrics, "decisions_total", door="postgres", effect="deny", mode="enforce", source="rules") == 1
    labels = {"door": "postgres", "reason": "policy_denied"}
    assert value(metrics, "denials_total", **labels, layer="law", rule="jp.appi.28") == 1
    assert value(metrics, "denials_total", **labels, layer="house", rule="house.hours") == 0


def test_allowed_only_because_a_rule_is_in_shadow_mode_is_seen(metrics):
    metrics.decided(Door.HTTP, verdict(Effect.ALLOW, finding("jp.appi.28", Mode.SHADOW)), 0.001)
    assert value(metrics, "decisions_total", door="http", effect="allow", mode="shadow", source="rules") == 1
    assert value(metrics, "decisions_total", door="http", effect="allow", mode="enforce", source="rules") == 0


def test_a_denial_without_a_rule_is_counted_under_its_reason(metrics):
    metrics.decided(Door.HTTP, verdict(Effect.DENY, reason=Reason.OBLIGATION_UNSUPPORTED), 0.001)
    metrics.denied(Door.HTTP, Reason.TWIN_TIMEOUT)
    none = {"door": "http", "layer": "none", "rule": "none"}
    assert value(metrics, "denials_total", **none, reason="obligation_unsupported") == 1
    assert value(metrics, "denials_total", **none, reason="twin_timeout") == 1


def test_names_nobody_declared_count_as_other(metrics):
    metrics.decided(Door.HTTP, verdict(Effect.DENY, finding("made.up")), 0.001)
    metrics.incomplete("made_up")
    metrics.datasources.twin("made_up", up=True)
    labels = {"door": "http", "layer": "law", "reason": "policy_denied"}
    assert value(metrics, "denials_total", **labels, rule="other") == 1
    assert value(metrics, "statements_incomplete_total", reason="other") == 1
    assert value(metrics, "twin_up", datasource="other") == 1
    assert not any("made" in text for _, labels in all_series(metrics) for _, text in labels)


def test_sessions_logins_stages_completions_and_entries(metrics):
    metrics.session_opened(Door.POSTGRES)
    metrics.session_opened(Door.POSTGRES)
    metrics.session_closed(Door.POSTGRES)
    metrics.login(LoginMethod.TOKEN, Reason.TOKEN_EXPIRED)
    metrics.took(Door.POSTGRES, Stage.RECORD, 0.01)
    metrics.completed(Door.POSTGRES, ok=True, rows=7)
    metrics.completed(Door.POSTGRES, ok=False, rows=0)
    metrics.recorded(Durability.WRITTEN, 0.001)
    metrics.engine_failed(Reason.ENGINE_TIMEOUT)
    metrics.incomplete("no_tree")
    assert value(metrics, "sessions", door="postgres") == 1
    assert value(metrics, "logins_total", method="token", result="token_expired") == 1
    assert value(metrics, "decision_duration_seconds_count", door="postgres", stage="record") == 1
    assert value(metrics, "completions_total", door="postgres", result="ok") == 1
    assert value(metrics, "completions_total", door="postgres", result="error") == 1
    assert value(metrics, "rows_total", door="postgres") == 7
    assert value(metrics, "record_entries_total", durability="written") == 1
    assert value(metrics, "record_wait_seconds_count", durability="written") == 1
    assert value(metrics, "engine_failures_total", reason="engine_timeout") == 1
    assert value(metrics, "statements_incomplete_total", reason="no_tree") == 1


def test_refusals_that_are_not_recorded_one_by_one(metrics):
    metrics.refusal_suppressed()
    assert value(metrics, "refusals_suppressed_total") == 1


def test_keys_of_issuers():
    metrics = Metrics(
        CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0", issuers=["https://id"]
    )
    assert value(metrics, "issuer_key_fetches_total", issuer="https://id", result="failed") == 0
    metrics.issuer_keys("https://id", known=True)
    metrics.keys_fetched("https://id", ok=False)
    assert value(metrics, "issuer_keys_known", issuer="https://id") == 1
    assert value(metrics, "issuer_key_fetches_total", issuer="https://id", result="failed") == 1
    metrics.issuer_keys("https://id", known=False)
    assert value(metrics, "issuer_keys_known", issuer="https://id") == 0


def test_waiting_for_the_twin_and_for_ones_rate(metrics):
    metrics.datasources.twin_waited("messenger", 0.02)
    metrics.datasources.twin_waited("made_up", 0.02)
    metrics.delayed()
    assert value(metrics, "twin_wait_seconds_count", datasource="messenger") == 1
    assert value(metrics, "twin_wait_seconds_sum", datasource="messenger") == 0.02
    assert value(metrics, "twin_wait_seconds_count", datasource="other") == 1
    assert value(metrics, "unknown_delayed_total") == 1


def test_one_revision_is_shown_at_a_time_and_shadow_rules_are_visible(metrics):
    metrics.policy_loaded("r1", ["house.hours"])
    metrics.policy_loaded("r1", ["house.hours"])
    assert value(metrics, "policy_info", revision="r1") == 1
    assert value(metrics, "shadow_mode", rule="house.hours") == 1
    metrics.policy_loaded("r2", [])
    assert value(metrics, "policy_info", revision="r1") is None
    assert value(metrics, "policy_info", revision="r2") == 1
    assert value(metrics, "shadow_mode", rule="house.hours") == 0


def test_counting_makes_no_series_that_was_not_there(metrics):
    before = all_series(metrics).keys()
    for door in Door:
        metrics.decided(door, verdict(Effect.ALLOW), 0.001)
        metrics.decided(door, verdict(Effect.DENY, finding("jp.appi.28")), 0.001)
        for reason in Reason:
            if reason not in (Reason.ALLOWED, Reason.POLICY_DENIED):
                metrics.denied(door, reason)
    assert all_series(metrics).keys() == before


@dataclass(frozen=True)
class Rule:
    id: str
    layer: Layer
    undisclosed: bool = False


def test_rules_that_come_with_another_revision_have_their_series_too(metrics):
    metrics.rules_loaded([Rule("jp.appi.28", Layer.LAW), Rule("promise.told", Layer.PROMISE, undisclosed=True)])
    labels = {"door": "http", "layer": "promise", "reason": "policy_denied"}
    assert value(metrics, "denials_total", **labels, rule="promise.told") == 0
    assert value(metrics, "shadow_mode", rule="promise.told") == 0
    metrics.decided(Door.HTTP, verdict(Effect.DENY, finding("promise.told", layer=Layer.PROMISE)), 0.001)
    assert value(metrics, "denials_total", **labels, rule="promise.told") == 1
    metrics.policy_loaded("r2", ["promise.told"])
    assert value(metrics, "shadow_mode", rule="promise.told") == 1
