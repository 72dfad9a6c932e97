from __future__ import annotations

from prometheus_client import CollectorRegistry

from gateway.trace_metrics import TraceMetrics, TraceResult


def test_every_end_is_there_from_the_start_and_counted() -> None:
    registry = CollectorRegistry()
    metrics = TraceMetrics(registry)
    metrics.became(TraceResult.DROPPED, 3)
    metrics.became(TraceResult.LOST, 0)
    told = {
        result: registry.get_sample_value("sekisho_trace_spans_total", {"result": result})
        for result in ("exported", "dropped", "lost")
    }
    assert told == {"exported": 0, "dropped": 3, "lost": 0}
