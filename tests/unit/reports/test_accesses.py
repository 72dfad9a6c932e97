from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import pytest

from gateway.audit.record import Entry
from gateway.audit.verify import iter_entries
from gateway.audit.writer import MIN_SEGMENT_BYTES, RecordWriter
from gateway.errors import Reason
from gateway.model import Door, Durability
from gateway.reports.accesses import AccessReport, Filter, count_accesses
from tests.unit.reports.entries import PHONE, completion, decision, event, refusal, repeat

DAY1, DAY2, DAY3 = date(2021, 3, 17), date(2021, 3, 18), date(2021, 3, 19)
NOON1, NOON2, NOON3 = "2021-03-17T12:00:00", "2021-03-18T12:00:00", "2021-03-19T12:00:00"


def count(entries: Iterable[Mapping], **wanted) -> AccessReport:
    return count_accesses(iter(entries), Filter(**wanted))


def numbers(report: AccessReport) -> list[tuple[int, int, int, int]]:
    return [(one.decisions, one.executions, one.rows, one.people) for one in report.accesses]


def one_prepared_statement(runs: int) -> list[Entry]:
    """Decided once, executed ``runs`` times, three rows each time."""
    entries = [decision("d-0", NOON1), completion("d-0", 3, NOON1)]
    for run in range(1, runs):
        entries += [repeat(f"d-{run}", "d-0", NOON1), completion(f"d-{run}", 3, NOON1)]
    return entries


def test_every_execution_counts_not_every_decision():
    """The case of 2021: 32 accesses were reported, later 132."""
    report = count(one_prepared_statement(132))
    assert numbers(report) == [(1, 132, 396, 1)]
    assert (report.stray_executions, report.stray_rows) == (0, 0)


def test_the_same_from_a_record_on_disk(tmp_path: Path):
    writer = RecordWriter.open(tmp_path, segment_bytes=MIN_SEGMENT_BYTES, writer="gateway")
    for entry in one_prepared_statement(40):
        assert writer.append(entry, Durability.WRITTEN, lambda error: None)
    writer.close()
    assert len(list(tmp_path.glob("*.jsonl"))) > 1
    assert numbers(count_accesses(iter_entries(tmp_path), Filter())) == [(1, 40, 120, 1)]


def test_a_repeat_counts_on_its_own_day_with_its_decision_of_another():
    entries = [
        decision("d-0", NOON1),
        completion("d-0", 3, NOON1),
        repeat("d-1", "d-0", NOON2),
        completion("d-1", 5, NOON3),  # ran past midnight: the rows are those of the execution
        repeat("d-2", "d-0", NOON3),
        completion("d-2", 7, NOON3),
    ]
    assert numbers(count(entries, since=DAY2, until=DAY2)) == [(0, 1, 5, 1)]
    assert numbers(count(entries, since=DAY2)) == [(0, 2, 12, 1)]
    assert numbers(count(entries, until=DAY1)) == [(1, 1, 3, 1)]
    assert numbers(count(entries)) == [(1, 3, 15, 1)]


def test_days_are_utc_and_the_last_one_is_counted_to_its_end():
    entries = [decision(f"d-{n}", moment) for n, moment in enumerate(("2021-03-18T00:00:00", "2021-03-18T23:59:59"))]
    assert numbers(count(entries, since=DAY2, until=DAY2)) == [(2, 2, 0, 1)]
    assert numbers(count(entries, until=DAY1)) == numbers(count(entries, since=DAY3)) == []


