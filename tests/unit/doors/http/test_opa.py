"""OPA's data API: a client of OPA's asks, and is answered as OPA would; a denial is a result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.doors.http.app import create_app
from gateway.errors import Reason
from tests.unit.doors.test_requests import ScriptedDesk, body


def post(desk: ScriptedDesk, path: str, document: Any) -> TestResponse:
    client = create_app(desk).test_client()
    return client.post(f"/v1/data/sekisho/{path}", data=json.dumps(document), content_type="application/json")


@pytest.mark.parametrize(("sql", "allowed"), [("select 1", True), ("select phone", False), ("twin down", False)])
def test_a_denial_is_a_result(sql: str, allowed: bool) -> None:
    question = {"input": body(statement={"sql": sql})}
    reply = post(ScriptedDesk(), "allow", question)
    assert (reply.status_code, reply.get_json()) == (200, {"decision_id": "d-1", "result": allowed})
    told = post(ScriptedDesk(), "decision", question).get_json()
    assert (told["result"]["effect"], told["result"]["decision_id"]) == ("allow" if allowed else "deny", "d-1")


@pytest.mark.parametrize(
    ("document", "status", "reason"),
    [
        ({}, 400, Reason.REQUEST_INVALID),
        ({"input": None}, 400, Reason.REQUEST_INVALID),
        ({"input": body(), "more": 1}, 400, Reason.REQUEST_INVALID),
        ({"input": body(token="bad")}, 401, Reason.TOKEN_EXPIRED),
        ({"input": body(datasource="nowhere")}, 404, Reason.DATASOURCE_UNKNOWN),
    ],
)
def test_what_never_became_a_question_is_no_result(document: Any, status: int, reason: Reason) -> None:
    desk = ScriptedDesk()
    reply = post(desk, "allow", document)
    assert (reply.status_code, reply.get_json()["reason"], "result" in reply.get_json()) == (status, reason, False)
    assert [why for _, why, _, _ in desk.refusals] == [reason]
