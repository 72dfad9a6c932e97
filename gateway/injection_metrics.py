"""The metrics of the injector of sidecars, which is a process of its own: what it answered, and its certificate.

Closed labels, and every series is there at zero from the start, as in `gateway.metrics`. No namespace and no pod: who
makes pods would choose how many series there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class InjectionMetrics:
    """All of them, in one registry."""

    def __init__(self, registry: CollectorRegistry, *, results: Iterable[str], version: str) -> None:
        """``results``: every word an answer can be counted under."""
        self.registry = registry
        self._answers = Counter(
            "sekisho_injections",
            "Pods looked at, by what became of them: `injected`, why it was left as it is, or why it was denied.",
            ("result",),
            registry=registry,
        )
        self._by_result = {result: self._answers.labels(result) for result in results}
        self._seconds = Histogram(
            "sekisho_injection_duration_seconds", "Time of an answer.", registry=registry, buckets=_BUCKETS
        )
        self._reloads = Counter(
            "sekisho_injector_certificate_reloads",
            "New certificates found by the injector: `taken`, or `refused` while the old one stays.",
            ("result",),
            registry=registry,
        )
        for result in ("taken", "refused"):
            self._reloads.labels(result)
        self._ends = Gauge(
            "sekisho_injector_certificate_end_seconds",
            "When the injector's certificate ends, in Unix time; after that no pod is made where it is asked.",
            registry=registry,
        )
        Gauge("sekisho_injector_build_info", "1; the version.", ("version",), registry=registry).labels(version).set(1)

    def answered(self, result: str, seconds: float | None = None) -> None:
        """One pod, or what was none: then there is no time to tell."""
        self._by_result[result].inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def certificate(self, ends: float) -> None:
        """The one that is shown."""
        self._ends.set(ends)

    def reloaded(self, good: bool) -> None:
        """A new one was found."""
        self._reloads.labels("taken" if good else "refused").inc()
