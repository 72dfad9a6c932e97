"""Questions over http, several at once, explained, and completed: a real application over a scripted desk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.doors.http.app import create_app
from gateway.errors import Reason
from gateway.inquiry import Looking
from gateway.model import Door
from tests.unit.doors.test_requests import IN_TRACE, TANAKA, TRACEPARENT, ScriptedDesk, body

TOLD = {"token": "good", "decision_id": "d-1", "rows": 3}


def post(desk: ScriptedDesk, path: str, document: Any, **headers: str) -> TestResponse:
    client = create_app(desk, edges=("127.0.0.0/8",)).test_client()
    return client.post(path, data=json.dumps(document), content_type="application/json", headers=headers)


def told(reply: TestResponse) -> Any:
    """Its document."""
    return reply.json


def refused(desk: ScriptedDesk) -> Sequence[Reason]:
    return [reason for _, reason, _, _ in desk.refusals]


def test_an_answer_says_in_its_headers_what_it_is_and_how_long_it_holds() -> None:
    reply = post(ScriptedDesk(), "/v1/authorize", body())
    assert reply.headers["Sekisho-Decision-Id"] == told(reply)["decision_id"] == "d-1"
    assert int(reply.headers["Sekisho-Valid-Until"]) == told(reply)["valid_until"] == 1_700_000_060
    assert reply.headers["Cache-Control"] == "no-store", "each execution is recorded: nobody may answer in our place"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/authorize", body()),
        ("/v1/authorize/batch", {"requests": [body()]}),
        ("/v1/explain", body()),
        ("/v1/data/sekisho/allow", {"input": body()}),
    ],
)
def test_the_trace_is_that_of_the_request(path: str, document: Any) -> None:
    desk = ScriptedDesk()
    post(desk, path, document, traceparent=TRACEPARENT, tracestate="congo=1")
    post(desk, path, document)
    assert [one.trace for one in desk.asked] == [IN_TRACE, None]


def test_a_batch_answers_each_in_its_place() -> None:
    desk = ScriptedDesk()
    texts = ["select 1", "select phone", "twin down"]
    requests = [body(token=..., statement={"sql": text}) for text in texts]
    requests.insert(1, body(token=..., datasource="nowhere"))
    reply = post(desk, "/v1/authorize/batch", {"requests": requests}, Authorization="Bearer good")
    assert reply.status_code == 200
    assert [(one["effect"], one["reason"]) for one in told(reply)["answers"]] == [
        ("allow", "allowed"),
        ("deny", "datasource_unknown"),
        ("deny", "policy_denied"),
        ("deny", "twin_unavailable"),
    ]
    assert [asked.sql for asked in desk.asked] == texts
    assert refused(desk) == [Reason.DATASOURCE_UNKNOWN]


def test_one_token_for_all_is_refused_once() -> None:
    desk = ScriptedDesk()
    reply = post(desk, "/v1/authorize/batch", {"token": "bad", "requests": [body(token=...)] * 50})
    assert (reply.status_code, told(reply)["reason"]) == (401, "token_expired")
    assert refused(desk) == [Reason.TOKEN_EXPIRED]
    assert desk.asked == []


def test_a_token_of_its_own_is_refused_in_its_place() -> None:
    desk = ScriptedDesk()
    reply = post(desk, "/v1/authorize/batch", {"requests": [body(token="bad"), body()]})
    assert [one["reason"] for one in told(reply)["answers"]] == ["token_expired", "allowed"]


def test_a_batch_that_does_not_fit_is_refused_whole() -> None:
    desk = ScriptedDesk()
    reply = post(desk, "/v1/authorize/batch", {"requests": [body(), body(colour=1)]})
    assert (reply.status_code, reply.content_type) == (400, "application/problem+json")
    assert "requests[1]" in told(reply)["detail"]
    assert (refused(desk), desk.asked) == ([Reason.REQUEST_INVALID], [])


@pytest.mark.parametrize(("sql", "effect"), [("select 1", "allow"), ("select phone", "deny")])
def test_an_explanation_is_no_permission(sql: str, effect: str) -> None:
    desk = ScriptedDesk()
    reply = post(desk, "/v1/explain", body(statement={"sql": sql}, completes=True))
    assert (reply.status_code, told(reply)["effect"], told(reply)["facts"]) == (200, effect, None)
    asked = desk.asked[0]
    assert (asked.executes, asked.counts, asked.session) == (False, False, "http:explain")
    [inquiry] = desk.inquiries
    assert (inquiry.reading.what, inquiry.reading.principal) == (Looking.EXPLAIN, TANAKA.id)


def test_who_may_not_be_told_is_told_nothing() -> None:
    desk = ScriptedDesk()
    desk.secretive = True
    reply = post(desk, "/v1/explain", body())
    assert (reply.status_code, told(reply)["reason"]) == (403, "policy_denied")
    assert desk.asked == [], "nothing was looked up"


def test_what_went_out_is_told_by_whoever_asked() -> None:
    desk = ScriptedDesk()
    reply = post(desk, "/v1/complete", TOLD)
    assert (reply.status_code, told(reply)) == (200, {"decision_id": "d-1"})
    assert [(told.rows, who, door) for told, who, door in desk.completed] == [(3, frozenset({TANAKA.id}), Door.HTTP)]


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"decision_id": "d-2"}, 404, Reason.DECISION_UNKNOWN),
        ({"token": "bad"}, 401, Reason.TOKEN_EXPIRED),
        ({"rows": -1}, 400, Reason.REQUEST_INVALID),
    ],
)
def test_what_cannot_be_completed_is_a_problem_recorded_once(
    changes: dict[str, Any], status: int, reason: Reason
) -> None:
    desk = ScriptedDesk()
    reply = post(desk, "/v1/complete", {**TOLD, **changes})
    assert (reply.status_code, told(reply)["reason"]) == (status, reason)
    assert (refused(desk), desk.completed) == ([reason], [])
