"""What becomes of a verdict: its entry in the record, and the answer a door acts on, with its words."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway.audit import record
from gateway.audit.ready import Repeats
from gateway.errors import Reason, RecordUnavailable, SekishoError
from gateway.explain import Explanation, explain, without_rule
from gateway.model import Decision, Durability, Effect, Verdict
from gateway.needs import Ask, Need, NeedDurable, Outcome
from gateway.reuse import Standing


def decision_entry(
    standing: Standing,
    decision: Decision,
    full: Repeats | None,
    at_ns: int,
    session: str,
    age_ms: int | None,
    revised_ns: int,
) -> record.Entry:
    """The entry of one decision: in full, or as a repeat of one that is in the record in full."""
    if full is not None:
        return record.repeat_entry(decision.id, of=full.of, at_ns=at_ns, session=session, epoch_age_ms=age_ms)
    return record.decision_entry(
        standing.understanding,
        decision,
        at_ns=at_ns,
        session=session,
        statement=standing.normalised,
        statement_hash=standing.statement_hash,
        epoch=standing.epoch or None,
        epoch_age_ms=age_ms,
        revision_age_ms=max(0, at_ns - revised_ns) // 1_000_000,
    )


def closed(verdict: Verdict, reason: Reason) -> Verdict:
    """The same verdict turned into a denial for a reason of our own."""
    return replace(verdict, effect=Effect.DENY, reason=reason, obligations=(), findings=())


def refusal(decision: Decision, standing: Standing | None, detail: str) -> Outcome:
    """What whoever is denied is told. Without ``standing`` no statement was understood, or none was asked about."""
    verdict = decision.verdict
    words: Explanation
    if verdict.findings:
        statement = standing.understanding.statement if standing is not None else None
        words = explain(decision.id, verdict, statement, nearest=standing.hint if standing is not None else "")
    else:
        words = without_rule(decision.id, verdict.reason, detail)
    return Outcome(
        reason=verdict.reason,
        decision=decision,
        standing=standing,
        message=words.message,
        detail=words.detail,
        hint=words.hint,
        sqlstate=sqlstate_of(verdict.reason),
    )


def refusal_entry(
    ask: Ask,
    decision_id: str,
    *,
    at_ns: int,
    reason: Reason,
    detail: str,
    sqlstate: str,
    statement: str,
    statement_hash: str,
    revision: str,
) -> record.Entry:
    """The entry of a question that no rule was asked about."""
    return record.refusal_entry(
        decision_id,
        at_ns=at_ns,
        session=ask.session,
        door=ask.door,
        datasource=ask.datasource,
        profile=ask.profile,
        principal=ask.principal,
        caller=ask.caller,
        reason=reason,
        detail=detail,
        sqlstate=sqlstate or sqlstate_of(reason),
        statement=statement,
        statement_hash=statement_hash,
        revision=revision,
    )


def raised(verdict: Verdict, remote: frozenset[Durability]) -> Verdict:
    """With the durability policy asks for, or `remote` where a setting raises it to that. A denial forwards nothing:
    its entry need not be elsewhere first, and it stays one for its own reason while nothing can be sent there."""
    wanted = verdict.durability
    if verdict.effect is Effect.DENY:
        return replace(verdict, durability=Durability.SYNCED) if wanted is Durability.REMOTE else verdict
    return replace(verdict, durability=Durability.REMOTE) if wanted in remote else verdict


def unrecorded(
    decision: Decision, standing: Standing, session: str, at_ns: int, error: RecordUnavailable
) -> Generator[Need, Any, Outcome]:
    """The denial of what could not be recorded as it has to be."""
    verdict = decision.verdict
    if verdict.durability is Durability.REMOTE:
        # The record here says that it was allowed. That nothing of it went on is said here, too, if it can be.
        state = sqlstate_of(error.reason)
        end = record.completion_entry(decision.id, at_ns=at_ns, session=session, rows=0, sqlstate=state, duration_us=0)
        with suppress(RecordUnavailable):  # then it is the record here that fails
            yield NeedDurable(end, Durability.WRITTEN)
    return refusal(replace(decision, verdict=closed(verdict, error.reason)), standing, error.detail)


def sqlstate_of(reason: Reason) -> str:
    return SekishoError(reason).answer.sqlstate
