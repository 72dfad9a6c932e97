"""Sessions of the postgres door for another door: the same answers, the same record, and nobody else gets in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import HttpListener
from gateway.demo.characters import LI, SATO, Character
from gateway.demo.settings import DATASOURCE, addresses
from gateway.doors.inside import InnerSessions, QueryBounds, Selected, Selecting, StatementFailed, inner_sessions
from gateway.errors import Reason, SekishoError
from gateway.model import Peer
from tests.houses import House

PLACES = addresses(Path(__file__).parents[3] / "gateway" / "demo" / "registry")


def selecting(house: House, who: Character, sql: str, **changes: Any) -> Selecting:
    assert house.application is not None
    asked = Selecting(
        principal=house.application.desk.verify_token(house.token(who)),
        peer=Peer(address=PLACES[who.site], via_edge=True),
        datasource=DATASOURCE,
        sql=sql,
        parameters=(),
        parameter_types=(),
        rows=10,
        size=1 << 20,
        seconds=10.0,
    )
    return replace(asked, **changes)


@pytest.fixture
def sessions(house: House) -> InnerSessions:
    return house.on_loop(lambda: InnerSessions(house.application.postgres, QueryBounds(10, 1 << 20, 10.0)))  # type: ignore[no-any-return, union-attr]


def reason_of(sessions: InnerSessions, asked: Selecting) -> SekishoError:
    with pytest.raises(SekishoError) as caught:
        sessions.select(asked)
    return caught.value


def opened(house: House, before: int) -> list[Mapping[str, Any]]:
    return house.entries()[before:]


def test_a_select_is_a_session_like_any(house: House, sessions: InnerSessions) -> None:
    before = len(house.entries())
    found: Selected = sessions.select(
        selecting(house, SATO, "SELECT id, name FROM users WHERE id <= $1 ORDER BY id", parameters=("2",))
    )
    assert [column.name for column in found.columns] == ["id", "name"]
    assert [row[0] for row in found.rows] == ["1", "2"]
    assert found.limited is False
    entries = opened(house, before)
    (session,) = {entry["session"] for entry in entries if entry["kind"] == "decision"}
    mine = [entry for entry in entries if entry["session"] == session]
    assert [entry.get("event") or entry["kind"] for entry in mine][:3] == ["session_open", "decision", "completion"]
    assert mine[0]["peer"]["address"] == PLACES[SATO.site]
    assert mine[0]["attribution"] == {"application_name": "/v1/query"}
    assert (mine[1]["effect"], mine[2]["rows"]) == ("allow", 2)


def test_no_more_rows_than_asked_for_leave_the_database(house: House, sessions: InnerSessions) -> None:
    before = len(house.entries())
    found = sessions.select(selecting(house, SATO, "SELECT id FROM users", rows=3))
    assert (len(found.rows), found.limited) == (3, True)
    told = [entry["rows"] for entry in opened(house, before) if entry["kind"] == "completion"]
    assert told == [3]


def test_a_denial_has_the_words_and_the_reason_of_the_postgres_door(house: House, sessions: InnerSessions) -> None:
    error = reason_of(sessions, selecting(house, LI, "SELECT name FROM users"))
    assert isinstance(error, StatementFailed)
    assert error.reason is Reason.POLICY_DENIED
    assert (error.fields["C"], "jp-appi-28" in error.fields["D"]) == ("42501", True)
    error = reason_of(sessions, selecting(house, SATO, "SELECT pg_read_file('x')"))
    assert error.reason is Reason.STATEMENT_INCOMPLETE
    error = reason_of(sessions, selecting(house, SATO, "SELECT nmae FROM users"))
    assert isinstance(error, StatementFailed)
    assert (error.reason, error.fields["C"], error.fields["P"]) == (Reason.SERVER_COMPLAINT, "42703", "8")


def test_who_may_not_log_in_is_told_why(house: House, sessions: InnerSessions) -> None:
    assert (
        reason_of(sessions, selecting(house, SATO, "SELECT 1", datasource="nowhere")).reason
        is Reason.DATASOURCE_UNKNOWN
    )


def test_an_answer_that_is_too_large_or_too_late_is_none(house: House, sessions: InnerSessions) -> None:
    error = reason_of(sessions, selecting(house, SATO, "SELECT repeat('x', 100000)", size=50_000))
    assert error.reason is Reason.MESSAGE_TOO_LARGE
    late = selecting(house, SATO, "SELECT count(*) FROM generate_series(1, 100000000)", seconds=0.3)
    assert reason_of(sessions, late).reason is Reason.STATEMENT_TIMEOUT


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM users",
        "SELECT 1; SELECT 2",
        "EXPLAIN SELECT 1",
        "WITH gone AS (DELETE FROM users RETURNING id) SELECT * FROM gone",
        "SELECT 1 INTO t",
        "",
    ],
)
def test_nothing_but_one_select_is_run(sessions: InnerSessions, sql: str) -> None:
    with pytest.raises(SekishoError, match="one SELECT"):
        sessions.check(sql)


@pytest.mark.parametrize("sql", ["SELECT 1", "TABLE users", "WITH a AS (SELECT 1) SELECT * FROM a", "SELEC"])
def test_every_form_of_it_is_and_what_nobody_can_parse_is_for_the_server_to_say(
    sessions: InnerSessions, sql: str
) -> None:
    sessions.check(sql)


def test_nobody_may_where_it_is_switched_off() -> None:
    async def call() -> None:
        nobody: Any = None
        assert inner_sessions(nobody, HttpListener(address="x", query_rows=0)) is None
        made = inner_sessions(nobody, HttpListener(address="x"))
        assert made is not None
        assert made.bounds == QueryBounds(10_000, 16 * 1024 * 1024, 30.0)

    asyncio.run(call())
