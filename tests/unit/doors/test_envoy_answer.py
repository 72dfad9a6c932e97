"""What Envoy is told is always a clear yes or no."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.doors.envoy_answer import answer, refusal
from gateway.errors import ANSWERS, Reason, SekishoError

ALLOWED: dict[str, Any] = {
    "decision_id": "d-1",
    "effect": "allow",
    "reason": "allowed",
    "cross_border": False,
    "valid_until": 1795000000,
    "revision": "p+r",
}


def test_a_yes_overwrites_what_a_client_made_up() -> None:
    response = answer(ALLOWED, ["x-sekisho-decision", "x-sekisho-admin", "accept"])
    assert response.WhichOneof("http_response") == "ok_response"
    assert response.status.code == 0
    headers = {one.header.key: (one.header.value, one.append_action) for one in response.ok_response.headers}
    assert headers == {"x-sekisho-decision": ("d-1", 2), "x-sekisho-valid-until": ("1795000000", 2)}
    assert list(response.ok_response.headers_to_remove) == ["x-sekisho-admin"]
    assert dict(response.dynamic_metadata) == ALLOWED


def test_a_no_says_why() -> None:
    response = answer({**ALLOWED, "effect": "deny", "reason": "policy_denied", "message": "no"}, [])
    assert (response.status.code, response.denied_response.status.code) == (7, 403)
    assert json.loads(response.denied_response.body)["message"] == "no"
    headers = {one.header.key: one.header.value for one in response.denied_response.headers}
    assert headers["x-sekisho-decision"] == "d-1"
    assert "www-authenticate" not in headers


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.ALLOWED])
def test_every_reason_is_a_denial(reason: Reason) -> None:
    response = refusal(SekishoError(reason, "why"))
    assert response.WhichOneof("http_response") == "denied_response"
    assert response.status.code == 7
    assert response.denied_response.status.code == ANSWERS[reason].http >= 400
    assert json.loads(response.denied_response.body)["reason"] == reason
    challenged = any(one.header.key == "www-authenticate" for one in response.denied_response.headers)
    assert challenged is (ANSWERS[reason].http == 401)
