"""Questions over http: one, several, what an answer is made from; and what went out under one."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from gateway.doors.answers import answer_document, explain_document, refused_words
from gateway.doors.batches import batch_document, prepare_all
from gateway.doors.callers import who_completes
from gateway.doors.completions import read_completion
from gateway.doors.http.problems import json_answer, problem
from gateway.doors.http.room import Room, authorization, document, origin, traced
from gateway.doors.requests import explaining, explanation_of, prepare, read_batch, read_request
from gateway.errors import ANSWERS, Reason
from gateway.model import Door, JsonValue

DECISION_ID: Final = "Sekisho-Decision-Id"
VALID_UNTIL: Final = "Sekisho-Valid-Until"
"""Headers that say the same as the document, for those that look at headers only."""


def authorize(room: Room) -> Response:
    """One statement, decided. It is not run."""
    with room.asking():
        asked = read_request(document(), authorization())
        ask = prepare(room.desk, Door.HTTP, asked, origin=origin(), edges=room.edges, trace=traced(room))
    return _decided(answer_document(ask, room.desk.ask(ask)))


def batch(room: Room) -> Response:
    """Several statements, decided together: an answer for each, in their order."""
    with room.asking():
        requests = read_batch(document(), authorization())
        trace = traced(room)
        asked = prepare_all(room.desk, Door.HTTP, requests, origin=origin(), edges=room.edges, trace=trace)
    return json_answer(batch_document(room.desk, asked))


def explain(room: Room) -> Response:
    """One statement, decided, with every fact the decision is made from and the nearest that would be allowed."""
    with room.asking():
        asked = read_request(document(), authorization())
        trace = traced(room)
        ask = explaining(prepare(room.desk, Door.HTTP, asked, origin=origin(), edges=room.edges, trace=trace))
    outcome = room.desk.read(explanation_of(ask), Door.HTTP)
    if not outcome.allowed:
        return problem(outcome.reason, refused_words(outcome))
    return _decided(explain_document(ask, room.desk.ask(ask)), status=200)


def complete(room: Room) -> Response:
    """What went out under a decision."""
    with room.asking():
        told = read_completion(document(), authorization())
        room.desk.complete(told, who_completes(room.desk, told.who, origin=origin()), Door.HTTP)
    return json_answer({"decision_id": told.decision_id})


def _decided(answer: dict[str, JsonValue], status: int | None = None) -> Response:
    told: dict[str, Any] = answer
    response = json_answer(told, ANSWERS[Reason(told["reason"])].http if status is None else status)
    response.headers[DECISION_ID] = told["decision_id"]
    response.headers[VALID_UNTIL] = told["valid_until"]
    return response
