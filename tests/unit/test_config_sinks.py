"""What a sink is when nothing but its kind is said."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gateway.config_sinks import KINDS, OcsfSink, Remote, Sink


def test_every_kind_is_a_field() -> None:
    names = {item.name for item in dataclasses.fields(Sink)}
    assert set(KINDS) <= names
    assert names - set(KINDS) == {"name", "batch_entries", "batch_bytes", "timeout_ms"}


def test_defaults() -> None:
    sink = Sink(name="files", ocsf=OcsfSink(directory=Path("events")))
    assert (sink.kafka, sink.postgres, sink.http, sink.otlp) == (None, None, None, None)
    assert Remote(sink="lake").applies == "synced"
