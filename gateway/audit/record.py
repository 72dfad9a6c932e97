"""Builders of record entries: plain dicts in the design's words.

Fields are versioned and never renamed: a change of meaning is a new field and a new ``SCHEMA_VERSION``. No entry
holds a value of people's data or raw SQL: statements come in normalised (constants replaced), with a keyed hash.

One full ``decision`` per decision and session; a ``repeat`` per further execution under it; a ``completion`` when the
statement ended; a ``refusal`` where no decision could be made; an ``event`` for logins, sessions and the gateway
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Final, assert_never

from gateway.errors import Reason
from gateway.model import (
    ChainLink,
    Decision,
    Door,
    Effect,
    Finding,
    JsonValue,
    Mask,
    Obligation,
    Peer,
    Principal,
    PrincipalId,
    RowFilter,
    RowLimit,
    StatementFacts,
    SubjectCountries,
    Understanding,
    UnknownObligation,
)

SCHEMA_VERSION: Final = 1
MAX_ATTRIBUTION: Final = 256  # characters of one thing a client says of itself

Entry = dict[str, JsonValue]


class Event(StrEnum):
    """What else is recorded, besides statements."""

    SESSION_OPEN = "session_open"
    LOGIN_REFUSED = "login_refused"
    SESSION_CLOSE = "session_close"
    PROTOCOL_ERROR = "protocol_error"
    GATEWAY_START = "gateway_start"
    GATEWAY_STOP = "gateway_stop"
    # By somebody at the command line.
    BLOCK = "block"
    UNBLOCK = "unblock"
    RECORD_READ = "record_read"
    REGISTRY_READ = "registry_read"


def decision_entry(
    u: Understanding,
    decision: Decision,
    *,
    at_ns: int,
    session: str,
    statement: str,
    statement_hash: str,
    epoch: str | None = None,
    epoch_age_ms: int | None = None,
) -> Entry:
    """The full entry of one decision. ``statement`` is normalised; the hash is of the text as it was asked.

    ``epoch`` stands for the database's catalogs, by which the statement was understood; they were looked at, and were
    still so, ``epoch_age_ms`` before the decision: a change within that time is not in it.
    """
    verdict = decision.verdict
    return {
        "kind": "decision",
        "schema_version": SCHEMA_VERSION,
        "at_us": at_ns // 1000,
        "decision_id": decision.id,
        "session": session,
        "door": u.door,
        "datasource": u.datasource.id,
        "controller": u.datasource.controller,
        "profile": u.profile,
        "purpose": u.purpose,
        "ticket": u.principal.ticket,
        "request": None if u.principal.request is None else asdict(u.principal.request),
        "principal": _principal(u.principal),
        "person": u.employer.person,
        "location": {
            "countries": list(u.location.countries),
            "source": u.location.source,
            "confidence": u.location.confidence,
            "conflict": u.location.conflict,
            "simultaneous": u.location.simultaneous,
            "site": u.location.site,
            "note": u.location.note,
        },
        "employer": _employer(u),
        "origin": list(u.origin),
        "known_by": {one.fact: [one.source, one.confidence] for one in u.known_by},
        "statement": _statement(u.statement, statement, statement_hash),
        "data": {
            "about_people": u.data.about_people,
            "data_types": list(u.data.data_types),
            "subject_countries": list(u.data.subject_countries),
            "subject_known": u.data.subject_known,
            "storage_countries": list(u.data.storage_countries),
            "unlabelled": list(u.data.unlabelled),
            "when_unlabelled": u.datasource.unlabelled,
            "trust": u.datasource.trust,
        },
        "volume": {"window": u.volume.window, "rows": u.volume.rows},
        "disclosures": sorted({disclosure.notice for disclosure in u.disclosures}),
        "agreements": [agreement.id for agreement in u.agreements],
        "consents": _consents(u),
        "effect": verdict.effect,
        "reason": verdict.reason,
        "obligations": [_obligation(obligation) for obligation in verdict.obligations],
        "findings": [_finding(finding) for finding in verdict.findings],
        "cross_border": verdict.cross_border,
        "revision": verdict.revision,
        "registry_revision": u.registry_revision,
        "epoch": epoch,
        "epoch_age_ms": epoch_age_ms,
        "valid_until": verdict.valid_until,
        "reused": decision.reused,
    }


def repeat_entry(
    decision_id: str,
    *,
    of: str,
    at_ns: int,
    session: str,
    epoch_age_ms: int | None = None,
    statement_hash: str = "",
) -> Entry:
    """A further execution under a decision already recorded in full, in this session, as entry ``of``.

    ``statement_hash``: of its own text, where that differs from the other's in the values of constants.
    """
    entry: Entry = {
        "at_us": at_ns // 1000,
        "decision_id": decision_id,
        "epoch_age_ms": epoch_age_ms,
        "kind": "repeat",
        "of": of,
        "schema_version": SCHEMA_VERSION,
        "session": session,
    }
    return entry | {"statement_hash": statement_hash} if statement_hash else entry


def completion_entry(
    decision_id: str,
    *,
    at_ns: int,
    session: str,
    rows: int | None,
    sqlstate: str | None,
    duration_us: int,
    sent_bytes: int | None = None,
    subjects: int | None = None,
    of: str | None = None,
) -> Entry:
    """How an executed statement ended. ``sqlstate`` None = without error; ``rows`` None = not counted.

    ``subjects``: how many people were in it, where a caller told; ``of``: the entry in full that ``decision_id``
    repeats, where the two may lie far apart.
    """
    told = {"subjects": subjects, "of": of}
    return {name: value for name, value in told.items() if value is not None} | {
        "at_us": at_ns // 1000,
        "bytes": sent_bytes,
        "decision_id": decision_id,
        "duration_us": duration_us,
        "kind": "completion",
        "rows": rows,
        "schema_version": SCHEMA_VERSION,
        "session": session,
        "sqlstate": sqlstate,
    }


def refusal_entry(
    decision_id: str,
    *,
    at_ns: int,
    session: str,
    door: Door,
    datasource: str,
    profile: str,
    principal: Principal | None,
    reason: Reason,
    detail: str = "",
    sqlstate: str = "",
    statement: str = "",
    statement_hash: str = "",
    facts: StatementFacts | None = None,
    revision: str = "",
) -> Entry:
    """A denial without a decision of policy: engine or twin down, the server's own complaint, the gate's refusal.

    ``detail`` names nodes, functions or relations, as ``SekishoError.detail`` does; never SQL, never a value.
    """
    return {
        "kind": "refusal",
        "schema_version": SCHEMA_VERSION,
        "at_us": at_ns // 1000,
        "decision_id": decision_id,
        "session": session,
        "door": door,
        "datasource": datasource,
        "profile": profile,
        "principal": None if principal is None else _principal(principal),
        "effect": Effect.DENY,
        "reason": reason,
        "detail": detail,
        "sqlstate": sqlstate,
        "statement": {"text": statement, "hash": statement_hash}
        if facts is None
        else _statement(facts, statement, statement_hash),
        "revision": revision,
    }


def session_entry(
    event: str,
    *,
    at_ns: int,
    session: str | None = None,
    door: Door | None = None,
    peer: Peer | None = None,
    principal_id: PrincipalId | str | None = None,
    datasource: str | None = None,
    profile: str | None = None,
    reason: Reason | None = None,
    detail: str = "",
    revision: str | None = None,
    attribution: Mapping[str, str] | None = None,
    method: str | None = None,
    suppressed: int | None = None,
) -> Entry:
    """A login, the end of a session, a broken protocol, the gateway's start or stop.

    ``attribution`` is what the client says of itself (``application_name``): kept for people, never an input to a rule.
    ``method`` is how somebody logged in, or tried to. ``suppressed`` is how many refusals this entry stands for that
    were not recorded one by one.
    """
    return {
        "kind": "event",
        "event": Event(event),
        "schema_version": SCHEMA_VERSION,
        "at_us": at_ns // 1000,
        "session": session,
        "door": door,
        "peer": None if peer is None else {"address": peer.address, "via_edge": peer.via_edge, "site": peer.site},
        "principal_id": principal_id,
        "datasource": datasource,
        "profile": profile,
        "reason": reason,
        "detail": detail,
        "revision": revision,
        "attribution": {name: said[:MAX_ATTRIBUTION] for name, said in (attribution or {}).items()},
        "method": method,
        "suppressed": suppressed,
    }


def _principal(principal: Principal) -> Entry:
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
    }


def _employer(u: Understanding) -> Entry:
    employer = u.employer
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


def _consents(u: Understanding) -> list[JsonValue]:
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


def _statement(facts: StatementFacts, text: str, hashed: str) -> Entry:
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
        "text": text,
        "hash": hashed,
        "relations": list(facts.relations),
        "columns": columns,
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
