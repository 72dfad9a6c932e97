"""Which sink a setting names."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.config_sinks import HttpSink, KafkaSink, OcsfSink, OtlpSink, PostgresSink, Sink
from gateway.errors import ConfigError
from gateway.links.sinks import make
from gateway.links.sinks.make import kind_of, make_sink, require_libraries

SINKS = {
    "kafka": Sink(name="k", kafka=KafkaSink(servers=("127.0.0.1:1",), topic="t", tls=False)),
    "postgres": Sink(name="p", postgres=PostgresSink(host="/x", database="d", user="u", tls="disable")),
    "http": Sink(name="h", http=HttpSink(url="http://127.0.0.1:1/logs")),
    "otlp": Sink(name="o", otlp=OtlpSink(url="http://127.0.0.1:1/v1/logs")),
    "ocsf": Sink(name="f", ocsf=OcsfSink(directory=Path("/nowhere"))),
}
CLASSES = {
    "kafka": "KafkaTopic",
    "postgres": "PostgresTable",
    "http": "DecisionLogs",
    "otlp": "OtlpLogs",
    "ocsf": "OcsfFiles",
}


@pytest.mark.parametrize("kind", SINKS)
def test_each_kind_has_its_sink_and_connects_to_nothing(kind: str) -> None:
    sink = make_sink(SINKS[kind], "r")
    assert type(sink).__name__ == CLASSES[kind]
    assert kind_of(SINKS[kind]) == kind
    sink.close()


def test_libraries_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    require_libraries(SINKS.values())
    monkeypatch.setattr(make, "_LIBRARIES", {"kafka": "no_such_library"})
    with pytest.raises(ConfigError) as refused:
        require_libraries(SINKS.values())
    assert refused.value.problems == ("record.sinks: `k` needs the extra `kafka`: pip install 'sekisho[kafka]'",)


def test_no_library_is_loaded_to_see_whether_it_is_there() -> None:
    from subprocess import run

    program = (
        "import sys; from tests.unit.links.sinks.test_make import SINKS; "
        "from gateway.links.sinks.make import require_libraries; require_libraries(SINKS.values()); "
        "sys.exit('confluent_kafka' in sys.modules)"
    )
    assert run([sys.executable, "-c", program], check=False).returncode == 0
