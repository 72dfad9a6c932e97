"""Spans as they go over the wire (the collector itself reads them in `tests.integration.test_traces`)."""

from __future__ import annotations

from itertools import count
from typing import Any

from gateway.errors import Reason
from gateway.links.trace_spans import spans
from gateway.metric_labels import Stage
from gateway.model import Effect, Finding, Layer, Mode, Verdict
from gateway.tracing import Trace
from tests.unit.test_tracing import AT, trace


def finding(rule: str, mode: Mode = Mode.ENFORCE) -> Finding:
    return Finding(rule=rule, layer=Layer.HOUSE, mode=mode, citation="", message="secret", fact="at", value="secret")


def told(one: Trace) -> list[dict[str, Any]]:
    numbers = count(1)
    return spans(one, lambda: f"{next(numbers):016x}")


def values(span: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_a_statement_its_stages_and_what_the_database_said() -> None:
    one = trace(awaits=True)
    one.parent, one.remote, one.state = "00f067aa0ba902b8", True, "congo=1"
    one.verdict = Verdict(effect=Effect.ALLOW, reason=Reason.ALLOWED, valid_until=1, revision="a+b")
    one.decision_id, one.kind = "d-1", "select"
    one.took(Stage.RECORD, 0.0, 0.25, 0.5)
    one.decided(0.5)
    one.answered(AT + 750_000_000, 3, "57014")
    first, record, upstream = told(one)
    assert (first["name"], first["kind"], first["parentSpanId"]) == ("sekisho.statement", 2, "00f067aa0ba902b8")
    assert (first["flags"], record["flags"]) == (0x301, 0x101)
    assert {one["traceState"] for one in (first, record, upstream)} == {"congo=1"}
    assert (record["name"], record["kind"], record["parentSpanId"]) == ("sekisho.record", 1, first["spanId"])
    assert (record["startTimeUnixNano"], record["endTimeUnixNano"]) == (str(AT + 250_000_000), str(AT + 500_000_000))
    assert (upstream["name"], upstream["kind"], upstream["status"]) == ("sekisho.upstream", 3, {"code": 2})
    assert len({one["spanId"] for one in (first, record, upstream)}) == 3
    assert "status" not in first  # the database's error is the statement's, and not the gateway's
    assert values(first)["db.response.status_code"] == "57014"
    assert values(upstream)["error.type"] == "57014"
    assert values(first) | {"sekisho.decision_id": "d-1", "db.operation.name": "SELECT"} == values(first)


def test_a_denial_names_its_rules_and_is_no_error_of_the_gateways() -> None:
    one = trace()
    one.reason, one.sqlstate = Reason.POLICY_DENIED, "42501"
    findings = (finding("jp-28"), finding("night", Mode.SHADOW), *(finding(f"r{number}") for number in range(50)))
    one.verdict = Verdict(effect=Effect.DENY, reason=one.reason, valid_until=1, revision="a+b", findings=findings)
    one.decided(0.5)
    (first,) = told(one)
    rules = [rule["stringValue"] for rule in values(first)["sekisho.rule"]["values"]]
    assert (rules[0], "night" in rules, len(rules)) == ("jp-28", False, 16)
    assert (values(first)["error.type"], values(first)["db.response.status_code"]) == ("policy_denied", "42501")
    assert "status" not in first
    assert "parentSpanId" not in first
    assert "secret" not in str(first)


def test_what_is_broken_here_is_an_error_and_what_is_no_sql_no_databases() -> None:
    one = trace()
    one.sql, one.kind, one.reason = False, "opensearch", Reason.TWIN_UNAVAILABLE
    one.decided(0.5)
    (first,) = told(one)
    assert first["status"] == {"code": 2}
    assert not values(first).keys() & {"db.system.name", "db.operation.name", "sekisho.effect", "sekisho.rule"}
