"""Outcome: allowed only by a decision that allows."""

from __future__ import annotations

import pytest

from gateway.errors import Reason
from gateway.model import Complaint, Decision, Effect, Verdict
from gateway.needs import Outcome


def decision(effect: Effect) -> Decision:
    return Decision(id="d-1", at=0, verdict=Verdict(effect=effect, reason=Reason.ALLOWED, valid_until=1, revision="r"))


@pytest.mark.parametrize(
    ("outcome", "allowed"),
    [
        (Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW)), True),
        (Outcome(reason=Reason.ALLOWED, decision=decision(Effect.DENY)), False),
        (Outcome(reason=Reason.ALLOWED), False),
        (Outcome(reason=Reason.SERVER_COMPLAINT, complaint=Complaint(sqlstate="42703", fields=())), False),
    ],
)
def test_only_a_decision_allows(outcome: Outcome, allowed: bool) -> None:
    assert outcome.allowed is allowed
