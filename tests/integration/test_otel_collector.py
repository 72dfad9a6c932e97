"""The record's OTLP sink and a real OpenTelemetry collector: what it takes is what the record says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gateway.config_sinks import OtlpSink
from gateway.links.sinks.otlp import OtlpLogs
from gateway.links.sinks.sink import SinkError, exact, readable
from gateway.sink_metrics import Trouble
from tests.collector import Collector, collector
from tests.unit.links.sinks.lines import lines

pytestmark = [pytest.mark.integration, pytest.mark.needs("otelcol")]


@pytest.fixture(scope="module")
def receiving() -> Iterator[Collector]:
    with collector() as one:
        yield one


def test_it_takes_every_entry_with_its_line_its_moment_and_its_attributes(receiving: Collector) -> None:
    sink = OtlpLogs(OtlpSink(url=f"http://127.0.0.1:{receiving.port}/v1/logs"), "tokyo", 5)
    sent = lines()
    sink.send(sent)
    sink.close()
    text = receiving.said(f"LogRecord #{len(sent) - 1}")
    bodies = re.findall(r"Body: Str\((.*)\)\n", text)
    assert bodies == [exact(line, readable(line)) for line in sent]
    assert re.findall(r"-> sekisho\.seq: Int\((\d+)\)", text) == [str(number) for number in range(len(sent))]
    assert "-> service.instance.id: Str(tokyo)" in text
    assert "-> user.id: Str(https://id.example#li)" in text
    assert 'sekisho.data_types: Slice(["user.contact.phone_number"])' in text


def test_what_is_no_log_of_its_protocol_it_refuses_and_that_is_told(receiving: Collector) -> None:
    sink = OtlpLogs(OtlpSink(url=f"http://127.0.0.1:{receiving.port}/v1/nothing"), "tokyo", 5)
    with pytest.raises(SinkError) as refused:
        sink.send(lines())
    sink.close()
    assert refused.value.trouble is Trouble.REFUSED
