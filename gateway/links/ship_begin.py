"""Who ships the record: the gateway itself, or the supervisor for all of its workers; and who waits for that."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

from gateway.audit.writer import RecordWriter
from gateway.config import Config
from gateway.gathered import snapshot
from gateway.links.hub import Hub
from gateway.links.remote import Remote
from gateway.links.siblings import Siblings
from gateway.sink_metrics import SinkMetrics
from gateway.tallies import Together

if TYPE_CHECKING:
    from gateway.links.shippers import Shippers


def begin_shipping(
    config: Config,
    recorder: RecordWriter,
    metrics: SinkMetrics,
    siblings: Siblings | None,
    after_record: AsyncExitStack,
) -> Remote | None:
    """Ship, where that is configured and nobody does it for us; the `remote` that statements wait for, if any.
    ``after_record``: closed when the record is, so that its last entries are shipped too. Raises ConfigError."""
    settings = config.record.remote
    remote = None if settings is None else Remote(recorder, settings.timeout_ms / 1000, metrics)
    if siblings is not None:
        if remote is not None:
            remote.wake, siblings.shipped, siblings.ships = siblings.ship, remote.reached, remote.ships
        return remote
    if config.record.sinks:
        from gateway.links.shippers import Shippers  # who does not ship does not load it

        shippers = Shippers(config.record, config.log_level, metrics)
        if remote is not None:
            remote.wake, shippers.reached, shippers.ships = shippers.wake, remote.reached, remote.ships
        after_record.push_async_callback(shippers.close)
        shippers.start()
    return remote


def ship_for_workers(config: Config, hub: Hub) -> Shippers | None:
    """Ship what all workers write, where that is configured. Raises ConfigError."""
    if not config.record.sinks:
        return None
    from gateway.links.shippers import Shippers

    disable_created_metrics()  # type: ignore[no-untyped-call]  # of the library; as each worker does
    registry = CollectorRegistry()

    def gauge(name: str, together: Together, help: str, *labels: str) -> Gauge:
        return Gauge(f"sekisho_{name}", help, labels, registry=registry)

    metrics = SinkMetrics(gauge, registry, [sink.name for sink in config.record.sinks])
    hub.counts = lambda: snapshot(registry.collect())
    shippers = Shippers(config.record, config.log_level, metrics)
    hub.ship, shippers.reached, shippers.ships = shippers.wake, hub.shipped, hub.ships
    shippers.start()
    return shippers
