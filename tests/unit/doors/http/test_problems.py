"""Problems: the status of the reason, its words, and a challenge where a token is wanted."""

from __future__ import annotations

import pytest

from gateway.doors.http.problems import problem, problem_document, too_large
from gateway.errors import ANSWERS, Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_problem(reason: Reason) -> None:
    status, document = problem_document(reason, "why")
    assert status == document["status"] == ANSWERS[reason].http
    assert document["type"] == f"urn:sekisho:reason:{reason}"
    assert (document["title"], document["detail"]) == (ANSWERS[reason].summary, "why")
    response = problem(reason)
    assert response.content_type == "application/problem+json"
    assert ("WWW-Authenticate" in response.headers) == (status == 401)


def test_a_status_of_http_s_own_has_no_type_of_ours() -> None:
    assert problem_document(Reason.REQUEST_INVALID, "", 404) == (
        404,
        {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "", "reason": "request_invalid"},
    )


def test_what_is_too_large_says_how_large_it_may_be() -> None:
    assert "1048576" in too_large().detail
