"""Builders of record entries: plain dicts in the design's words.

Fields are versioned and never renamed: a change of meaning is a new field and a new ``SCHEMA_VERSION``. No entry
holds a value of people's data or raw SQL: statements come in normalised (constants replaced), with a keyed hash, and,
where a setting says so, sealed for a reader (`gateway.audit.sealing`).

One full ``decision`` per decision and session; a ``repeat`` per further execution under it; a ``completion`` when the
statement ended; a ``refusal`` where no decision could be made; an ``event`` for logins, sessions and the gateway
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Final

from gateway.audit.parts import Entry as Entry
from gateway.audit.parts import (
    asker_part,
    caller_part,
    consents_part,
    principal_part,
    statement_part,
    text_part,
    verdict_part,
)
from gateway.errors import Reason
from gateway.inquiry import Reading, ReadingFacts
from gateway.model import (
    Caller,
    Decision,
    Door,
    Effect,
    JsonValue,
    Peer,
    Principal,
    PrincipalId,
    StatementFacts,
    Understanding,
)

SCHEMA_VERSION: Final = 1
MAX_ATTRIBUTION: Final = 256  # characters of one thing a client says of itself


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
    HOLD_ADDED = "hold_added"
    HOLD_RELEASED = "hold_released"
    # By somebody at the admin port.
    ADMIN = "admin"


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
    revision_age_ms: int | None = None,
) -> Entry:
    """The full entry of one decision. ``statement`` is normalised; the hash is of the text as it was asked.

    ``epoch`` stands for the database's catalogs, by which the statement was understood; they were looked at, and were
    still so, ``epoch_age_ms`` before the decision: a change within that time is not in it. ``revision_age_ms``: how
    long before it the gateway took the rules and the registry it was made by.
    """
    verdict = decision.verdict
    return {
        "kind": "decision",
        "action": "statement",
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
        **asker_part(u),
        "statement": statement_part(u.statement, statement, statement_hash),
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
        "consents": consents_part(u),
        **verdict_part(verdict),
        "cross_border": verdict.cross_border,
        "revision": verdict.revision,
        "registry_revision": u.registry_revision,
        "revision_age_ms": revision_age_ms,
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
    if not statement_hash:
        return entry
    kept = text_part("", statement_hash)
    return entry | {f"statement_{name}": kept[name] for name in ("hash", "sealed") if name in kept}


def traced_entry(entry: Mapping[str, JsonValue], trace_id: str) -> Entry:
    """The same entry, with the trace that tells how long it took: 32 hexadecimal digits, of ours or as the caller says
    of itself. Who has no trace of the gateway's has no such field. A completion has its decision's id."""
    return {**entry, "trace_id": trace_id}


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

    ``sent_bytes``: of rows and COPY data as they came from the database, with the lengths the protocol puts to them.
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
    caller: Caller | None = None,
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
        "principal": None if principal is None else principal_part(principal),
        "caller": caller_part(caller),
        "effect": Effect.DENY,
        "reason": reason,
        "detail": detail,
        "sqlstate": sqlstate,
        "statement": text_part(statement, statement_hash)
        if facts is None
        else statement_part(facts, statement, statement_hash),
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
        "attribution": _attributed(attribution),
        "method": method,
        "suppressed": suppressed,
    }


def reading_entry(
    facts: ReadingFacts, decision: Decision, *, at_ns: int, session: str | None, attribution: Mapping[str, str]
) -> Entry:
    """The entry of somebody who asks to read the record, or what else is known of people: a decision like any other.

    ``attribution``: what is said of them and cannot be attested (the host they are at), for people who read this.
    """
    verdict = decision.verdict
    return {
        "kind": "decision",
        "action": "audit.read",
        "schema_version": SCHEMA_VERSION,
        "at_us": at_ns // 1000,
        "decision_id": decision.id,
        "session": session,
        "door": facts.door,
        "purpose": facts.purpose,
        "ticket": facts.principal.ticket,
        **asker_part(facts),
        "reading": reading_fields(facts.reading),
        "attribution": _attributed(attribution),
        **verdict_part(verdict),
        "cross_border": verdict.cross_border,
        "revision": verdict.revision,
        "registry_revision": facts.registry_revision,
        "valid_until": verdict.valid_until,
        "reused": False,
    }


def refused_reading_entry(
    decision_id: str,
    *,
    at_ns: int,
    session: str | None,
    door: Door | None,
    principal: Principal,
    caller: Caller | None = None,
    reading: Reading,
    reason: Reason,
    detail: str,
    sqlstate: str,
    revision: str,
) -> Entry:
    """A reading that was denied without a decision of policy: the token is of yesterday, the engine down."""
    return {
        "kind": "refusal",
        "action": "audit.read",
        "schema_version": SCHEMA_VERSION,
        "at_us": at_ns // 1000,
        "decision_id": decision_id,
        "session": session,
        "door": door,
        "principal": principal_part(principal),
        "caller": caller_part(caller),
        "reading": reading_fields(reading),
        "effect": Effect.DENY,
        "reason": reason,
        "detail": detail,
        "sqlstate": sqlstate,
        "revision": revision,
    }


def reading_fields(reading: Reading) -> Entry:
    """What was asked for, as entries have it."""
    return {**asdict(reading), "what": str(reading.what)}


def _attributed(said: Mapping[str, str] | None) -> Entry:
    return {name: text[:MAX_ATTRIBUTION] for name, text in (said or {}).items()}
