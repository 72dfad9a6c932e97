"""Several questions at once: each stands alone, is refused or decided alone, and is answered in its place."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.doors.answers import answer_document, refused_document
from gateway.doors.callers import Edges, Origin, known
from gateway.doors.requests import AskRequest, DeskApi, prepare, refuse
from gateway.errors import SekishoError
from gateway.model import Door, JsonValue
from gateway.needs import Ask, Outcome
from gateway.trace_context import Context

Asked = Ask | SekishoError


def prepare_all(
    desk: DeskApi,
    door: Door,
    requests: Sequence[AskRequest],
    *,
    origin: Origin,
    edges: Edges,
    trace: Context | None = None,
) -> list[Asked]:
    """The questions; in place of one that never became one, why: that is recorded and counted. ``trace``: of all.

    Raises SekishoError where the same person is asked for by all and refused: once, then, and not for each.
    """
    if len({request.who for request in requests}) == 1:
        known(desk, requests[0].who, origin=origin)
    return [_prepared(desk, door, request, origin, edges, trace) for request in requests]


def _prepared(
    desk: DeskApi, door: Door, request: AskRequest, origin: Origin, edges: Edges, trace: Context | None
) -> Asked:
    try:
        return prepare(desk, door, request, origin=origin, edges=edges, trace=trace)
    except SekishoError as error:
        return refuse(desk, door, error, origin.address)


def batch_document(desk: DeskApi, asked: Sequence[Asked]) -> dict[str, JsonValue]:
    """Decide, from a thread of a synchronous door, and answer."""
    return answers_document(asked, desk.ask_all(questions(asked)))


def questions(asked: Sequence[Asked]) -> list[Ask]:
    """Those there are."""
    return [one for one in asked if isinstance(one, Ask)]


def answers_document(asked: Sequence[Asked], outcomes: Sequence[Outcome]) -> dict[str, JsonValue]:
    """An answer for each; ``outcomes``: of the questions."""
    decided = iter(outcomes)
    answers = [refused_document(one) if isinstance(one, SekishoError) else _answer(one, next(decided)) for one in asked]
    return {"answers": [*answers]}


def _answer(ask: Ask, outcome: Outcome) -> dict[str, JsonValue]:
    try:
        return answer_document(ask, outcome)
    except SekishoError as error:  # of our own, and of no other question
        return refused_document(error)
