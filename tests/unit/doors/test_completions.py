"""What a caller tells of an execution: read strictly, once, by whoever asked, within bounds of time and number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from gateway.audit.ready import Repeats
from gateway.doors.callers import Edges, Words
from gateway.doors.completions import MOST, Completion, Open, OpenDecisions, read_completion
from gateway.errors import Reason, SekishoError
from gateway.facts.tally import Room, Used
from gateway.model import Caller, Door, Effect, Principal
from gateway.needs import Ask, Outcome
from gateway.rations import Ration
from gateway.reuse import Standing
from tests.unit.doors.test_requests import TANAKA, ScriptedDesk, decision, question, reason_of

SECOND = 1_000_000_000
TOLD = {"token": "good", "decision_id": "d-1", "rows": 3}


def test_a_completion_is_read_whole() -> None:
    told = read_completion({**TOLD, "bytes": 10, "subjects": 2, "sqlstate": "57014"})
    assert told == Completion(
        who=Words(token="good"), decision_id="d-1", rows=3, sent_bytes=10, subjects=2, sqlstate="57014"
    )  # fmt: skip
    assert told.used == Used(3, 2)
    assert read_completion({**TOLD, "sqlstate": "00000"}).sqlstate is None
    assert read_completion(TOLD).used == Used(3, 3)
    assert read_completion({**TOLD, "subjects": 9}).used == Used(3, 3)
    assert read_completion({"decision_id": "d-1", "rows": 0}, ["Bearer good"]).who.bearer == "good"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"decision_id": ""}, "decision_id is empty"),
        ({"decision_id": 1}, "decision_id must be a string"),
        ({"decision_id": "d" * 65}, "decision_id is longer than 64"),
        ({"rows": -1}, "rows must be a whole number"),
        ({"rows": True}, "rows must be a whole number"),
        ({"rows": MOST + 1}, "rows must be a whole number"),
        ({"bytes": None}, "bytes must be a whole number"),
        ({"subjects": "2"}, "subjects must be a whole number"),
        ({"sqlstate": "570140"}, "sqlstate is longer"),
        ({"colour": 1}, '"colour"'),
    ],
)
def test_what_does_not_fit_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SekishoError) as caught:
        read_completion({**TOLD, **changes})
    assert caught.value.reason is Reason.REQUEST_INVALID
    assert named in caught.value.detail


# --- open decisions --------------------------------------------------------------------------------------------------


def standing(**full_entries: Repeats) -> Standing:
    verdict = decision(Effect.ALLOW, Reason.ALLOWED).verdict
    understanding: Any = cast(Any, None)
    return Standing(
        verdict=verdict,
        understanding=understanding,
        revision="r",
        epoch="e",
        normalised="",
        statement_hash="",
        full_entries=dict(full_entries),
    )


def allowed(number: int = 1, ration: Ration | None = None) -> Outcome:
    made = replace(decision(Effect.ALLOW, Reason.ALLOWED), id=f"d-{number}")
    return Outcome(reason=Reason.ALLOWED, decision=made, standing=standing(http=Repeats("d-1", "http")), ration=ration)


def asked(who: Principal = TANAKA, **changes: Any) -> Ask:
    return replace(question(ScriptedDesk(), None, Edges(())), principal=who, **changes)


def test_a_decision_is_completed_once_by_whoever_asked_and_at_the_same_door() -> None:
    decisions = OpenDecisions()
    assert decisions.add(asked(), allowed(2), SECOND) == []
    stranger, own = frozenset({"https://id.example#suzuki"}), frozenset({TANAKA.id})
    for who, door, at in ((stranger, Door.HTTP, 2), (own, Door.GRPC, 2), (own, Door.HTTP, 3602)):
        assert reason_of(decisions.take, "d-2", who, door, at * SECOND) is Reason.DECISION_UNKNOWN
    found = decisions.take("d-2", own, Door.HTTP, 2 * SECOND)
    assert (found.decision_id, found.of, found.session, found.began_ns) == ("d-2", "d-1", "http", SECOND)
    with pytest.raises(SekishoError, match="may be complete already"):
        decisions.take("d-2", own, Door.HTTP, 2 * SECOND)
    assert len(decisions) == 0


def test_what_a_caller_asked_is_completed_by_that_caller_alone() -> None:
    decisions = OpenDecisions()
    decisions.add(asked(caller=Caller(id="search", identity="", expires_at=0)), allowed(1), SECOND)
    person = frozenset({TANAKA.id, "caller other"})
    assert reason_of(decisions.take, "d-1", person, Door.HTTP, SECOND) is Reason.DECISION_UNKNOWN
    assert decisions.take("d-1", frozenset({"caller search"}), Door.HTTP, SECOND).principal == TANAKA.id


def test_the_full_entry_refers_to_nothing_else() -> None:
    decisions = OpenDecisions()
    decisions.add(asked(), allowed(1), SECOND)
    assert decisions.take("d-1", frozenset({TANAKA.id}), Door.HTTP, SECOND).of is None


@pytest.mark.parametrize(
    ("ask", "outcome"),
    [
        (asked(), Outcome(reason=Reason.POLICY_DENIED, decision=decision(Effect.DENY, Reason.POLICY_DENIED))),
        (asked(executes=False), allowed()),
    ],
)
def test_what_lets_nothing_out_is_never_open(ask: Ask, outcome: Outcome) -> None:
    decisions = OpenDecisions()
    assert decisions.add(ask, outcome, SECOND) == []
    assert len(decisions) == 0


def test_a_flood_of_one_pushes_out_their_own_and_all_together_the_oldest() -> None:
    decisions = OpenDecisions(most=3, of_one=2)
    suzuki = replace(TANAKA, subject="suzuki")
    decisions.add(asked(suzuki), allowed(1), SECOND)
    gone = [one.decision_id for number in (2, 3, 4) for one in decisions.add(asked(), allowed(number), SECOND)]
    assert gone == ["d-2"]
    sato = replace(TANAKA, subject="sato")
    assert [one.decision_id for one in decisions.add(asked(sato), allowed(5), SECOND)] == ["d-1"]
    assert len(decisions) == 3


def test_what_is_overdue_comes_out_with_all_that_was_reserved() -> None:
    decisions = OpenDecisions(seconds=10)
    ration = Ration(room=Room("1", 64), bounds=cast(Any, ("a bound",)))
    decisions.add(asked(counts=True), allowed(1, ration), SECOND)
    decisions.add(asked(counts=False), allowed(2, ration), SECOND)
    decisions.add(asked(), allowed(3), 5 * SECOND)
    overdue: list[Open] = list(decisions.overdue(11 * SECOND))
    assert [(one.decision_id, one.ration, one.reserved.rows) for one in overdue] == [
        ("d-1", ration, 64),
        ("d-2", None, 1),
    ]
    assert len(decisions) == 1
