"""The parts that entries of the record share: who asked, what a statement does, what was answered; as JSON has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from gateway.inquiry import Asked
from gateway.model import (
    Caller,
    ChainLink,
    EmployerFacts,
    Finding,
    JsonValue,
    Mask,
    Obligation,
    Principal,
    RowFilter,
    RowLimit,
    StatementFacts,
    SubjectCountries,
    Understanding,
    UnknownObligation,
    Verdict,
)

Entry = dict[str, JsonValue]


def asker_part(asked: Asked) -> Entry:
    """Who asks, from where, employed by whom."""
    location = asked.location
    return {
        "principal": principal_part(asked.principal),
        "caller": caller_part(asked.caller),
        "person": asked.employer.person,
        "location": {
            "countries": list(location.countries),
            "source": location.source,
            "confidence": location.confidence,
            "conflict": location.conflict,
            "simultaneous": location.simultaneous,
            "site": location.site,
            "note": location.note,
        },
        "employer": _employer(asked.employer),
        "origin": list(asked.origin),
        "known_by": {one.fact: [one.source, one.confidence] for one in asked.known_by},
    }


def principal_part(principal: Principal) -> Entry:
    return {
        "id": principal.id,
        "issuer": principal.issuer,
        "subject": principal.subject,
        "database_user": principal.database_user,
        "groups": list(principal.groups),
        "mfa": principal.mfa,
        "token_id": principal.token_id,
        "expires_at": principal.expires_at,
        "declared_country": principal.declared_country,
        "asserted_by": principal.asserted_by,
    }


def caller_part(caller: Caller | None) -> JsonValue:
    """Who asked for the principal; null: nobody but the principal."""
    return None if caller is None else {"id": caller.id, "identity": caller.identity, "asserts": list(caller.asserts)}


def _employer(employer: EmployerFacts) -> Entry:
    return {
        "known": employer.known,
        "complete": employer.complete,
        "note": employer.note,
        "confidence": employer.confidence,
        "conflict": employer.conflict,
        "entity": employer.entity,
        "name": employer.name,
        "country": employer.country,
        "relation": employer.relation,
        "same_legal_entity": employer.same_legal_entity,
        "blocked_by": employer.blocked_by,
        "residence": employer.residence,
        "stay": employer.stay,
        "us_person": employer.us_person,
        "chain": _hops(employer.chain),
        "owners": _hops(employer.owners),
        "held": [
            {"test": fact.test, "hop": fact.hop, "entity": fact.entity, "answer": fact.answer, "note": fact.note}
            for fact in employer.held
        ],
    }


def consents_part(u: Understanding) -> list[JsonValue]:
    """What people of the countries touched said: a provision's record says that consent was obtained (APPI Art. 29)."""
    return [
        {
            "notice": consent.notice,
            "subject_country": consent.subject_country,
            "status": consent.status,
            "row_filter": consent.row_filter,
        }
        for consent in u.consents
        if consent.subject_country in u.data.subject_countries
    ]


def _hops(links: Sequence[ChainLink]) -> list[JsonValue]:
    return [
        {
            "hop": link.hop,
            "entity": link.entity,
            "name": link.name,
            "country": link.country,
            "relation": link.relation,
            "contract": link.contract,
            "share_percent": link.share_percent,
        }
        for link in links
    ]


def statement_part(facts: StatementFacts, text: str, hashed: str) -> Entry:
    columns: dict[str, list[JsonValue]] = {}
    for use in facts.columns:
        columns.setdefault(use.use, []).append(f"{use.relation}.{use.column}")
    return {
        "kind": facts.kind,
        "effect": facts.effect,
        "complete": facts.complete,
        "incomplete": facts.incomplete,
        "detail": facts.detail,
        "confidence": facts.confidence,
        **text_part(text, hashed),
        "relations": list(facts.relations),
        "columns": columns,
    }


def text_part(text: str, hashed: str) -> Entry:
    """What is kept of a statement's text; see `hashing`."""
    digest, _, sealed = hashed.partition(" ")
    kept: Entry = {"text": text, "hash": digest}
    return kept | {"sealed": sealed} if sealed else kept


def verdict_part(verdict: Verdict) -> Entry:
    """What was answered, and why."""
    return {
        "effect": verdict.effect,
        "reason": verdict.reason,
        "obligations": [_obligation(obligation) for obligation in verdict.obligations],
        "findings": [_finding(finding) for finding in verdict.findings],
    }


def _obligation(obligation: Obligation) -> Entry:
    match obligation:
        case Mask():
            return {
                "kind": obligation.kind,
                "relation": obligation.relation,
                "column": obligation.column,
                "method": obligation.method,
            }
        case RowFilter():
            return {"kind": obligation.kind, "relation": obligation.relation, "predicate": obligation.predicate}
        case SubjectCountries():
            return {
                "kind": obligation.kind,
                "relation": obligation.relation,
                "column": obligation.column,
                "countries": list(obligation.countries),
            }
        case RowLimit():
            return {"kind": obligation.kind, "rows": obligation.rows}
        case UnknownObligation():
            return {"kind": obligation.kind, "name": obligation.name}
        case _:
            assert_never(obligation)


def _finding(finding: Finding) -> Entry:
    # ``message`` and ``remedy`` are for the person at the door; the record keeps what they are made from.
    return {
        "rule": finding.rule,
        "layer": finding.layer,
        "mode": finding.mode,
        "citation": finding.citation,
        "fact": finding.fact,
        "value": finding.value,
        "reason": finding.reason,
    }
