from __future__ import annotations

import json
from datetime import date

from gateway.errors import Reason
from gateway.reports.accesses import Filter, count_accesses
from gateway.reports.accesses_text import accesses_document, accesses_text
from tests.unit.reports.entries import PHONE, completion, decision, refusal, repeat

NOON = "2021-03-17T12:00:00"
LONG = "user.health_and_medical.record.of_a_visit.to_somebody.with_a_very_long_name"
ENTRIES = [
    decision("a", NOON, types=("user.name", PHONE)),
    completion("a", 1200, NOON),
    repeat("b", "a", "2021-03-18T12:00:00"),
    completion("b", 34, "2021-03-18T12:00:00"),
    decision("c", NOON, who="zhao", entity="dalian", allowed=False, at=None, types=(LONG,), unlabelled=("public.x",)),
    decision("d", NOON, who="ito", entity="line-jp", law="JP", at="JP", types=(), about_people=False),
]


def test_a_table_for_a_person():
    assert accesses_text(count_accesses(ENTRIES, Filter(until=date(2021, 3, 31), effect=None))).splitlines() == [
        "Who could read what, from where, under whose law",
        "  from the first entry until 2021-03-31 (days in UTC)",
        "",
        "origin CN; employer line-cn, Shanghai Digital",
        "  data types                    effect  decisions  executions   rows  people  first       last",
        "  user.contact.phone_number,    allow           1           2  1,234       1  2021-03-17  2021-03-18",
        "  user.name",
        "",
        "origin CN, unknown; employer dalian, Dalian Monitoring",
        "  data types                    effect  decisions  executions   rows  people  first       last",
        "  user.health_and_medical.      deny            1           1      0       1  2021-03-17  2021-03-17",
        "    record.of_a_visit.",
        "    to_somebody.",
        "    with_a_very_long_name,",
        "  (columns without a label)",
        "",
        "origin JP; employer line-jp, LINE Corporation",
        "  data types                    effect  decisions  executions   rows  people  first       last",
        "  (nothing about people)        allow           1           1      0       1  2021-03-17  2021-03-17",
        "",
        "  in all                                        3           4  1,234       3",
    ]


def test_nothing_is_wider_than_100_columns():
    assert max(map(len, accesses_text(count_accesses(ENTRIES, Filter())).splitlines())) == 100
    many = [decision("a", NOON), completion("a", 10**12, NOON)]
    assert max(map(len, accesses_text(count_accesses(many, Filter())).splitlines())) <= 100


def test_the_filter_is_said():
    text = accesses_text(count_accesses(ENTRIES, Filter(since=date(2021, 4, 1), country="CN", data_type="user")))
    assert text.splitlines()[1:] == [
        "  since 2021-04-01 to the last (days in UTC); only country CN, data type user",
        "",
        "No access in these entries.",
    ]


def test_what_is_in_no_row_is_said():
    odd = [
        refusal(Reason.TWIN_UNAVAILABLE, NOON),
        repeat("z", "y", NOON),
        completion("z", 5, NOON),
        {"kind": "unreadable_line"},
    ]
    assert accesses_text(count_accesses(odd, Filter())).splitlines()[-3:] == [
        "Refused before a rule was asked, so in no row above: twin_unavailable 1.",
        "NOT COUNTED ABOVE: 1 executions and 5 rows of decisions that are not in these entries.",
        "NOT COUNTED ABOVE: 1 lines that are no entry; see `sekisho audit verify`.",
    ]


def test_what_lies_in_a_record_cannot_move_the_cursor():
    entry = decision("a", NOON, types=("user\x1b[2J.name",))
    entry["employer"] = {"known": True, "entity": "e\r", "name": "n\u202e"}
    text = accesses_text(count_accesses([entry], Filter()))
    assert all(line.isprintable() for line in text.splitlines())


def test_the_document_is_json_with_every_number():
    document = accesses_document(count_accesses(ENTRIES, Filter(since=date(2021, 3, 1), country="CN", effect="allow")))
    assert json.loads(json.dumps(document)) == {
        "filter": {
            "since": "2021-03-01",
            "until": None,
            "country": "CN",
            "entity": None,
            "person": None,
            "data_type": None,
            "effect": "allow",
        },
        "accesses": [
            {
                "origin": ["CN"],
                "entity": "line-cn",
                "entity_name": "Shanghai Digital",
                "data_types": [PHONE, "user.name"],
                "about_people": True,
                "unlabelled": False,
                "effect": "allow",
                "decisions": 1,
                "executions": 2,
                "rows": 1234,
                "people": 1,
                "first": "2021-03-17T12:00:00Z",
                "last": "2021-03-18T12:00:00Z",
            }
        ],
        "totals": {"decisions": 1, "executions": 2, "rows": 1234, "people": 1},
        "refusals": {},
        "stray_executions": 0,
        "stray_rows": 0,
        "unreadable_lines": 0,
    }
