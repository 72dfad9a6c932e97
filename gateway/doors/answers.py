"""What a caller is told of a decision, as a document of plain JSON values: the same at every door that speaks in them.

An answer says ``allow`` only where decision, reason and obligations all agree on it. What never became a question is
told in the same form where it is one of several answers (`refused_document`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import assert_never

from gateway.errors import ANSWERS, Reason, SekishoError
from gateway.model import (
    Effect,
    Finding,
    JsonValue,
    Mask,
    Obligation,
    RowFilter,
    RowLimit,
    SubjectCountries,
    Understanding,
    UnknownObligation,
)
from gateway.needs import Ask, Outcome


def answer_document(ask: Ask, outcome: Outcome) -> dict[str, JsonValue]:
    """What the caller is told. It says ``allow`` only where decision, reason and obligations all agree on it."""
    decision = outcome.decision
    verdict = decision.verdict if decision is not None else None
    allowed = outcome.reason is Reason.ALLOWED
    if allowed and (decision is None or not decision.allowed or outcome.complaint is not None):
        raise SekishoError(Reason.INTERNAL, "the answer contradicts itself")
    if allowed and verdict is not None and any(duty.kind not in ask.supports for duty in verdict.obligations):
        raise SekishoError(Reason.INTERNAL, "the answer needs what the caller cannot fulfil")
    complaint = outcome.complaint
    return {
        "decision_id": decision.id if decision is not None else "",
        "effect": (Effect.ALLOW if allowed else Effect.DENY).value,
        "reason": outcome.reason.value,
        "message": outcome.message or ANSWERS[outcome.reason].summary,
        "detail": outcome.detail,
        "hint": outcome.hint,
        "obligations": [_obligation(duty) for duty in verdict.obligations] if verdict is not None else [],
        "findings": [_finding(finding) for finding in verdict.findings] if verdict is not None else [],
        "cross_border": verdict.cross_border if verdict is not None else False,
        "valid_until": verdict.valid_until if verdict is not None else 0,
        "revision": verdict.revision if verdict is not None else "",
        "reused": decision.reused if decision is not None else False,
        "complaint": {"sqlstate": complaint.sqlstate, "fields": dict(complaint.fields)} if complaint else None,
    }


def refused_document(error: SekishoError) -> dict[str, JsonValue]:
    """A request that was refused before a decision, in the form of an answer: it has no decision id."""
    return {
        "decision_id": "",
        "effect": Effect.DENY.value,
        "reason": error.reason.value,
        "message": error.answer.summary,
        "detail": error.detail,
        "hint": "",
        "obligations": [],
        "findings": [],
        "cross_border": False,
        "valid_until": 0,
        "revision": "",
        "reused": False,
        "complaint": None,
    }


def refused_words(outcome: Outcome) -> str:
    """Message, detail and hint of a denial as one text, for where there is room for one."""
    return "\n".join(part for part in (outcome.message, outcome.detail, outcome.hint) if part)


def explain_document(ask: Ask, outcome: Outcome) -> dict[str, JsonValue]:
    """An answer with what it was made from: every fact about the asker and the statement, and the nearest allowed."""
    standing = outcome.standing
    return {
        **answer_document(ask, outcome),
        "nearest": standing.hint if standing is not None else "",
        "facts": facts_document(standing.understanding) if standing is not None else None,
    }


def facts_document(seen: Understanding) -> dict[str, JsonValue]:
    """What was understood: who asks, from where, and what the statement touches."""
    return {
        "person": seen.employer.person,
        "employer": {
            "known": seen.employer.known,
            "note": seen.employer.note,
            "chain": [
                {"hop": link.hop, "name": link.name, "country": link.country, "relation": link.relation}
                for link in seen.employer.chain
            ],
        },
        "location": {
            "countries": list(seen.location.countries),
            "site": seen.location.site,
            "source": seen.location.source,
            "confidence": seen.location.confidence,
            "conflict": seen.location.conflict,
            "note": seen.location.note,
        },
        "origin": list(seen.origin),
        "statement": {
            "kind": seen.statement.kind,
            "complete": seen.statement.complete,
            "incomplete": seen.statement.incomplete,
            "detail": seen.statement.detail,
            "relations": list(seen.statement.relations),
            "columns": [
                {"relation": column.relation, "column": column.column, "use": column.use}
                for column in seen.statement.columns
            ],
        },
        "data": {
            "about_people": seen.data.about_people,
            "types": list(seen.data.data_types),
            "subject_countries": list(seen.data.subject_countries),
            "storage_countries": list(seen.data.storage_countries),
            "unlabelled": list(seen.data.unlabelled),
        },
    }


def json_text(value: JsonValue) -> str:
    """JSON text of a fact, one spelling per value."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _finding(finding: Finding) -> dict[str, JsonValue]:
    return {
        "rule": finding.rule,
        "layer": finding.layer.value,
        "mode": finding.mode.value,
        "citation": finding.citation,
        "message": finding.message,
        "fact": finding.fact,
        "value": json_text(finding.value),
        "remedy": finding.remedy,
    }


def _obligation(duty: Obligation) -> dict[str, JsonValue]:
    match duty:
        case Mask():
            return {"kind": duty.kind, "relation": duty.relation, "column": duty.column, "method": duty.method}
        case RowFilter():
            return {"kind": duty.kind, "relation": duty.relation, "predicate": duty.predicate}
        case SubjectCountries():
            countries = list(duty.countries)
            return {"kind": duty.kind, "relation": duty.relation, "column": duty.column, "countries": countries}
        case RowLimit():
            return {"kind": duty.kind, "rows": duty.rows}
        case UnknownObligation():
            return {"kind": duty.kind, "name": duty.name}
        case _:
            assert_never(duty)


def _plain(value: JsonValue) -> JsonValue:
    """Frozen mappings and tuples as the types the json module writes."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
