"""The process that ships, seen from the gateway: what it tells, that it comes back, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.config import Record
from gateway.config_sinks import HttpSink, KafkaSink, Remote, Sink
from gateway.errors import ConfigError
from gateway.links.shippers import Shippers
from gateway.links.sinks import make
from tests.receivers import Receiver, receiving
from tests.unit.audit.chains import WRITER, write_record
from tests.unit.links.shipments import comes_to
from tests.unit.test_sink_metrics import sink_metrics


class Gateway:
    """As much of it as ships."""

    def __init__(self, directory: Path, receiver: Receiver) -> None:
        log = Sink(name="log", http=HttpSink(url=receiver.url("/logs")))
        record = Record(directory=directory, name="tokyo", sinks=(log,), remote=Remote(sink="log"))
        metrics, self.registry = sink_metrics("log")
        self.shippers = Shippers(record, "error", metrics)
        self.reached: dict[str, int] = {}
        self.ships: list[bool] = []
        self.shippers.reached, self.shippers.ships = self.reached.update, self.ships.append

    def value(self, name: str, **labels: str) -> float:
        return sample(self.registry, name, **labels)


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(f"sekisho_record_{name}", {"sink": "log", **labels}) or 0


def run(directory: Path, story: Callable[[Gateway, Receiver], Awaitable[None]]) -> None:
    async def told() -> None:
        with receiving() as receiver:
            gateway = Gateway(directory, receiver)
            gateway.shippers.start()
            try:
                await story(gateway, receiver)
            finally:
                await gateway.shippers.close()

    asyncio.run(told())


def test_ships_counts_comes_back_and_ends_with_nothing_left(tmp_path: Path) -> None:
    write_record(tmp_path, 30)

    async def story(gateway: Gateway, receiver: Receiver) -> None:
        await comes_to(lambda: gateway.value("shipped_entries_total") > 30)
        last = gateway.reached[WRITER]
        assert [event["custom"]["sekisho"]["seq"] for event in receiver.events()] == list(range(last + 1))
        assert gateway.ships[-1:] == [True]
        receiver.answers = [(503, {}, b"")]
        write_record(tmp_path, 10)
        await comes_to(lambda: gateway.value("sink_failures_total", reason="throttled") >= 1)
        await comes_to(lambda: gateway.value("spool_bytes") > 1000 and gateway.value("lag_seconds") > 1000)
        assert gateway.ships[-1:] == [False]
        process = gateway.shippers._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        await comes_to(lambda: gateway.shippers._process is not process)
        assert gateway.value("sink_failures_total", reason="internal") == 1
        receiver.answers = [(200, {}, b"")]
        await comes_to(lambda: gateway.reached[WRITER] > last + 9)
        await comes_to(lambda: gateway.value("spool_bytes") == 0 and gateway.value("lag_seconds") == 0)
        write_record(tmp_path, 10)  # and the gateway ends
        await gateway.shippers.close()
        seqs = [event["custom"]["sekisho"]["seq"] for event in receiver.events()]
        assert set(seqs) == set(range(max(seqs) + 1))
        assert max(seqs) > gateway.reached[WRITER] - 1

    run(tmp_path, story)


def test_a_library_that_is_not_installed_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "_LIBRARIES", {"kafka": "no_such_library"})
    lake = Sink(name="lake", kafka=KafkaSink(servers=("127.0.0.1:1",), topic="t", tls=False))
    with pytest.raises(ConfigError, match="needs the extra `kafka`"):
        Shippers(Record(directory=tmp_path, sinks=(lake,)), "error", sink_metrics("lake")[0])
