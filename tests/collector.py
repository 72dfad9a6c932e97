"""A real OpenTelemetry collector (`tools/go/otelcol`): takes OTLP over HTTP, and writes down what it got."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.demo.settings import free_port
from tests.servers import require_tool

_SPAN: Final = re.compile(r"\nSpan #\d+\n(.*?)(?=\nSpan #|\nScopeSpans #|\nResourceSpans #|\n\t\{|\Z)", re.DOTALL)
_LINE: Final = re.compile(r"^    ([A-Z][A-Za-z ]+?) *: (.*)$", re.MULTILINE)
_ATTRIBUTE: Final = re.compile(r"^     -> ([a-z_.]+): [A-Z][a-z]+\((.*)\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Span:
    """As the collector understood it."""

    trace_id: str
    span_id: str
    parent: str
    name: str
    kind: str
    status: str
    state: str
    began: str
    ended: str
    attributes: dict[str, str]


class Collector:
    """One of them, on a loopback port."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder, self.port = folder, port or free_port()
        pipeline = {"receivers": ["otlp"], "exporters": ["debug"]}
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}},
            "exporters": {"debug": {"verbosity": "detailed"}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {"logs": pipeline, "traces": pipeline},
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

    def spans(self, wanted: str) -> list[Span]:
        """All it got so far, once this is in what it wrote."""
        return [_span(found[1]) for found in _SPAN.finditer(self.said(wanted))]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self._said.close()


def _span(text: str) -> Span:
    fields = {name: value.strip() for name, value in _LINE.findall(text)}
    return Span(
        trace_id=fields["Trace ID"],
        span_id=fields["ID"],
        parent=fields["Parent ID"],
        name=fields["Name"],
        kind=fields["Kind"],
        status=fields["Status code"],
        state=fields.get("TraceState", ""),
        began=fields["Start time"],
        ended=fields["End time"],
        attributes=dict(_ATTRIBUTE.findall(text)),
    )


@contextmanager
def collector(port: int = 0) -> Iterator[Collector]:
    """One that is ready, until the end."""
    with tempfile.TemporaryDirectory(prefix="sekisho-otelcol-") as folder:
        one = Collector(Path(folder), port)
        try:
            one.said("Everything is ready")
            yield one
        finally:
            one.stop()
