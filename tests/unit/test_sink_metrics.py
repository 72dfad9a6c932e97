"""What is told of sinks: all series from the start, and no other."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from gateway.sink_metrics import SinkMetrics, Trouble, Wait
from gateway.tallies import Together


def sink_metrics(*sinks: str) -> tuple[SinkMetrics, CollectorRegistry]:
    registry = CollectorRegistry()

    def gauge(name: str, together: Together, help: str, *labels: str) -> Gauge:
        assert together is Together.MOST
        return Gauge(f"sekisho_{name}", help, labels, registry=registry)

    return SinkMetrics(gauge, registry, sinks), registry


def test_everything_is_there_at_zero() -> None:
    _, registry = sink_metrics("lake", "pg")
    samples = [sample for family in registry.collect() for sample in family.samples if "_created" not in sample.name]
    assert {sample.value for sample in samples} == {0}
    assert len(samples) == 2 * (3 + len(Trouble)) + len(Wait)


def test_what_happens_is_counted() -> None:
    metrics, registry = sink_metrics("lake")
    metrics.behind("lake", spool=10, lag=1.5)
    metrics.shipped("lake", 7)
    metrics.failed("lake", Trouble.TIMEOUT)
    metrics.failed("lake", Trouble.TIMEOUT, 2)
    metrics.waited(Wait.DOWN)
    at = {"sink": "lake"}
    assert registry.get_sample_value("sekisho_record_spool_bytes", at) == 10
    assert registry.get_sample_value("sekisho_record_lag_seconds", at) == 1.5
    assert registry.get_sample_value("sekisho_record_shipped_entries_total", at) == 7
    assert registry.get_sample_value("sekisho_record_sink_failures_total", at | {"reason": "timeout"}) == 3
    assert registry.get_sample_value("sekisho_record_remote_waits_total", {"result": "down"}) == 1
