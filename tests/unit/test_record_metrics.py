from __future__ import annotations

import math

from prometheus_client import CollectorRegistry

from gateway.metrics import Metrics
from gateway.tallies import Together


def test_everything_is_there_from_the_start_and_told() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0", anchors=["vault"])

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"sekisho_record_{name}", labels)

    assert value("headroom_seconds") == math.inf
    assert value("bytes") == 0
    assert value("anchor_lag_seconds", anchor="vault") == 0
    assert value("anchor_failures_total", anchor="vault") == 0
    metrics.record.measured(1000, 3600.0)
    metrics.record.keep_writable(lambda: 1.0)
    metrics.record.anchor_failed("vault")
    metrics.record.keep_anchor_lag("vault", lambda: 7.0)
    assert (value("bytes"), value("headroom_seconds"), value("writable")) == (1000, 3600, 1)
    assert value("anchor_lag_seconds", anchor="vault") == 7
    assert value("anchor_failures_total", anchor="vault") == 1
    assert metrics.together["sekisho_record_writable"] is Together.LEAST
