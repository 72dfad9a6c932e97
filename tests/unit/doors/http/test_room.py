"""What an operation is given: a document and whose it is, or a refusal that is recorded once."""

from __future__ import annotations

import pytest
from flask import Flask

from gateway.doors.callers import Edges, Origin
from gateway.doors.http.room import Room, authorization, caller, document, origin
from gateway.errors import Reason, SekishoError
from tests.unit.doors.test_requests import ScriptedDesk


def test_a_request_is_read_as_what_it_says_it_is() -> None:
    app = Flask(__name__)
    peer = {"REMOTE_ADDR": "::ffff:192.0.2.7"}
    headers = {"Authorization": "Bearer a", "X-Forwarded-For": "203.0.113.9"}
    with app.test_request_context(
        "/", method="POST", data=b"{}", content_type="application/json", headers=headers, environ_base=peer
    ):
        assert (document(), authorization(), caller()) == ({}, ["Bearer a"], "192.0.2.7")
        assert origin() == Origin("192.0.2.7")
    with app.test_request_context("/", method="POST", data=b"{}", content_type="text/plain"):
        with pytest.raises(SekishoError, match="content-type"):
            document()


def test_a_refusal_is_recorded_once_and_said() -> None:
    desk = ScriptedDesk()
    room = Room(desk=desk, edges=Edges(()), openapi={})
    with Flask(__name__).test_request_context("/"):
        with pytest.raises(SekishoError), room.asking():
            raise SekishoError(Reason.REQUEST_INVALID, "why")
    assert [(reason, detail) for _, reason, _, detail in desk.refusals] == [(Reason.REQUEST_INVALID, "why")]
