"""What is told of each place the record is shipped to. A part of `gateway.metrics`, which makes it; where there are
several workers the supervisor, who ships for all of them, has one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.tallies import Together

# Makes a gauge: its name without the prefix, how several workers' are put together, what it says, its labels.
NewGauge = Callable[..., Gauge]


class Trouble(StrEnum):
    """Why entries did not arrive."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"  # it said to come back later
    UNAUTHORISED = "unauthorised"
    TOO_LARGE = "too_large"
    REFUSED = "refused"  # it does not want what it was sent
    PARTLY_REFUSED = "partly_refused"  # it took some, and what it refused must not be sent again
    PRUNED = "pruned"  # they were not in the folder any more when it was their turn
    UNREADABLE = "unreadable"  # the folder
    INTERNAL = "internal"  # what ships ended, or a mistake of ours


class Wait(StrEnum):
    """How a wait for a sink's acknowledgement ended (durability `remote`)."""

    ACKNOWLEDGED = "acknowledged"
    TIMEOUT = "timeout"
    DOWN = "down"  # not waited for: it was known not to take anything


class SinkMetrics:
    """One series for each sink."""

    def __init__(self, gauge: NewGauge, registry: CollectorRegistry, sinks: Iterable[str]) -> None:
        names = tuple(sinks)
        spool = gauge("record_spool_bytes", Together.MOST, "Bytes of the record a sink does not have yet.", "sink")
        lag = gauge("record_lag_seconds", Together.MOST, "Age of the oldest entry a sink does not have yet.", "sink")
        shipped = Counter(
            "sekisho_record_shipped_entries",
            "Entries a sink has acknowledged, those sent again included.",
            ("sink",),
            registry=registry,
        )
        failures = Counter(
            "sekisho_record_sink_failures",
            "Times that entries did not arrive at a sink, by why.",
            ("sink", "reason"),
            registry=registry,
        )
        waits = Counter(
            "sekisho_record_remote_waits",
            "Statements that waited for a sink's acknowledgement, by how that ended; all but the first were denied.",
            ("result",),
            registry=registry,
        )
        self._spool = {name: spool.labels(name) for name in names}
        self._lag = {name: lag.labels(name) for name in names}
        self._shipped = {name: shipped.labels(name) for name in names}
        self._failures = {(name, why): failures.labels(name, why) for name in names for why in Trouble}
        self._waits = {wait: waits.labels(wait) for wait in Wait}

    def behind(self, sink: str, *, spool: int, lag: float) -> None:
        """What a sink does not have yet."""
        self._spool[sink].set(spool)
        self._lag[sink].set(lag)

    def shipped(self, sink: str, entries: int) -> None:
        """So many more were acknowledged."""
        self._shipped[sink].inc(entries)

    def failed(self, sink: str, why: Trouble, times: int = 1) -> None:
        """They did not arrive."""
        self._failures[sink, why].inc(times)

    def waited(self, result: Wait) -> None:
        """A wait for an acknowledgement ended."""
        self._waits[result].inc()
