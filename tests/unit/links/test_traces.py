"""Traces on their way: sampled as callers do, bounded, tried again, given up and counted."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.config_telemetry import MILLION
from gateway.config_telemetry import Traces as Settings
from gateway.links.traces import Traces
from gateway.model import Door
from gateway.trace_context import Context
from gateway.trace_metrics import TraceMetrics
from gateway.tracing import Subject, Trace
from tests.receivers import Receiver

CALLER = Context("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True, "congo=1")


class Bench:
    def __init__(self, port: int, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        given = {"per_million": MILLION, "interval_ms": 10, "timeout_ms": 2000, **settings}
        chosen = Settings(url=f"http://127.0.0.1:{port}/v1/traces", **given)
        self.traces = Traces(chosen, TraceMetrics(self.registry), "tokyo")

    def begin(self, parent: Context | None = None) -> Trace | None:
        return self.traces.begin(Subject.QUESTION, Door.HTTP, "messenger", 1, parent, sql=True)

    def end(self, times: int) -> None:
        for _ in range(times):
            one = self.begin()
            assert one is not None
            one.decided(0.001)

    def counted(self, **wanted: float) -> None:
        deadline = time.monotonic() + 30
        while True:
            told = {
                result: self.registry.get_sample_value("sekisho_trace_spans_total", {"result": result})
                for result in ("exported", "dropped", "lost")
            }
            if told == {"exported": 0, "dropped": 0, "lost": 0, **wanted}:
                return
            assert time.monotonic() < deadline, told
            time.sleep(0.01)

    @contextmanager
    def running(self) -> Iterator[None]:
        self.traces.start()
        try:
            yield
        finally:
            asyncio.run(self.traces.stop())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


def sent(receiver: Receiver) -> list[int]:
    """How many spans came with each post."""
    messages = [json.loads(body) for _, body in receiver.posts]
    return [len(one["resourceSpans"][0]["scopeSpans"][0]["spans"]) for one in messages]


def test_who_comes_with_a_trace_is_sampled_as_its_caller_does() -> None:
    bench = Bench(1, per_million=0)
    found = bench.begin(CALLER)
    assert found is not None
    assert (found.trace_id, found.parent, found.remote, found.state) == (
        CALLER.trace_id,
        CALLER.span_id,
        True,
        "congo=1",
    )
    assert bench.begin(Context(CALLER.trace_id, CALLER.span_id, False)) is None
    assert bench.begin() is None


def test_others_are_by_chance() -> None:
    bench = Bench(1, per_million=250_000)
    found = [one for one in (bench.begin() for _ in range(4000)) if one is not None]
    assert 700 < len(found) < 1300  # 1000 ± 11 standard deviations
    assert len({one.trace_id for one in found} | {one.span_id for one in found}) == 2 * len(found)
    assert all(len(one.trace_id) == 32 and len(one.span_id) == 16 and not one.parent for one in found)


def test_what_follows_is_of_the_same_trace() -> None:
    bench = Bench(1)
    remote, own = bench.begin(CALLER), bench.begin()
    assert remote is not None
    assert own is not None
    after, below = bench.traces.follow(remote, 9), bench.traces.follow(own, 9)
    assert (after.trace_id, after.parent, after.remote, after.began_ns) == (CALLER.trace_id, CALLER.span_id, True, 9)
    assert (below.trace_id, below.parent, below.remote) == (own.trace_id, own.span_id, False)


def test_they_are_sent_together_and_counted(receiver: Receiver) -> None:
    bench = Bench(receiver.port, batch=4)
    bench.end(10)
    with bench.running():
        bench.counted(exported=10)
    assert sent(receiver) == [4, 4, 2]


def test_more_than_may_wait_is_dropped(receiver: Receiver) -> None:
    bench = Bench(receiver.port, waiting=3)
    bench.end(10)
    with bench.running():
        bench.counted(exported=3, dropped=7)


def test_a_receiver_that_is_busy_is_asked_again_and_told_of_once(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    receiver.answers = [(503, {}, b""), (429, {}, b""), (200, {}, b"")]
    bench = Bench(receiver.port)
    bench.end(2)
    with bench.running():
        bench.counted(exported=2)
    own = [one.message for one in caplog.records if one.name == "gateway.links.traces"]
    assert own == ["traces_not_delivered", "traces_delivered_again"]


def test_what_it_does_not_want_is_lost_and_not_asked_twice(receiver: Receiver) -> None:
    receiver.answers = [(400, {}, b"")]
    bench = Bench(receiver.port)
    bench.end(2)
    with bench.running():
        bench.counted(lost=2)
    assert receiver.asked == 1


def test_what_it_takes_a_part_of_is_counted_so(receiver: Receiver) -> None:
    receiver.answers = [(200, {}, b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}')]
    bench = Bench(receiver.port)
    bench.end(3)
    with bench.running():
        bench.counted(exported=2, lost=1)


def test_what_is_too_large_is_sent_in_halves(receiver: Receiver) -> None:
    receiver.answers = [(413, {}, b""), (200, {}, b"")]
    bench = Bench(receiver.port)
    bench.end(5)
    with bench.running():
        bench.counted(exported=5)
    assert sent(receiver) == [2, 3]


def test_the_end_waits_for_what_is_here_but_for_nobody_who_is_gone(receiver: Receiver) -> None:
    bench = Bench(receiver.port, interval_ms=60_000)
    with bench.running():
        bench.end(3)
    bench.counted(exported=3)
    gone = Bench(1, interval_ms=60_000)
    began = time.monotonic()
    with gone.running():
        gone.end(3)
    gone.counted(lost=3)
    assert time.monotonic() - began < 4


def test_an_error_nobody_foresaw_ends_nothing(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(receiver.port)
    broken = bench.begin()
    assert broken is not None
    broken.reason = None  # type: ignore[assignment]
    broken.decided(0.1)
    with bench.running():
        bench.counted(lost=1)
        bench.end(1)
        bench.counted(exported=1, lost=1)
    assert "traces_failed" in caplog.messages
