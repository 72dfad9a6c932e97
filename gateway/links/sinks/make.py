"""The sink that a setting names. Its library is loaded here and not before: who does not ship does not pay for it."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from gateway.config_sinks import KINDS
from gateway.config_sinks import Sink as Settings
from gateway.errors import ConfigError
from gateway.links.sinks.sink import Sink

_LIBRARIES: Final = MappingProxyType({"kafka": "confluent_kafka"})


def kind_of(settings: Settings) -> str:
    """Which of the kinds it is."""
    return next(kind for kind in KINDS if getattr(settings, kind) is not None)


def require_libraries(sinks: Iterable[Settings]) -> None:
    """See that what they need is installed, without loading it. Raises ConfigError."""
    problems = []
    for settings in sinks:
        kind = kind_of(settings)
        if kind in _LIBRARIES and find_spec(_LIBRARIES[kind]) is None:
            extra = f"pip install 'sekisho[{kind}]'"
            problems.append(f"record.sinks: `{settings.name}` needs the extra `{kind}`: {extra}")
    if problems:
        raise ConfigError(problems)


def make_sink(settings: Settings, record: str) -> Sink:
    """``record``: what it knows this record by. Connects to nothing yet."""
    seconds = settings.timeout_ms / 1000
    if settings.kafka is not None:
        from gateway.links.sinks.kafka import KafkaTopic

        return KafkaTopic(settings.kafka, record, seconds)
    if settings.postgres is not None:
        from gateway.links.sinks.postgres import PostgresTable

        return PostgresTable(settings.postgres, settings.name, record, seconds)
    if settings.http is not None:
        from gateway.links.sinks.opa import DecisionLogs

        return DecisionLogs(settings.http, record, seconds)
    if settings.otlp is not None:
        from gateway.links.sinks.otlp import OtlpLogs

        return OtlpLogs(settings.otlp, record, seconds)
    if settings.ocsf is not None:
        from gateway.links.sinks.ocsf import OcsfFiles

        return OcsfFiles(settings.ocsf, settings.name, record)
    raise ValueError("a sink of no kind")
