"""Whoever reads the record: the same order as for a statement, understand → decide → record → act.

``Readers.authorize`` is a generator as ``Authority.authorize`` is, and the doors' drivers run both. Nothing of the
record is shown before the entry that says who looks is on disk; whatever goes wrong is a denial with its own reason.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.audit import record
from gateway.circumstances import understand_reader
from gateway.errors import AuthenticationError, PolicyUnavailable, Reason, RecordUnavailable, SekishoError
from gateway.explain import unsupported
from gateway.facts.sightings import Sightings
from gateway.inquiry import Inquiry, ReadingFacts
from gateway.model import Decision, Durability, Effect, JsonValue, Verdict
from gateway.needs import Need, NeedDecision, NeedDurable, Outcome, Work, World
from gateway.outcomes import closed, refusal, sqlstate_of
from gateway.policy.input import reading_input
from gateway.policy.result import parse_verdict

_SECOND: Final = 1_000_000_000


class Readers:
    """Decides who may read of the record. No answer is kept for another question: each is asked, and recorded."""

    def __init__(self, *, world: World, sightings: Sightings | None, new_id: Callable[[], str]) -> None:
        """``sightings``: where people were seen lately; None at the command line, where nobody is anywhere."""
        self._world = world
        self._sightings = sightings
        self._new_id = new_id

    def authorize(self, inquiry: Inquiry, now_ns: int, attribution: Mapping[str, str] | None = None) -> Work:
        """Decide about one reading. Never raises SekishoError. An allowed one is recorded as asked: whoever carries it
        out shows nothing beyond ``inquiry.reading``. ``attribution``: what cannot be attested of whoever asks."""
        at = now_ns // _SECOND
        policy, registry = self._world.policy_revision, self._world.registry
        revision = f"{policy}+{registry.revision}"
        try:
            if at >= inquiry.principal.expires_at:
                raise AuthenticationError(Reason.TOKEN_EXPIRED, "log in again with a new token")
            if any(at >= self._world.stale_from(source) for source in registry.catalog):
                raise PolicyUnavailable(Reason.POLICY_STALE, "nobody has renewed or confirmed the rules for too long")
            facts = understand_reader(self._world, self._sightings, inquiry, at)
            verdict = yield from _decide(facts, revision)
        except SekishoError as error:
            return (yield from self._denied(inquiry, error, now_ns, revision))
        decision = Decision(id=self._new_id(), at=at, verdict=verdict)
        entry = record.reading_entry(
            facts, decision, at_ns=now_ns, session=inquiry.session, attribution=attribution or {}
        )
        return (yield from _recorded(entry, decision, ""))

    def _denied(self, inquiry: Inquiry, error: SekishoError, now_ns: int, revision: str) -> Work:
        """No rule could be asked: denied all the same, under the reason why, and recorded."""
        verdict = Verdict(effect=Effect.DENY, reason=error.reason, valid_until=0, revision=revision)
        decision = Decision(id=self._new_id(), at=now_ns // _SECOND, verdict=verdict)
        entry = record.refused_reading_entry(
            decision.id,
            at_ns=now_ns,
            session=inquiry.session,
            door=inquiry.door,
            principal=inquiry.principal,
            reading=inquiry.reading,
            reason=error.reason,
            detail=error.detail,
            sqlstate=sqlstate_of(error.reason),
            revision=revision,
        )
        return (yield from _recorded(entry, decision, error.detail))


def _decide(facts: ReadingFacts, revision: str) -> Generator[Need, Any, Verdict]:
    raw: JsonValue = yield NeedDecision(reading_input(facts), facts.principal.id)
    verdict = parse_verdict(raw, valid_until=facts.valid_until, revision=revision)
    beyond = [*(one.kind for one in verdict.obligations), *("limit" for _ in verdict.limits)]
    if verdict.effect is Effect.ALLOW and beyond:
        return unsupported(verdict, sorted(set(beyond)), "what is read of the record is shown as it is")
    return verdict


def _recorded(entry: record.Entry, decision: Decision, detail: str) -> Work:
    try:
        yield NeedDurable(entry, Durability.SYNCED)
    except RecordUnavailable as error:
        return refusal(replace(decision, verdict=closed(decision.verdict, error.reason)), None, error.detail)
    if decision.allowed:
        return Outcome(reason=decision.verdict.reason, decision=decision)
    return refusal(decision, None, detail)
