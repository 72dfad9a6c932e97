"""/v1/query: one SELECT for an engineer without a client, run in a session of the postgres door (`doors.inside`).

Who may, what is masked, what is counted and recorded is decided there, as for anybody who comes with `psql`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, request

from gateway.doors.callers import Words, who_asks
from gateway.doors.documents import (
    MAX_BODY,
    MAX_NAME,
    bearer_of,
    count_of,
    filled,
    invalid,
    list_of,
    object_of,
    required,
    text_of,
)
from gateway.doors.http.problems import problem
from gateway.doors.http.results import FORMATS
from gateway.doors.http.room import Room, authorization, document, origin
from gateway.doors.inside import Selecting, StatementFailed
from gateway.doors.requests import MAX_PARAMETERS, oid_of, read_words
from gateway.errors import Reason, SekishoError

FIELDS: Final = ("token", "principal", "address", "datasource", "sql", "parameters", "parameter_types", "rows")
DEFAULT_ROWS: Final = 1000
MOST_ROWS: Final = 1_000_000
LIMITED: Final = "Sekisho-Limited"
"""Header that says whether the row limit was reached, in formats that have no place for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRequest:
    """One request as read from the wire."""

    who: Words
    datasource: str
    sql: str
    parameters: tuple[str | None, ...]
    parameter_types: tuple[int, ...]
    rows: int


def read_query(told: object, authorization: Sequence[str], most: int) -> QueryRequest:
    """The query in a document; ``most``: rows that may be asked for."""
    asked = object_of(told, "the body", FIELDS)
    rows = count_of(asked.get("rows", min(DEFAULT_ROWS, most)), "rows", most)
    if rows == 0:
        invalid("rows must be at least 1")
    return QueryRequest(
        who=read_words(asked, bearer_of(authorization)),
        datasource=filled(required(asked, "datasource", "datasource"), "datasource", MAX_NAME),
        sql=filled(required(asked, "sql", "sql"), "sql", MAX_BODY),
        parameters=list_of(asked, "parameters", "parameters", MAX_PARAMETERS, _parameter),
        parameter_types=list_of(asked, "parameter_types", "parameter_types", MAX_PARAMETERS, oid_of),
        rows=rows,
    )


def query(room: Room) -> Response:
    """One SELECT, run as through a client: same masks, limits and record. Rows as JSON, lines, CSV or Arrow."""
    queries = room.behind.queries
    with room.asking():
        if queries is None:
            raise SekishoError(Reason.REQUEST_INVALID, "/v1/query is switched off here (listeners.http.query_rows)")
        kind = _wanted()
        asked = read_query(document(), authorization(), queries.bounds.rows)
        asker = who_asks(room.desk, asked.who, asked.datasource, origin=origin(), edges=room.edges)
        queries.check(asked.sql)
        selecting = Selecting(
            principal=asker.principal,
            peer=asker.peer,
            caller=asker.caller,
            datasource=asked.datasource,
            sql=asked.sql,
            parameters=asked.parameters,
            parameter_types=asked.parameter_types,
            rows=asked.rows,
            size=queries.bounds.size,
            seconds=queries.bounds.seconds,
        )
    try:
        selected = queries.select(selecting)
    except StatementFailed as failed:
        return _failed(failed)
    with room.asking():
        response = Response(FORMATS[kind](selected), content_type=kind)
    response.headers[LIMITED] = "true" if selected.limited else "false"
    return response


def _wanted() -> str:
    if not request.headers.get("Accept"):
        return next(iter(FORMATS))
    return request.accept_mimetypes.best_match(list(FORMATS)) or invalid(f"answers come as {', '.join(FORMATS)}")


def _parameter(value: object, name: str) -> str | None:
    """Text for the server to read; numbers and truth values are written as it reads them."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = text_of(value, name, MAX_BODY)
    if "\0" in text:
        invalid(f"{name} holds a NUL")
    return text


def _failed(failed: StatementFailed) -> Response:
    """A problem with the words that a client of the postgres door would have."""
    fields = failed.fields
    more: dict[str, Any] = {"sqlstate": fields.get("C", ""), "hint": fields.get("H", "")}
    if fields.get("P", "").isdigit():
        more["position"] = int(fields["P"])
    return problem(failed.reason, failed.detail, more=more)
