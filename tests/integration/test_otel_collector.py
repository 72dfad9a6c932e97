"""The record's OTLP sink and a real OpenTelemetry collector: what it takes is what the record says."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config_sinks import OtlpSink
from gateway.demo.settings import free_port
from gateway.links.sinks.otlp import OtlpLogs
from gateway.links.sinks.sink import SinkError, exact, readable
from gateway.sink_metrics import Trouble
from tests.servers import require_tool
from tests.unit.links.sinks.lines import lines

pytestmark = [pytest.mark.integration, pytest.mark.needs("otelcol")]


class Collector:
    """Receives OTLP over HTTP, and writes down what it got."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}},
            "exporters": {"debug": {"verbosity": "detailed"}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["debug"]}},
            },
        }
        (folder / "config.yaml").write_text(json.dumps(config))
        self.log = folder / "said"
        self._said = self.log.open("w")
        self.process = subprocess.Popen(
            [require_tool("otelcol"), "--config", folder / "config.yaml"], stdout=self._said, stderr=subprocess.STDOUT
        )

    def said(self, wanted: str) -> str:
        """What it wrote, once this is in it."""
        deadline = time.monotonic() + 30
        while wanted not in (text := self.log.read_text()):
            assert time.monotonic() < deadline, text
            assert self.process.poll() is None, text
            time.sleep(0.02)
        return text

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self._said.close()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with tempfile.TemporaryDirectory(prefix="sekisho-otelcol-") as folder:
        one = Collector(Path(folder))
        try:
            one.said("Everything is ready")
            yield one
        finally:
            one.stop()


def test_it_takes_every_entry_with_its_line_its_moment_and_its_attributes(collector: Collector) -> None:
    sink = OtlpLogs(OtlpSink(url=f"http://127.0.0.1:{collector.port}/v1/logs"), "tokyo", 5)
    sent = lines()
    sink.send(sent)
    sink.close()
    text = collector.said(f"LogRecord #{len(sent) - 1}")
    bodies = re.findall(r"Body: Str\((.*)\)\n", text)
    assert bodies == [exact(line, readable(line)) for line in sent]
    assert re.findall(r"-> sekisho\.seq: Int\((\d+)\)", text) == [str(number) for number in range(len(sent))]
    assert "-> service.instance.id: Str(tokyo)" in text
    assert "-> user.id: Str(https://id.example#li)" in text
    assert 'sekisho.data_types: Slice(["user.contact.phone_number"])' in text


def test_what_is_no_log_of_its_protocol_it_refuses_and_that_is_told(collector: Collector) -> None:
    sink = OtlpLogs(OtlpSink(url=f"http://127.0.0.1:{collector.port}/v1/nothing"), "tokyo", 5)
    with pytest.raises(SinkError) as refused:
        sink.send(lines())
    sink.close()
    assert refused.value.trouble is Trouble.REFUSED
