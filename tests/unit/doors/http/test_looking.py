"""/v1/decisions: who may look is decided first, pages follow each other, and nothing beyond what was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from gateway.audit.follow import Position
from gateway.audit.writer import RecordWriter
from gateway.doors.http.app import create_app
from gateway.doors.http.looking import MOST, read_cursor, read_page, write_cursor
from gateway.doors.http.room import Behind
from gateway.errors import Reason, SekishoError
from gateway.inquiry import Looking
from gateway.model import Durability
from tests.unit.doors.test_requests import ScriptedDesk

AT = 1_800_000_000


def entry(number: int, **changes: Any) -> dict[str, Any]:
    """The n-th decision, a second after the one before."""
    entity = "line-yahoo" if number % 2 else "shanghai"
    return {
        "kind": "decision",
        "at_us": (AT + number) * 1_000_000,
        "decision_id": f"d-{number}",
        "effect": "deny" if number % 3 == 0 else "allow",
        "origin": ["CN", "JP"] if number % 2 == 0 else ["JP"],
        "principal": {"id": f"https://id.example#{number % 5}"},
        "employer": {"entity": entity},
        "findings": [{"rule": "jp-appi-28", "mode": "enforce"}] if number % 3 == 0 else [],
        **changes,
    }


@pytest.fixture
def record(tmp_path: Path) -> Path:
    writer = RecordWriter.open(tmp_path / "record", segment_bytes=4096, writer="gateway")
    for number in range(60):
        writer.append(entry(number), Durability.WRITTEN, lambda error: None)
        writer.append({"kind": "repeat", "of": "d-1", "at_us": AT}, Durability.WRITTEN, lambda error: None)
    writer.close()
    return tmp_path / "record"


def get(record: Path | None, desk: ScriptedDesk | None = None, token: str = "good", **asked: Any) -> TestResponse:
    client = create_app(desk or ScriptedDesk(), behind=Behind(record=record)).test_client()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return client.get("/v1/decisions", query_string=asked, headers=headers)


def ids(reply: TestResponse) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [one["decision_id"] for one in reply.get_json()["decisions"]]


def test_pages_follow_each_other_to_the_end_and_on(record: Path) -> None:
    seen: list[str] = []
    asked: Mapping[str, Any] = {}
    for _ in range(20):
        reply = get(record, entity="line-yahoo", limit=7, **asked)
        seen += ids(reply)
        asked = {"cursor": reply.get_json()["next"]}
        if not reply.get_json()["more"]:
            break
    assert seen == [f"d-{number}" for number in range(60) if number % 2]
    writer = RecordWriter.open(record, segment_bytes=4096, writer="gateway")
    writer.append(entry(61), Durability.SYNCED, lambda error: None)
    writer.close()
    assert ids(get(record, entity="line-yahoo", **asked)) == ["d-61"]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"since": AT + 50}, lambda n: n >= 50),
        ({"until": AT + 5}, lambda n: n < 5),
        ({"since": "2027-01-15T08:00:10Z", "until": "2027-01-15T09:00:12+01:00"}, lambda n: 10 <= n < 12),
        ({"rule": "jp-appi-28"}, lambda n: n % 3 == 0),
        ({"effect": "allow"}, lambda n: n % 3),
        ({"principal": "https://id.example#1"}, lambda n: n % 5 == 1),
        ({"country": "CN"}, lambda n: False),
        ({"decision_id": "d-7"}, lambda n: n == 7),
    ],
)
def test_filters_narrow_what_may_be_seen(record: Path, asked: dict[str, Any], wanted: Any) -> None:
    found = ids(get(record, entity="line-yahoo", limit=1000, **asked))
    assert found == [f"d-{number}" for number in range(60) if number % 2 and wanted(number)]


def test_who_may_not_look_is_shown_nothing_and_told_why(record: Path) -> None:
    desk = ScriptedDesk()
    reply = get(record, desk)
    assert (reply.status_code, reply.get_json()["reason"]) == (403, "policy_denied")
    assert "not yours" in reply.get_json()["detail"]
    assert "d-1" not in reply.text
    asked = desk.inquiries[0]
    assert (asked.reading.what, asked.reading.entity, asked.session) == (Looking.DECISIONS, None, "http")


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"colour": "red"}, '"colour"'),
        ({"limit": 0}, "limit must be 1"),
        ({"limit": MOST + 1}, "limit must be 1"),
        ({"limit": "x"}, "limit must be a whole number"),
        ({"effect": "maybe"}, "effect must be"),
        ({"since": "yesterday"}, "since must be a moment"),
        ({"since": "2026-11-22T09:00:00"}, "since must be a moment"),
        ({"cursor": "x"}, "the cursor is none of ours"),
        ({"entity": ""}, "entity is empty"),
        ({"rule": ["a", "b"]}, "rule is given twice"),
    ],
)
def test_what_does_not_fit_is_refused_before_anybody_is_asked(record: Path, asked: dict[str, Any], named: str) -> None:
    desk = ScriptedDesk()
    reply = get(record, desk, **asked)
    assert (reply.status_code, named in reply.get_json()["detail"]) == (400, True)
    assert ([reason for _, reason, _, _ in desk.refusals], desk.inquiries) == ([Reason.REQUEST_INVALID], [])


def test_who_looks_is_never_nobody(record: Path) -> None:
    assert get(record, token="").get_json()["reason"] == "token_missing"
    assert get(record, token="bad").get_json()["reason"] == "token_expired"


def test_a_record_that_is_gone_is_said() -> None:
    assert get(None, entity="line-yahoo").status_code == 500
    assert get(Path("/nowhere/at/all"), entity="line-yahoo").get_json()["reason"] == "record_unavailable"


positions = st.builds(
    Position, st.integers(-1, 2**40), st.text("0123456789abcdef"), st.integers(-1, 2**30), st.integers(0, 2**40)
)


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True), positions, max_size=3))
def test_a_cursor_comes_back(places: dict[str, Position]) -> None:
    assert read_cursor(write_cursor(places)) == places


@given(st.text(max_size=60) | st.binary().map(lambda data: data.hex()))
def test_what_is_no_cursor_is_refused_and_nothing_else(text: str) -> None:
    refused: list[Reason] = []
    try:
        assert isinstance(read_cursor(text), dict)
    except SekishoError as error:
        refused.append(error.reason)
    assert set(refused) <= {Reason.REQUEST_INVALID}


@pytest.mark.parametrize("writer", ["../../etc", "a/b", "", "x" * 65])
def test_a_cursor_names_writers_and_no_paths(writer: str) -> None:
    with pytest.raises(SekishoError, match="none of ours"):
        read_cursor(write_cursor({writer: Position(1)}))


def test_a_page_is_read_whole() -> None:
    page = read_page({"since": ["5"], "limit": ["7"], "country": ["CN"]})
    assert (page.wanted.reading.since, page.limit, page.wanted.country, page.cursor) == (5, 7, "CN", None)
    assert json.loads(json.dumps(page.limit)) == 7
