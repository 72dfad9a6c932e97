"""/v1/query as a document: what is asked of the session, and how its words become a problem."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.doors.http.app import create_app
from gateway.doors.http.room import Behind
from gateway.doors.http.schemas import COMPONENTS
from gateway.doors.http.selecting import FIELDS, read_query
from gateway.doors.inside import Column, QueryBounds, Selected, Selecting, StatementFailed
from gateway.errors import Reason, SekishoError
from gateway.model import Peer
from tests.unit.doors.test_requests import TANAKA, ScriptedDesk

ASKED: dict[str, Any] = {"token": "good", "datasource": "messenger", "sql": "SELECT 1"}


class ScriptedQueries:
    """Runs nothing."""

    bounds = QueryBounds(rows=50, size=1000, seconds=2.0)

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[Selecting] = []

    def check(self, sql: str) -> None:
        if not sql.startswith("SELECT"):
            raise SekishoError(Reason.REQUEST_INVALID, "one SELECT")

    def select(self, asked: Selecting) -> Selected:
        self.asked.append(asked)
        if self.failure is not None:
            raise self.failure
        return Selected(columns=(Column("n", 23),), rows=[("1",)], limited=True)


def post(
    queries: ScriptedQueries | None, document: Any, desk: ScriptedDesk | None = None, **headers: str
) -> TestResponse:
    client = create_app(desk or ScriptedDesk(), ("127.0.0.0/8",), Behind(queries=queries)).test_client()
    return client.post("/v1/query", data=json.dumps(document), content_type="application/json", headers=headers)


def test_a_select_is_asked_for_with_everything_about_it() -> None:
    queries = ScriptedQueries()
    more = {"parameters": ["a", 1, 1.5, True, None], "parameter_types": [25, 0], "rows": 7, "address": "192.0.2.7"}
    reply = post(queries, {**ASKED, **more})
    assert (reply.status_code, reply.content_type) == (200, "application/json")
    assert reply.headers["Sekisho-Limited"] == "true"
    assert queries.asked == [
        Selecting(
            principal=TANAKA,
            peer=Peer(address="192.0.2.7", via_edge=True),
            datasource="messenger",
            sql="SELECT 1",
            parameters=("a", "1", "1.5", "true", None),
            parameter_types=(25, 0),
            rows=7,
            size=1000,
            seconds=2.0,
        )
    ]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv"),
        ("application/x-ndjson, application/json;q=0.5", "application/x-ndjson"),
        ("*/*", "application/json"),
    ],
)
def test_the_format_is_the_one_that_is_wished_for(accept: str, kind: str) -> None:
    assert post(ScriptedQueries(), ASKED, Accept=accept).content_type.partition(";")[0] == kind


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rows": 0}, "rows must be at least 1"),
        ({"rows": 51}, "0 to 50"),
        ({"parameters": [[]]}, "parameters[0] must be a string"),
        ({"parameters": ["a\0b"]}, "parameters[0] holds a NUL"),
        ({"sql": "DELETE"}, "one SELECT"),
        ({"colour": 1}, '"colour"'),
    ],
)
def test_what_does_not_fit_is_refused_and_recorded_once(changes: dict[str, Any], named: str) -> None:
    queries, desk = ScriptedQueries(), ScriptedDesk()
    reply = post(queries, {**ASKED, **changes}, desk)
    assert reply.status_code == 400
    assert named in reply.get_json()["detail"]
    assert ([reason for _, reason, _, _ in desk.refusals], queries.asked) == ([Reason.REQUEST_INVALID], [])


def test_a_format_nobody_makes_and_a_query_nobody_runs_are_told() -> None:
    assert post(ScriptedQueries(), ASKED, Accept="image/png").status_code == 400
    assert "switched off" in post(None, ASKED).get_json()["detail"]


def test_who_asks_is_said_first() -> None:
    assert post(ScriptedQueries(), {**ASKED, "token": "bad", "sql": "DELETE"}).get_json()["reason"] == "token_expired"


def test_the_words_of_a_denial_are_those_of_the_postgres_door_and_recorded_there() -> None:
    fields = {"C": "42501", "M": "access denied", "D": "Rule: r", "H": "ask", "R": "policy_denied"}
    desk = ScriptedDesk()
    reply = post(ScriptedQueries(StatementFailed(Reason.POLICY_DENIED, fields)), ASKED, desk)
    assert (reply.status_code, reply.content_type) == (403, "application/problem+json")
    told = reply.get_json()
    assert (told["reason"], told["sqlstate"], told["hint"]) == ("policy_denied", "42501", "ask")
    assert told["detail"] == "access denied\nRule: r"
    assert desk.refusals == []


def test_the_database_s_own_words_have_their_place() -> None:
    failed = StatementFailed(Reason.SERVER_COMPLAINT, {"C": "42703", "M": "no such column", "P": "8"})
    told = post(ScriptedQueries(failed), ASKED).get_json()
    assert (told["status"], told["position"], told["detail"]) == (422, 8, "no such column")


def test_the_schema_has_the_fields_that_are_read() -> None:
    assert set(COMPONENTS["Query"]["properties"]) == set(FIELDS)
    assert read_query(ASKED, (), 20).rows == 20
    assert read_query(ASKED, (), 5000).rows == 1000
