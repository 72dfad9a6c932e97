"""OTLP logs, posted to a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.follow import Line
from gateway.audit.record import repeat_entry
from gateway.config_sinks import OtlpSink
from gateway.links.sinks.otlp import OtlpLogs, log_record
from gateway.links.sinks.sink import SinkError, exact, readable
from gateway.sink_metrics import Trouble
from tests.receivers import GOOD, Receiver, partly, receiving
from tests.unit.audit.test_record import AT_US
from tests.unit.links.sinks.lines import lines


def logs(receiver: Receiver) -> OtlpLogs:
    return OtlpLogs(OtlpSink(url=receiver.url("/v1/logs")), "tokyo", 5)


def attributes(record: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in record["attributes"]}


def test_every_entry_is_a_log_record_with_the_line_as_its_body() -> None:
    with receiving() as receiver:
        receiver.answers = [GOOD, (200, {}, b"{}"), (200, {}, b'{"partialSuccess":{"errorMessage":"all well"}}')]
        sink = logs(receiver)
        for part in (lines()[:3], lines()[3:5], lines()[5:]):
            sink.send(part)
        sink.close()
        records = receiver.log_records()
        resource = json.loads(receiver.posts[0][1])["resourceLogs"][0]["resource"]
    assert receiver.posts[0][0]["path"] == "/v1/logs"
    assert attributes(resource)["service.instance.id"] == "tokyo"
    assert [record["body"]["stringValue"] for record in records] == [exact(line, readable(line)) for line in lines()]
    assert [int(attributes(record)["sekisho.seq"]) for record in records] == list(range(len(lines())))
    decision = records[3]
    assert decision["timeUnixNano"] == str(AT_US * 1000)
    assert (decision["severityNumber"], decision["eventName"]) == (13, "sekisho.decision")
    told = attributes(decision)
    assert told["sekisho.data_types"] == {"values": [{"stringValue": "user.contact.phone_number"}]}
    assert told["sekisho.cross_border"] is True
    assert told["user.id"] == "https://id.example#li"


def test_what_was_taken_in_part_must_not_be_sent_again() -> None:
    with receiving() as receiver:
        receiver.answers = [partly(2, "too old"), (200, {}, b"<html>")]
        sink = logs(receiver)
        with pytest.raises(SinkError) as part:
            sink.send(lines())
        assert part.value.trouble is Trouble.PARTLY_REFUSED
        assert part.value.detail == f"2 of {len(lines())} refused: too old"
        with pytest.raises(SinkError) as strange:  # nobody knows what it took
            sink.send(lines())
        assert strange.value.trouble is Trouble.REFUSED
        sink.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_be_tried_again_later(status: int) -> None:
    with receiving() as receiver:
        receiver.answers = [(status, {"Retry-After": "3"}, b"")]
        sink = logs(receiver)
        with pytest.raises(SinkError) as later:
            sink.send(lines())
        assert later.value.after == 3
        sink.close()


def test_numbers_are_text() -> None:
    record = log_record(lines()[3])
    seq = next(one for one in record["attributes"] if one["key"] == "sekisho.seq")
    assert seq["value"] == {"intValue": "3"}


@pytest.mark.parametrize(("trace", "told"), [("4b" * 16, "4b" * 16), ("4b", None), (7, None), (None, None)])
def test_an_entry_of_a_trace_is_a_log_of_it(trace: Any, told: str | None) -> None:
    entry = repeat_entry("d2", of="d1", at_ns=1, session="s1")
    if trace is not None:
        entry["trace_id"] = trace
    raw, digest = link(canonical(entry), 0, GENESIS)
    assert log_record(Line("gateway", 0, digest, raw)).get("traceId") == told
