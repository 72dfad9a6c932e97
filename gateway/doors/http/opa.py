"""The data API of OPA, for clients that speak it: `POST /v1/data/sekisho/allow` and `/v1/data/sekisho/decision`.

``input`` is a question as at /v1/authorize, ``result`` a truth value or the whole answer. A denial is a result; what
never became a question is a problem with its own status, which such clients take for a failure, and so for a no.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from gateway.doors.answers import answer_document
from gateway.doors.documents import object_of, required
from gateway.doors.http.problems import json_answer
from gateway.doors.http.room import Room, authorization, document, origin, traced
from gateway.doors.requests import prepare, read_request
from gateway.model import Door, Effect, JsonValue

FIELDS: Final = ("input",)


def opa_allow(room: Room) -> Response:
    """A question as OPA is asked: whether it is allowed."""
    answer = _answer(room)
    return _result(answer, answer["effect"] == Effect.ALLOW)


def opa_decision(room: Room) -> Response:
    """A question as OPA is asked: the whole answer."""
    answer = _answer(room)
    return _result(answer, answer)


def opa_input() -> object:
    """What is asked about. Raises SekishoError."""
    return required(object_of(document(), "the body", FIELDS), "input", "input")


def _answer(room: Room) -> dict[str, JsonValue]:
    with room.asking():
        asked = read_request(opa_input(), authorization())
        ask = prepare(room.desk, Door.HTTP, asked, origin=origin(), edges=room.edges, trace=traced(room))
    return answer_document(ask, room.desk.ask(ask))


def _result(answer: dict[str, JsonValue], result: Any) -> Response:
    return json_answer({"decision_id": answer["decision_id"], "result": result})