def test_groups_are_origin_employer_data_types_and_effect():
    entries = [
        decision("a", NOON1, who="li"),
        decision("b", NOON2, who="wu"),
        decision("c", NOON2, who="wu", at="JP"),
        decision("d", NOON2, who="zhao", entity="dalian", allowed=False),
        decision("e", NOON2, who="wu", types=("user.name", PHONE)),
    ]
    report = count(entries)
    assert [(one.key.origin, one.key.entity, one.key.data_types, one.key.effect) for one in report.accesses] == [
        (("CN",), "dalian", (PHONE,), "deny"),
        (("CN",), "line-cn", (PHONE,), "allow"),
        (("CN",), "line-cn", (PHONE, "user.name"), "allow"),
        (("CN", "JP"), "line-cn", (PHONE,), "allow"),
    ]
    assert numbers(report) == [(1, 1, 0, 1), (2, 2, 0, 2), (1, 1, 0, 1), (1, 1, 0, 1)]
    shared = report.accesses[1]
    assert (shared.first_us, shared.last_us) == (1_615_982_400_000_000, 1_616_068_800_000_000)
    assert (report.decisions, report.executions, report.people) == (5, 5, 3)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"country": "CN"}, "ab"),
        ({"country": "JP"}, "bcd"),
        ({"country": "unknown"}, "d"),
        ({"entity": "line-jp"}, "cd"),
        ({"person": "https://id.example#wu"}, "b"),
        ({"person": "wu"}, "b"),
        ({"person": "Wu"}, "b"),
        ({"data_type": "user.contact"}, "abd"),
        ({"data_type": "user.cont"}, ""),
        ({"data_type": "unlabelled"}, "c"),
        ({"effect": "deny"}, "a"),
        ({"country": "CN", "effect": "allow"}, "b"),
    ],
)
def test_filters(wanted: dict, ids: str):
    entries = [
        decision("a", NOON1, allowed=False),
        decision("b", NOON1, who="wu", at="JP"),
        decision("c", NOON1, who="ito", entity="line-jp", law="JP", at="JP", types=(), unlabelled=("public.x",)),
        decision("d", NOON1, who="ito", entity="line-jp", law="JP", at=None),
    ]
    entries += [completion(id_, 10 ** "abcd".index(id_), NOON1) for id_ in "abcd"]
    report = count(entries, **wanted)
    assert report.rows == sum(10 ** "abcd".index(id_) for id_ in ids)
    assert report.executions == len(ids)
    assert report.stray_rows == 0


def test_people_without_a_column_and_no_people_are_not_the_same():
    report = count([decision("a", NOON1, types=()), decision("b", NOON1, types=(), about_people=False)])
    assert [one.key.about_people for one in report.accesses] == [False, True]


def test_repeats_at_a_door_that_sees_no_rows():
    entries = [decision("a", NOON1, session="http", door=Door.HTTP), repeat("b", "a", NOON1, "http")]
    assert numbers(count(entries)) == [(1, 2, 0, 1)]


def test_what_names_no_decision_of_these_entries_is_told():
    entries = [
        repeat("b", "a", NOON1),
        completion("c", 4, NOON1),
        decision("d", NOON1),
        event("session_close", NOON1),
        repeat("e", "d", NOON2),
        {"kind": "unreadable_line", "segment": "x", "line": 3},
    ]
    report = count(entries)
    assert (report.stray_executions, report.stray_rows, report.unreadable) == (2, 4, 1)
    assert count(entries, since=DAY2).stray_executions == 1


def test_a_restart_ends_every_session():
    entries = [
        decision("a", NOON1, session="http", door=Door.HTTP),
        event("gateway_start", NOON2, None),
        repeat("b", "a", NOON2, "http"),
    ]
    assert count(entries).stray_executions == 1


def test_sessions_do_not_share_ids():
    entries = [decision("a", NOON1), decision("a", NOON1, session="s-2", entity="dalian"), completion("a", 2, NOON1)]
    assert [(one.key.entity, one.rows) for one in count(entries).accesses] == [("dalian", 0), ("line-cn", 2)]


def test_refusals_are_counted_by_reason_where_the_filter_can_tell():
    entries = [
        refusal(Reason.ENGINE_UNAVAILABLE, NOON1),
        refusal(Reason.ENGINE_UNAVAILABLE, NOON2, who="wu"),
        refusal(Reason.SERVER_COMPLAINT, NOON2),
    ]
    assert count(entries).refusals == {"engine_unavailable": 2, "server_complaint": 1}
    assert count(entries, since=DAY2, person="wu", effect="deny").refusals == {"engine_unavailable": 1}
    assert count(entries, effect="allow").refusals == count(entries, country="CN").refusals == {}


def test_who_reads_the_record_reads_no_data_about_users():
    reading = {**decision("d-0", NOON1), "action": "audit.read"}
    refused = {**refusal("d-1", NOON1, Reason.POLICY_STALE), "action": "audit.read"}
    report = count([reading, refused])
    assert (numbers(report), report.refusals) == ([], {})


def test_a_damaged_entry_is_unknown_and_never_harmless():
    report = count([{"kind": "decision", "effect": 7, "origin": "CN", "at_us": "x", "data": [], "employer": None}])
    (found,) = report.accesses
    assert (found.key.origin, found.key.entity, found.key.effect) == (("unknown",), "unknown", "unknown")
    assert found.key.about_people
    assert (found.first_us, found.executions) == (None, 1)
    assert count([{"kind": "decision"}], since=DAY1).accesses == ()


@pytest.mark.parametrize("rows", [None, True, -3, "4"])
def test_odd_row_counts_add_nothing(rows: object):
    entry = json.loads(json.dumps(completion("a", 1, NOON1))) | {"rows": rows}
    assert count([decision("a", NOON1), entry]).rows == 0
