"""Several questions at once: each is refused or asked alone, and answered in its place."""

from __future__ import annotations

import pytest

from gateway.doors.batches import answers_document, batch_document, prepare_all, questions
from gateway.doors.callers import Edges, Origin, Words
from gateway.doors.requests import AskRequest
from gateway.errors import AuthenticationError, Reason, SekishoError
from gateway.model import Door, Effect
from gateway.needs import Outcome
from tests.unit.doors.test_requests import ScriptedDesk, decision


def request(token: str = "good", datasource: str = "messenger", sql: str = "select 1") -> AskRequest:
    return AskRequest(who=Words(token=token), datasource=datasource, sql=sql)


def test_what_never_became_a_question_is_recorded_and_answered_in_its_place() -> None:
    desk = ScriptedDesk()
    requests = [request(), request(datasource="nowhere"), request(token="bad"), request(sql="select phone")]
    asked = prepare_all(desk, Door.GRPC, requests, origin=Origin("192.0.2.1"), edges=Edges(()))
    assert [type(one).__name__ for one in asked] == ["Ask", "AuthenticationError", "AuthenticationError", "Ask"]
    assert [reason for _, reason, _, _ in desk.refusals] == [Reason.DATASOURCE_UNKNOWN, Reason.TOKEN_EXPIRED]
    answers = batch_document(desk, asked)["answers"]
    assert isinstance(answers, list)
    assert [one["reason"] for one in answers if isinstance(one, dict)] == [
        "allowed", "datasource_unknown", "token_expired", "policy_denied"
    ]  # fmt: skip


def test_one_token_for_all_is_refused_for_all() -> None:
    desk = ScriptedDesk()
    with pytest.raises(AuthenticationError):
        prepare_all(desk, Door.HTTP, [request(token="bad")] * 3, origin=Origin(None), edges=Edges(()))
    assert desk.refusals == []  # whoever called tells it, once


def test_an_answer_that_contradicts_itself_denies_its_own_question_only() -> None:
    asked = prepare_all(ScriptedDesk(), Door.HTTP, [request(), request()], origin=Origin(None), edges=Edges(()))
    good = Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW, Reason.ALLOWED))
    answers = answers_document(asked, [Outcome(reason=Reason.ALLOWED), good])["answers"]
    assert isinstance(answers, list)
    assert [one["reason"] for one in answers if isinstance(one, dict)] == ["internal", "allowed"]


def test_only_questions_are_asked() -> None:
    asked = prepare_all(ScriptedDesk(), Door.HTTP, [request()], origin=Origin(None), edges=Edges(()))
    assert questions([SekishoError(Reason.INTERNAL), *asked]) == asked
