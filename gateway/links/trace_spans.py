"""A trace of ours as spans of OTLP, named by OpenTelemetry's semantic conventions for databases where they have a name.

The first span is what a caller waits for (SERVER), below it a span for each stage (INTERNAL) and one for the database
(CLIENT). Never in them: SQL text, names of tables, people or their addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.errors import ANSWERS
from gateway.links.otlp import attributes
from gateway.model import Effect, Mode
from gateway.tracing import Part, Trace

_INTERNAL, _SERVER, _CLIENT = 1, 2, 3
_ERROR: Final = {"code": 2}
_SAMPLED: Final = 0x1
_LOCALITY_KNOWN: Final = 0x100
_REMOTE: Final = 0x200
_MOST_RULES: Final = 16
_FINE: Final = "00000"
_FAILURE: Final = 500  # HTTP's line between what is wrong with a request and what is wrong here


def spans(trace: Trace, new_id: Callable[[], str]) -> list[dict[str, Any]]:
    """All of one trace, the first one first."""
    return [_first(trace), *(_below(trace, part, new_id()) for part in trace.parts)]


def _first(trace: Trace) -> dict[str, Any]:
    reason, verdict = trace.reason, trace.verdict
    denied = verdict is not None and verdict.effect is Effect.DENY
    failed = ANSWERS[reason].http >= _FAILURE
    findings = () if verdict is None else verdict.findings
    rules = [one.rule for one in findings if one.mode is Mode.ENFORCE or not denied][:_MOST_RULES]
    told: dict[str, Any] = {
        **_database(trace),
        "db.response.status_code": _state(trace) or None,
        "error.type": str(reason) if denied or failed else None,
        "sekisho.door": str(trace.door),
        "sekisho.decision_id": trace.decision_id or None,
        "sekisho.effect": str(verdict.effect) if verdict is not None else None,
        "sekisho.reason": str(reason),
        "sekisho.rule": rules or None,
        "sekisho.policy_revision": (verdict.revision or None) if verdict is not None else None,
        "sekisho.reused": trace.reused if verdict is not None else None,
    }
    span = _span(trace, str(trace.subject), _SERVER, trace.span_id, trace.parent, told)
    span |= {"startTimeUnixNano": str(trace.began_ns), "endTimeUnixNano": str(trace.ended_ns)}
    if trace.remote:
        span["flags"] |= _REMOTE
    # A denial is an answer like any other: only where something is broken here is it an error of ours.
    return span | {"status": _ERROR} if failed else span


def _below(trace: Trace, part: Part, span_id: str) -> dict[str, Any]:
    upstream = part.upstream
    told: dict[str, Any] = {}
    if upstream is not None:
        wrong = upstream.sqlstate if upstream.sqlstate != _FINE else None
        told = {
            **_database(trace),
            "db.response.returned_rows": upstream.rows,
            "db.response.status_code": wrong,
            "error.type": wrong,
        }
    name, kind = ("upstream", _CLIENT) if part.stage is None else (str(part.stage), _INTERNAL)
    span = _span(trace, f"sekisho.{name}", kind, span_id, trace.span_id, told)
    span |= {"startTimeUnixNano": str(part.began_ns), "endTimeUnixNano": str(max(part.began_ns, part.ended_ns))}
    return span | {"status": _ERROR} if told.get("error.type") else span


def _database(trace: Trace) -> dict[str, Any]:
    return {
        "db.system.name": "postgresql" if trace.sql else None,
        "db.namespace": trace.datasource,
        "db.operation.name": (trace.kind.upper() or None) if trace.sql else None,
    }


def _state(trace: Trace) -> str:
    """The SQLSTATE that the caller is answered with, where it is an error."""
    for part in trace.parts:
        if part.upstream is not None and part.upstream.sqlstate != _FINE:
            return part.upstream.sqlstate
    return trace.sqlstate if trace.sqlstate != _FINE else ""


def _span(trace: Trace, name: str, kind: int, span_id: str, parent: str, told: dict[str, Any]) -> dict[str, Any]:
    span: dict[str, Any] = {
        "traceId": trace.trace_id,
        "spanId": span_id,
        "name": name,
        "kind": kind,
        "flags": _SAMPLED | _LOCALITY_KNOWN,
        "attributes": attributes(told),
    }
    if parent:
        span["parentSpanId"] = parent
    if trace.state:
        span["traceState"] = trace.state
    return span
