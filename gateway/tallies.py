"""Counters and histograms of the hot path: counting is one addition, and a scrape puts the series together.

The metrics library's own take a lock and three calls for each count, which is more than what is counted costs. These
look the same to whoever scrapes. What counts is `gateway.counts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from gateway.counts import Tally, Times

OTHER: Final = "other"
BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Together(StrEnum):
    """What one gauge says of several workers (`gateway.gathered`). Counters and histograms are always added."""

    SUM = "sum"
    LEAST = "least"  # of what is well at 1: one that is not must be seen
    MOST = "most"


def _bound(bound: float) -> str:
    """As the library writes it: two series of one bucket must not differ in its name."""
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]  # of the library


_Bucket = tuple[str, float] | tuple[str, float, Exemplar]


def _bucket(bound: str, below: float, example: tuple[str, float] | None) -> _Bucket:
    """With an exemplar of OpenMetrics, where there is one: which decision, and how long it took."""
    if example is None:
        return bound, below
    return bound, below, Exemplar({"decision_id": example[0]}, example[1])


class Tallies(Collector):
    """A counter: its series by their labels. Beyond ``most`` of them, what is new is ``other`` in every label."""

    def __init__(
        self, name: str, help: str, labels: tuple[str, ...], *, registry: CollectorRegistry, most: int | None = None
    ) -> None:
        self._name, self._help, self._labelnames = name, help, labels
        self._most = most
        self._children: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """The family's name, under which the registry knows it."""
        yield CounterMetricFamily(self._name, self._help, labels=self._labelnames)

    def labels(self, *values: str) -> Tally:
        """The series of these labels."""
        if self._most is not None and len(self._children) >= self._most and values not in self._children:
            values = tuple(OTHER for _ in values)
        return self._children.setdefault(values, Tally())

    def collect(self) -> Iterator[Metric]:
        """The family, as it stands now."""
        family = CounterMetricFamily(self._name, self._help, labels=self._labelnames)
        for values, tally in list(self._children.items()):  # a scrape is another thread
            family.add_metric(values, tally.value)
        yield family


class Timings(Collector):
    """A histogram: its series by their labels."""

    def __init__(
        self, name: str, help: str, labels: tuple[str, ...], *, registry: CollectorRegistry, bounds: tuple[float, ...]
    ) -> None:
        self._name, self._help, self._labelnames = name, help, labels
        self._bounds = bounds
        self._children: dict[tuple[str, ...], Times] = {}
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """The family's name, under which the registry knows it."""
        yield HistogramMetricFamily(self._name, self._help, labels=self._labelnames)

    def labels(self, *values: str) -> Times:
        """The series of these labels."""
        return self._children.setdefault(values, Times(self._bounds))

    def collect(self) -> Iterator[Metric]:
        """The family, as it stands now."""
        family = HistogramMetricFamily(self._name, self._help, labels=self._labelnames)
        for values, times in list(self._children.items()):
            below, buckets = 0, list[_Bucket]()
            for place, (bound, count) in enumerate(zip((*self._bounds, float("inf")), times.counts, strict=True)):
                below += count
                buckets.append(_bucket(_bound(bound), float(below), times.examples.get(place)))
            family.add_metric(values, buckets, times.total)
        yield family
