"""Which accesses, counted by what: of records as the gateway writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.model import Door
from gateway.reports.query.questions import DIMENSIONS, Accesses
from tests.unit.reports.entries import PHONE, completion, decision, event, refusal, repeat
from tests.unit.reports.query.records import Open, count, listed, write

NOON1, NOON2, NOON3 = "2021-03-17T12:00:00", "2021-03-18T12:00:00", "2021-03-19T12:00:00"
DAY2, DAY3 = datetime.fromisoformat("2021-03-18"), datetime.fromisoformat("2021-03-19")


def test_every_execution_counts_not_every_decision(tmp_path: Path) -> None:
    """The case of 2021: 32 accesses were reported, later 132."""
    entries = [decision("d-0", NOON1), completion("d-0", 3, NOON1)]
    for run in range(1, 132):
        entries += [repeat(f"d-{run}", "d-0", NOON1), completion(f"d-{run}", 3, NOON1)]
    found = count(write(tmp_path, entries, segment_bytes=4096))
    assert len(list(tmp_path.glob("*.jsonl"))) > 5, "completions lie in other segments than their executions"
    assert [found.column(name) for name in ("decisions", "executions", "rows", "people")] == [[1], [132], [396], [1]]
    assert found.notes == ()


def test_repeat_counts_on_its_own_day_with_its_decision_of_another(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            decision("d-0", NOON1),
            completion("d-0", 3, NOON1),
            repeat("d-1", "d-0", NOON2),
            completion("d-1", 5, NOON3),  # ran past midnight: the rows are those of the execution
            repeat("d-2", "d-0", NOON3),
            completion("d-2", 7, NOON3),
        ],
    )
    cases: list[tuple[dict[str, Any], tuple[int, ...]]] = [
        ({"since": DAY2, "until": DAY3}, (0, 1, 5)),
        ({"since": DAY2}, (0, 2, 12)),
        ({"until": DAY2}, (1, 1, 3)),
        ({}, (1, 3, 15)),
    ]
    for wanted, expected in cases:
        found = count(tmp_path, by=(), **wanted)
        assert tuple(map(found.sum, ("decisions", "executions", "rows"))) == expected
    assert count(tmp_path, by=("day",)).rows == [
        ("2021-03-17", 1, 1, 3, 1, datetime.fromisoformat(NOON1), datetime.fromisoformat(NOON1)),
        ("2021-03-18", 0, 1, 5, 1, datetime.fromisoformat(NOON2), datetime.fromisoformat(NOON2)),
        ("2021-03-19", 0, 1, 7, 1, datetime.fromisoformat(NOON3), datetime.fromisoformat(NOON3)),
    ]


def test_groups_are_origin_employer_data_types_and_effect(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            decision("a", NOON1, who="li"),
            decision("b", NOON2, who="wu"),
            decision("c", NOON2, who="wu", at="JP"),
            decision("d", NOON2, who="zhao", entity="dalian", allowed=False),
            decision("e", NOON2, who="wu", types=("user.name", PHONE)),
        ],
    )
    found = count(tmp_path)
    assert {row[:4]: row[4:8] for row in found.rows} == {
        ("CN", "dalian", PHONE, "deny"): (1, 1, 0, 1),
        ("CN", "line-cn", PHONE, "allow"): (2, 2, 0, 2),
        ("CN", "line-cn", f"{PHONE}, user.name", "allow"): (1, 1, 0, 1),
        ("CN, JP", "line-cn", PHONE, "allow"): (1, 1, 0, 1),
    }
    assert found.rows[0][-2:] == (datetime.fromisoformat(NOON1), datetime.fromisoformat(NOON2))
    assert [found.sum(name) for name in ("decisions", "executions", "people")] == [5, 5, 3]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    entries = [
        decision("a", NOON1, allowed=False),
        decision("b", NOON1, who="wu", at="JP"),
        decision("c", NOON1, who="ito", entity="line-jp", law="JP", at="JP", types=(), unlabelled=("public.x",)),
        decision("d", NOON1, who="ito", entity="line-jp", law="JP", at=None),
    ]
    entries += [completion(id_, 10 ** "abcd".index(id_), NOON1) for id_ in "abcd"]
    found = Open(write(tmp_path_factory.mktemp("four"), entries))
    yield found
    found.close()


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"country": "CN"}, "ab"),
        ({"country": "JP"}, "bcd"),
        ({"country": "unknown"}, "d"),
        ({"location": "JP"}, "bc"),
        ({"location": "unknown"}, "d"),
        ({"entity": "line-jp"}, "cd"),
        ({"principal": "https://id.example#wu"}, "b"),
        ({"principal": "wu"}, "b"),
        ({"principal": "Wu"}, "b"),
        ({"data_type": "user.contact"}, "abd"),
        ({"data_type": "user.cont"}, ""),
        ({"data_type": "unlabelled"}, "c"),
        ({"subject_country": "JP"}, "abcd"),
        ({"subject_country": "KR"}, ""),
        ({"effect": "deny"}, "a"),
        ({"reason": "policy_denied"}, "a"),
        ({"country": "CN", "effect": "allow"}, "b"),
        ({"door": "postgres", "datasource": "messenger"}, "abcd"),
        ({"door": "grpc"}, ""),
        ({"decision": "c"}, "c"),
        ({"relation": "users"}, ""),
        ({"rule": "jp-appi-28"}, ""),
        ({"purpose": "audit"}, ""),
    ],
)
def test_filters(four: Open, wanted: dict[str, Any], ids: str) -> None:
    (sums,) = four.count(by=(), **wanted)
    assert sums[1:3] == (len(ids), sum(10 ** "abcd".index(id_) for id_ in ids))
    assert sorted(row[-1] for row in four.listed(**wanted)) == sorted(ids)


def test_what_is_asked_is_no_sql(four: Open) -> None:
    for text in ("x' OR true --", "'; DROP VIEW accesses; --"):
        assert four.count(principal=text, entity=text, country=text, by=())[0][1] == 0


@pytest.mark.parametrize("by", DIMENSIONS)
def test_everything_can_be_counted_by(four: Open, by: str) -> None:
    *groups, sums = four.count(by=(by,))
    assert sum(row[2] for row in groups) == sums[2] == 4


def test_group_that_is_called_like_a_column_says_what_the_group_is(four: Open) -> None:
    assert sorted(row[0] for row in four.count(by=("location",))[:-1]) == ["CN", "JP", "unknown"]
    assert {row[0] for row in four.count(by=("chain",))[:-1]} == {"line-cn", "line-jp"}
    assert {row[:2] for row in four.count(by=("entity", "effect"))[:-1]} == {
        ("line-cn", "allow"),
        ("line-cn", "deny"),
        ("line-jp", "allow"),
    }


def test_people_without_a_column_and_no_people_are_not_the_same(tmp_path: Path) -> None:
    write(tmp_path, [decision("a", NOON1, types=()), decision("b", NOON1, types=(), about_people=False)])
    assert sorted(count(tmp_path).column("data-type")) == ["about nobody", "people, no type"]


def test_repeats_at_a_door_that_sees_no_rows(tmp_path: Path) -> None:
    write(tmp_path, [decision("a", NOON1, session="http", door=Door.HTTP), repeat("b", "a", NOON1, "http")])
    assert count(tmp_path).rows[0][4:8] == (1, 2, 0, 1)


def test_what_names_no_decision_of_these_entries_is_told(tmp_path: Path) -> None:
    write(tmp_path, [repeat("b", "a", NOON1), completion("b", 4, NOON1), decision("d", NOON1)])
    found = count(tmp_path)
    assert found.sum("executions") == 1
    assert found.notes == ("1 executions (4 rows) are of decisions that are not in these entries",)


def test_refusals_count_where_they_can_be_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            refusal(Reason.ENGINE_UNAVAILABLE, NOON1),
            refusal(Reason.ENGINE_UNAVAILABLE, NOON2, who="wu"),
            refusal(Reason.SERVER_COMPLAINT, NOON3),
        ],
    )
    found = count(tmp_path, by=("reason", "country"))
    assert [row[:4] for row in found.rows] == [("engine_unavailable", None, 0, 2), ("server_complaint", None, 0, 1)]
    assert count(tmp_path, since=DAY2, principal="wu", effect="deny").sum("executions") == 1
    narrowed: list[dict[str, Any]] = [{"effect": "allow"}, {"country": "CN"}, {"entity": "line-cn"}]
    for wanted in narrowed:
        assert count(tmp_path, **wanted).sum("executions") == 0
        assert listed(tmp_path, **wanted).rows == []
    assert len(listed(tmp_path).rows) == 3


def test_who_reads_the_record_reads_no_data_about_users(tmp_path: Path) -> None:
    reading = {**decision("d-0", NOON1), "action": "audit.read"}
    refused = {**refusal(Reason.POLICY_STALE, NOON1), "action": "audit.read"}
    write(tmp_path, [reading, refused, event("session_open", NOON1)])
    assert count(tmp_path).sum("executions") == 0


def test_question_in_words() -> None:
    assert Accesses(country="CN", subject_country="JP").told() == "country CN, subject country JP"
