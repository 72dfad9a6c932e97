"""Trino asks: by the caller it is, for whom it names; masks and filters come out of smaller questions, or it is no."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.config import Caller, Trino
from gateway.doors.callers import Callers
from gateway.doors.http.app import create_app
from gateway.doors.http.room import Behind
from gateway.errors import Reason
from gateway.model import Country, Effect, Mask, Obligation, Principal, StatementFacts, SubjectCountries
from gateway.needs import Ask, Outcome
from tests.unit.doors.test_requests import TANAKA, ScriptedDesk, decision

SETTINGS = Trino(issuer="https://id.example", datasource="messenger")
MASK = Mask(relation="public.people", column="phone", method="null")
ODD = Mask(relation="public.people", column="odd", method="partial")
JAPAN = SubjectCountries(relation="public.people", column="country", countries=(Country("JP"),))


class Lake(ScriptedDesk):
    """Phones are masked, names may not be seen, all rows are of Japan; `together` is masked beside others only."""

    def __init__(self) -> None:
        super().__init__()
        trino = Caller(
            name="trino",
            issuer=TANAKA.issuer,
            subject="trino",
            may_assert=("principal",),
            datasources=("messenger",),
        )
        self.callers = Callers((trino,), {TANAKA.issuer})

    def verify_token(self, token: str) -> Principal:
        return replace(TANAKA, subject="trino") if token == "caller" else super().verify_token(token)

    def ask(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        assert ask.given is not None
        return self.outcome(ask.given)

    def ask_all(self, asks: Any) -> list[Outcome]:
        return [self.ask(ask) for ask in asks]

    def outcome(self, facts: StatementFacts) -> Outcome:
        columns = {one.column for one in facts.columns}
        duties: list[Obligation] = [JAPAN] if facts.relations else []
        duties += [MASK] if "phone" in columns else []
        duties += [ODD] if "odd" in columns else []
        duties += [replace(MASK, column="together")] if {"together", "id"} <= columns else []
        if not facts.complete or "name" in columns:
            return Outcome(reason=Reason.POLICY_DENIED, decision=decision(Effect.DENY, Reason.POLICY_DENIED))
        made = decision(Effect.ALLOW, Reason.ALLOWED, obligations=tuple(duties))
        return Outcome(reason=Reason.ALLOWED, decision=made)


def post(path: str, action: dict[str, Any], desk: ScriptedDesk | None = None, **changes: Any) -> TestResponse:
    app = create_app(desk or Lake(), behind=Behind(trino=changes.get("trino", SETTINGS)))
    context = {"identity": {"user": "tanaka", "groups": ["admin"]}, "softwareStack": {"trinoVersion": "434"}}
    body = json.dumps({"input": {"context": context, "action": action}})
    headers = {"Authorization": f"Bearer {changes.get('token', 'caller')}"}
    path = f"/v1/data/sekisho/trino/{path}"
    return app.test_client().post(path, data=body, content_type="application/json", headers=headers)


def table(*columns: str) -> dict[str, Any]:
    return {"table": {"catalogName": "messenger", "schemaName": "public", "tableName": "people", "columns": [*columns]}}


def column(name: str) -> dict[str, Any]:
    about = {"catalogName": "messenger", "schemaName": "public", "tableName": "people", "columnType": "varchar"}
    return {"column": {**about, "columnName": name}}


@pytest.mark.parametrize(
    ("columns", "allowed"),
    [(["id"], True), (["id", "phone"], True), (["name"], False), (["odd"], False), (["id", "together"], False)],
)
def test_a_query_runs_only_under_what_trino_will_be_told_of(columns: list[str], allowed: bool) -> None:
    desk = Lake()
    reply = post("allow", {"operation": "SelectFromColumns", "resource": table(*columns)}, desk)
    assert (reply.status_code, reply.get_json()) == (200, {"result": allowed})
    first, *others = desk.asked
    assert (first.executes, first.principal.id) == (True, "https://id.example#tanaka")
    assert "admin" not in first.principal.groups, "Trino's groups are its own"
    assert first.caller is not None
    assert not any(one.executes for one in others)


def test_masks_and_filters_are_trino_s_sql() -> None:
    assert post("rowFilters", {"operation": "GetRowFilters", "resource": table()}).get_json() == {
        "result": [{"expression": "\"country\" IN ('JP')"}]
    }
    masks = {name: post("columnMask", {"operation": "GetColumnMask", "resource": column(name)}).get_json() for name in
             ("id", "phone", "name", "odd")}  # fmt: skip
    hidden = {"result": {"expression": "NULL"}}
    assert masks == {"id": {}, "phone": hidden, "name": hidden, "odd": hidden}
    several = {"operation": "GetColumnMask", "filterResources": [column("id"), column("phone")]}
    assert post("batchColumnMasks", several).get_json() == {
        "result": [{"index": 1, "viewExpression": {"expression": "NULL"}}]
    }


def test_a_batch_tells_places_and_asks_once_for_the_same() -> None:
    desk = Lake()
    names = {"operation": "FilterTables", "filterResources": [table(), table(), table()]}
    assert post("batch", names, desk).get_json() == {"result": [0, 1, 2]}
    assert len(desk.asked) == 1
    columns = {"operation": "FilterColumns", "filterResources": [table("id", "name")]}
    assert post("batch", columns).get_json() == {"result": [0, 1]}
    assert post("batch", {"operation": "DropEverything", "filterResources": [table()]}).get_json() == {"result": []}
    assert post("batch", {"operation": "FilterTables", "filterResources": []}).get_json() == {"result": []}


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"trino": None}, 403, Reason.CALLER_NOT_ALLOWED),
        ({"token": "bad"}, 401, Reason.TOKEN_EXPIRED),
        ({"token": "good"}, 401, Reason.CALLER_UNKNOWN),
    ],
)
def test_only_a_configured_caller_may_name_somebody(changes: dict[str, Any], status: int, reason: Reason) -> None:
    desk = Lake()
    reply = post("allow", {"operation": "ExecuteQuery"}, desk, **changes)
    assert reply.get_json()["reason"] == reason
    assert (reply.status_code >= 400, desk.asked) == (True, [])
    assert status >= 400


@pytest.mark.parametrize("path", ["columnMask", "rowFilters"])
@pytest.mark.parametrize("resource", [{"catalog": {"name": "messenger"}}, {"user": {"user": "x"}}, None])
def test_what_has_no_column_or_table_is_refused(path: str, resource: Any) -> None:
    action = {"operation": "GetColumnMask"} | ({"resource": resource} if resource is not None else {})
    assert post(path, action).status_code == 400
    assert post("columnMask", {"operation": "GetColumnMask", "resource": table()}).status_code == 400
