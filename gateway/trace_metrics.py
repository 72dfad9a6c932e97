"""What becomes of spans of traces. A part of `gateway.metrics`, which makes it. Counted from any thread."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter


class TraceResult(StrEnum):
    """What became of a span."""

    EXPORTED = "exported"  # the receiver has it
    DROPPED = "dropped"  # too many were waiting already
    LOST = "lost"  # the receiver did not take it


class TraceMetrics:
    """One series for each end that a span can have."""

    def __init__(self, registry: CollectorRegistry) -> None:
        spans = Counter(
            "sekisho_trace_spans",
            "Spans of traces: `exported`, `dropped` as too many waited, or `lost` as the receiver did not take them.",
            ("result",),
            registry=registry,
        )
        self._spans = {result: spans.labels(result) for result in TraceResult}

    def became(self, result: TraceResult, spans: int) -> None:
        """That became of so many."""
        if spans:
            self._spans[result].inc(spans)
