"""OPA's decision logs, posted to a real server."""

from __future__ import annotations

from gateway.config_sinks import HttpSink
from gateway.links.sinks.opa import DecisionLogs, event
from gateway.links.sinks.sink import readable
from tests.receivers import receiving
from tests.unit.links.sinks.lines import lines

# Of the decision log service API, as OPA documents it.
FIELDS = {"labels", "decision_id", "bundles", "path", "input", "result", "requested_by", "timestamp", "custom"}


def test_every_entry_is_an_event_of_opas() -> None:
    with receiving() as receiver:
        sink = DecisionLogs(HttpSink(url=receiver.url("/logs")), "tokyo", 5)
        sink.send(lines()[:5])
        sink.send(lines()[5:])
        sink.close()
        events = receiver.events()
        headers = receiver.posts[0][0]
    assert (headers["path"], headers["Content-Type"], headers["Content-Encoding"]) == (
        "/logs",
        "application/json",
        "gzip",
    )
    assert [one["custom"]["sekisho"]["seq"] for one in events] == list(range(len(lines())))
    for one in events:
        assert set(one) <= FIELDS
        assert one["labels"]["id"] == "tokyo"
        assert one["timestamp"].endswith("Z")
        assert isinstance(one["decision_id"], str)


def test_a_decision_is_told_by_what_was_asked_and_what_was_answered() -> None:
    told = event(lines()[3], "tokyo", "1")
    assert (told["path"], told["decision_id"]) == ("sekisho/decision", "d1")
    assert told["timestamp"] == "2024-11-21T14:40:00.123456Z"
    assert told["bundles"] == {"sekisho": {"revision": "rev"}}
    assert told["requested_by"] == "https://id.example#li"
    assert told["input"]["principal"]["id"] == "https://id.example#li"
    assert told["input"]["statement"]["text"] == readable(lines()[3])["statement"]["text"]
    assert (told["result"]["effect"], told["result"]["cross_border"]) == ("deny", True)
    assert told["result"]["findings"][0]["citation"] == "APPI Art. 28(1)"


def test_other_entries_have_a_path_of_their_own_and_lose_nothing() -> None:
    opened = event(lines()[2], "tokyo", "1")
    assert (opened["path"], opened["decision_id"], opened["requested_by"]) == (
        "sekisho/record/event",
        "gateway-2",
        "192.0.2.7",
    )
    repeat = event(lines()[4], "tokyo", "1")
    assert (repeat["path"], repeat["decision_id"]) == ("sekisho/record/repeat", "d2")
    for line in lines()[4:7]:
        entry = dict(readable(line))
        for name in ("seq", "prev", "hash"):
            del entry[name]
        assert event(line, "tokyo", "1")["result"] == entry
    assert event(lines()[-1], "tokyo", "1")["path"] == "sekisho/record/unreadable_line"
