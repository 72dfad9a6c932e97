"""Entries as lines: who, from where, what, what they were answered, how many rows."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import Reason
from gateway.inquiry import Looking, Reading
from gateway.reports.live import Live
from gateway.reports.query.questions import Accesses
from tests.unit.reports.entries import PHONE, completion, decision, event, refusal, repeat

NOON, ONE = "2021-03-17T12:00:00", "2021-03-17T13:00:00"
ALL = Reading(what=Looking.DECISIONS)


def lines(*batches: list[Any], reading: Reading = ALL, **wanted: Any) -> list[str]:
    live = Live(Accesses(**wanted), reading)
    return [line for batch in batches for _, line in live.shown(batch)]


def test_access_with_its_rows() -> None:
    assert lines(
        [decision("a", NOON), completion("a", 1, NOON), repeat("b", "a", ONE), completion("b", 1200, ONE)]
    ) == [
        f"2021-03-17 12:00:00.000Z  allow       Li (line-cn) in CN  messenger: {PHONE}  1 row",
        f"2021-03-17 13:00:00.000Z  allow       Li (line-cn) in CN  messenger: {PHONE}  1,200 rows",
    ]


def test_rows_that_come_later_have_a_line_of_their_own() -> None:
    found = lines([decision("a", NOON)], [completion("a", 7, ONE)], [repeat("b", "a", ONE)], [completion("b", 8, ONE)])
    assert [line.rpartition("  ")[2] for line in found] == [
        f"messenger: {PHONE}",
        "7 rows",
        f"messenger: {PHONE}",
        "8 rows",
    ]


def test_denial_names_its_rules() -> None:
    denied = decision("a", NOON, at=None, allowed=False, types=("a", "b", "c", "d", "e"))
    denied["findings"] = [{"rule": "jp-appi-28"}, {"rule": "house-location-known"}, {"rule": "jp-appi-28"}]
    (line,) = lines([denied])
    assert line == (
        "2021-03-17 12:00:00.000Z  DENY        Li (line-cn) in unknown  messenger: a, b, c, d and 1 more"
        "  jp-appi-28, house-location-known"
    )
    failed = {**completion("x", None, NOON), "sqlstate": "57014"}
    assert lines([decision("x", NOON), failed])[0].endswith("  error 57014")
    (refused,) = lines([refusal(Reason.ENGINE_TIMEOUT, NOON)])
    assert refused.endswith("DENY        https://id.example#li  messenger  engine_timeout")
    (misspelt,) = lines([refusal(Reason.SERVER_COMPLAINT, NOON)])
    assert misspelt.endswith("error       https://id.example#li  messenger  server_complaint")


def test_execution_of_a_decision_long_ago_is_shown_all_the_same() -> None:
    assert lines([repeat("b", "a", NOON), completion("b", 3, NOON)]) == [
        "2021-03-17 12:00:00.000Z  3 rows      under a"
    ]


def test_other_entries_are_shown_where_nothing_is_narrowed() -> None:
    entries = [event("session_open", NOON), {"kind": "segment_head"}, {**decision("r", NOON), "action": "audit.read"}]
    assert len(lines(entries)) == 2
    assert lines(entries, country="CN") == []
    assert lines(entries, reading=Reading(what=Looking.DECISIONS, entity="line-cn")) == []


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"country": "CN"}, "ab"),
        ({"country": "unknown"}, "d"),
        ({"location": "JP"}, "bc"),
        ({"location": "unknown"}, "d"),
        ({"entity": "line-jp"}, "cd"),
        ({"principal": "wu"}, "b"),
        ({"data_type": "user.contact"}, "abd"),
        ({"data_type": "user.cont"}, ""),
        ({"data_type": "unlabelled"}, "c"),
        ({"subject_country": "JP"}, "abcd"),
        ({"effect": "deny"}, "a"),
        ({"decision": "c"}, "c"),
        ({"door": "grpc"}, ""),
        ({"rule": "x"}, ""),
        ({"relation": "users"}, ""),
    ],
)
def test_filters_are_those_of_query(wanted: dict[str, Any], ids: str) -> None:
    entries = [
        decision("a", NOON, allowed=False),
        decision("b", NOON, who="wu", at="JP"),
        decision("c", NOON, who="ito", entity="line-jp", law="JP", at="JP", types=(), unlabelled=("public.x",)),
        decision("d", NOON, who="ito", entity="line-jp", law="JP", at=None),
    ]
    shown = Live(Accesses(**wanted), ALL).shown(entries)
    assert "".join(str(entry["decision_id"]) for entry, _ in shown) == ids


def test_nobody_else_is_shown_than_may_be_read() -> None:
    entries = [decision("a", NOON), decision("b", NOON, who="zhao", entity="dalian"), repeat("c", "b", NOON)]
    of_one = Reading(what=Looking.DECISIONS, entity="dalian")
    assert [line.count("Zhao") for line in lines(entries, reading=of_one)] == [1, 1]
