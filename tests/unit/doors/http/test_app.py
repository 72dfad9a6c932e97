"""The application: what Flask turns away is a problem as well, and what breaks shows nothing of the inside."""

from __future__ import annotations

import pytest

from gateway.doors.http.app import create_app
from gateway.doors.http.operations import OPERATIONS
from gateway.errors import Reason
from tests.unit.doors.test_requests import ScriptedDesk


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.path)
def test_every_path_has_one_method_and_says_which(operation: object) -> None:
    client = create_app(ScriptedDesk()).test_client()
    path, method = operation.path, operation.method  # type: ignore[attr-defined]
    for other in {"GET", "POST", "PUT", "DELETE", "OPTIONS"} - {method}:
        reply = client.open(path, method=other)
        assert (reply.status_code, reply.content_type) == (405, "application/problem+json")
        assert method in reply.headers["Allow"]


def test_an_operation_that_breaks_is_counted_and_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedDesk):
        def ready(self) -> tuple[bool, list[str]]:
            raise ZeroDivisionError("SECRET")

    desk = Broken()
    reply = create_app(desk).test_client().get("/readyz")
    assert (reply.status_code, reply.get_json()["reason"]) == (500, "internal")
    assert "SECRET" not in reply.text
    assert [reason for _, reason, _, _ in desk.refusals] == [Reason.INTERNAL]
    assert "ZeroDivisionError" in caplog.text
