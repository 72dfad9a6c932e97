"""The metrics of the record as it lies on disk, and of where its heads are anchored. A part of `gateway.metrics`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter

from gateway.datasource_metrics import NewGauge
from gateway.tallies import Together


class RecordMetrics:
    """What is told of the record."""

    def __init__(self, gauge: NewGauge, registry: CollectorRegistry, anchors: Iterable[str]) -> None:
        names = tuple(sorted(anchors))
        self._writable = gauge("record_writable", Together.LEAST, "Whether the record can be written (1) or not (0).")
        self._bytes = gauge("record_bytes", Together.MOST, "Bytes of the record's segments.")
        self._headroom = gauge(
            "record_headroom_seconds",
            Together.LEAST,
            "Time until the record's disk is full, if the record grows as it has of late; +Inf: it does not grow.",
        )
        self._headroom.set(math.inf)
        lag = gauge(
            "record_anchor_lag_seconds",
            Together.MOST,
            "For how long the oldest head waits that is not at the anchor yet; 0: all are.",
            "anchor",
        )
        failures = Counter(
            "sekisho_record_anchor_failures", "Times that heads could not be put.", ("anchor",), registry=registry
        )
        self._lags = {name: lag.labels(name) for name in names}
        self._failures = {name: failures.labels(name) for name in names}

    def keep_writable(self, writable: Callable[[], float]) -> None:
        """Ask this whenever somebody asks for metrics."""
        self._writable.set_function(writable)

    def measured(self, size: int, headroom: float) -> None:
        """Somebody looked at the disk."""
        self._bytes.set(size)
        self._headroom.set(headroom)

    def keep_anchor_lag(self, anchor: str, lag: Callable[[], float]) -> None:
        """Ask this whenever somebody asks for metrics."""
        self._lags[anchor].set_function(lag)

    def anchor_failed(self, anchor: str) -> None:
        """Heads could not be put."""
        self._failures[anchor].inc()
