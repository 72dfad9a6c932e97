from __future__ import annotations

import json

import pytest

from gateway.links.otlp import attributes, body, partly, resource, scope
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble


def test_values_are_told_as_the_protocols_json_has_them() -> None:
    told = attributes({"a": True, "b": 7, "c": ["x", "y"], "d": None, "e": "text"})
    assert told == [
        {"key": "a", "value": {"boolValue": True}},
        {"key": "b", "value": {"intValue": "7"}},
        {"key": "c", "value": {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": "y"}]}}},
        {"key": "e", "value": {"stringValue": "text"}},
    ]
    assert json.loads(body({"attributes": told})) == {"attributes": told}


def test_who_says_it_is_this_gateway() -> None:
    names = [one["key"] for one in resource("tokyo", {"deployment.environment.name": "test"})["attributes"]]
    assert names == ["service.name", "service.version", "service.instance.id", "deployment.environment.name"]
    assert scope("sekisho.record")["name"] == "sekisho.record"


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (b"", (0, "")),
        (b"{}", (0, "")),
        (b'{"partialSuccess":{}}', (0, "")),
        (b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}', (3, "no")),
    ],
)
def test_an_answer_says_how_many_were_refused(answer: bytes, refused: tuple[int, str]) -> None:
    assert partly(answer, "rejectedSpans") == refused


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"partialSuccess":{"rejectedSpans":"many"}}'])
def test_an_answer_of_somebody_else_is_none(answer: bytes) -> None:
    with pytest.raises(SinkError) as refused:
        partly(answer, "rejectedSpans")
    assert refused.value.trouble is Trouble.REFUSED
