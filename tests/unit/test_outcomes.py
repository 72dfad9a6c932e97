"""What becomes of a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import Reason, RecordUnavailable
from gateway.model import Decision, Durability, Effect, RowLimit, Verdict
from gateway.needs import NeedDurable
from gateway.outcomes import closed, raised, refusal, sqlstate_of, unrecorded
from gateway.reuse import Standing

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


WRITTEN, SYNCED, REMOTE = Durability.WRITTEN, Durability.SYNCED, Durability.REMOTE


@pytest.mark.parametrize(
    ("effect", "asked", "setting", "kept"),
    [
        (Effect.ALLOW, WRITTEN, {SYNCED}, WRITTEN),
        (Effect.ALLOW, SYNCED, {SYNCED}, REMOTE),
        (Effect.ALLOW, WRITTEN, {SYNCED, WRITTEN}, REMOTE),
        (Effect.ALLOW, REMOTE, set(), REMOTE),  # policy asks for it
        (Effect.ALLOW, SYNCED, set(), SYNCED),
        (Effect.DENY, REMOTE, {SYNCED}, SYNCED),  # nothing of it goes on: it waits for nobody
        (Effect.DENY, SYNCED, {SYNCED, WRITTEN}, SYNCED),
    ],
)
def test_durability_is_raised_by_setting_for_what_is_allowed(effect, asked, setting, kept):
    verdict = replace(ALLOWED, effect=effect, durability=asked)
    assert raised(verdict, frozenset(setting)) == replace(verdict, durability=kept)


def standing() -> Standing:
    return Standing(
        verdict=ALLOWED,
        understanding=None,  # type: ignore[arg-type]  # not looked at here
        revision="r",
        epoch="e",
        normalised="",
        statement_hash="",
    )


@pytest.mark.parametrize("writable", [True, False])
def test_what_no_sink_acknowledged_is_denied_and_said_to_have_ended(writable):
    decision = Decision(id="d-1", at=1, verdict=replace(ALLOWED, durability=REMOTE))
    work = unrecorded(decision, standing(), "s-1", 5_000, RecordUnavailable(Reason.RECORD_UNAVAILABLE, "in time"))
    need = next(work)
    assert isinstance(need, NeedDurable)
    assert need.durability is WRITTEN
    assert need.entry | {"schema_version": 0} == {
        "kind": "completion",
        "schema_version": 0,
        "at_us": 5,
        "decision_id": "d-1",
        "session": "s-1",
        "rows": 0,
        "bytes": None,
        "sqlstate": "58030",
        "duration_us": 0,
    }
    full = RecordUnavailable(Reason.RECORD_UNAVAILABLE, "the disk is full")
    with pytest.raises(StopIteration) as ended:
        work.send(None) if writable else work.throw(full)
    outcome = ended.value.value
    assert (outcome.allowed, outcome.reason, outcome.sqlstate) == (False, Reason.RECORD_UNAVAILABLE, "58030")


def test_what_the_record_here_did_not_take_is_denied_and_nothing_is_asked_of_it():
    work = unrecorded(
        Decision(id="d-1", at=1, verdict=ALLOWED), standing(), "s-1", 1, RecordUnavailable(Reason.RECORD_UNAVAILABLE)
    )
    with pytest.raises(StopIteration) as ended:
        next(work)
    assert ended.value.value.reason is Reason.RECORD_UNAVAILABLE
