"""What becomes of a verdict."""

from __future__ import annotations

from gateway.errors import Reason
from gateway.model import Decision, Effect, RowLimit, Verdict
from gateway.outcomes import closed, refusal, sqlstate_of

ALLOWED = Verdict(
    effect=Effect.ALLOW, reason=Reason.ALLOWED, obligations=(RowLimit(rows=1),), valid_until=1, revision="r"
)


def test_a_closed_verdict_is_a_denial_and_owes_nothing():
    verdict = closed(ALLOWED, Reason.RECORD_UNAVAILABLE)
    assert (verdict.effect, verdict.reason, verdict.obligations) == (Effect.DENY, Reason.RECORD_UNAVAILABLE, ())


def test_a_refusal_says_its_reason_and_id():
    verdict = closed(ALLOWED, Reason.VOLUME_UNAVAILABLE)
    outcome = refusal(Decision(id="d-1", at=1, verdict=verdict), None, "the store is silent")
    assert not outcome.allowed
    assert outcome.sqlstate == sqlstate_of(Reason.VOLUME_UNAVAILABLE) == "58000"
    assert "d-1" in outcome.detail
    assert "the store is silent" in outcome.detail
