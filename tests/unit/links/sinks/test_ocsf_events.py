"""Every kind of entry as the OCSF event it is, against what the published schema asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.audit.follow import Line
from gateway.links.sinks.ocsf_events import ocsf_event
from gateway.links.sinks.sink import exact, readable
from tests.unit.audit.test_record import AT_US
from tests.unit.links.sinks import ocsf_facts as facts
from tests.unit.links.sinks.lines import lines


def objects(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and name != "unmapped":
            yield name, inner
            yield from objects(inner)


@pytest.mark.parametrize("line", lines(), ids=lambda line: f"{line.seq}")
def test_what_the_schema_asks_for(line: Line) -> None:
    event = ocsf_event(line, "tokyo", "0.1")
    uid = event["class_uid"]
    assert facts.REQUIRED[uid] <= event.keys()
    assert not facts.ONE_OF[uid] or facts.ONE_OF[uid] & event.keys()
    assert event["category_uid"] == facts.CATEGORY[uid]
    assert facts.ACTIVITIES[uid][event["activity_id"]] == event["activity_name"]
    assert event["type_uid"] == uid * 100 + event["activity_id"]
    assert facts.SEVERITIES[event["severity_id"]] == event["severity"]
    assert facts.STATUS[event["status_id"]] == event["status"]
    assert event["metadata"]["version"] == "1.2.0"
    assert event["raw_data"] == exact(line, readable(line))
    for name, found in objects(event):
        required, one_of = facts.OBJECTS.get(name, (set(), set()))
        assert required <= found.keys(), name
        assert not one_of or one_of & found.keys(), name
    if "action_id" in event:
        assert event["metadata"]["profiles"] == ["security_control"]
        assert facts.ACTIONS[event["action_id"]] == event["action"]
        assert facts.DISPOSITIONS[event["disposition_id"]] == event["disposition"]


def test_classes() -> None:
    found = [ocsf_event(line, "tokyo", "0.1") for line in lines()]
    assert [(event["class_uid"], event["activity_id"], event["status_id"]) for event in found] == [
        (0, 99, 1),  # the head of a segment
        (6002, 3, 1),  # the gateway began
        (3002, 1, 1),  # a login
        (6005, 4, 2),  # a denial
        (6005, 0, 1),  # a further execution
        (6005, 0, 1),  # it ended well
        (6005, 0, 2),  # it was cancelled
        (6005, 0, 2),  # a refusal
        (3002, 1, 2),  # a login that failed
        (3002, 2, 1),  # a session ended
        (0, 99, 1),  # somebody was blocked
        (0, 99, 1),  # no entry at all
    ]


def test_a_decision() -> None:
    event = ocsf_event(lines()[3], "tokyo", "0.1")
    assert event["time"] == AT_US // 1000
    assert event["actor"]["user"]["org"] == {"uid": "line-cn", "name": "Shanghai"}
    assert event["src_endpoint"] == {"svc_name": "postgres", "location": {"country": "JP"}}
    assert event["database"]["name"] == "messenger"
    assert event["table"] == {"name": "public.users"}
    assert event["query_info"]["query_string"].startswith("SELECT phone")
    assert event["policy"]["version"] == "rev"
    assert (event["action"], event["disposition"]) == ("Denied", "Blocked")
    assert event["unmapped"]["cross_border"] is True
    assert event["metadata"]["correlation_uid"] == "d1"


def test_what_happens_twice_has_one_uid() -> None:
    uids = [ocsf_event(line, "tokyo", "0.1")["metadata"]["uid"] for line in (*lines(), *lines())]
    assert len(set(uids)) == len(lines())
