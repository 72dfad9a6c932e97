"""Traces on their way to a receiver of OTLP: begun and ended on the loop, sent by a thread of their own.

Nothing here holds up a statement, or makes it fail. Beginning one costs a random number where it is not sampled; ending
one, a place in a queue with an end, beyond which it is dropped; spans are put together by the thread, which tries a
batch again a few times while the receiver is away, and gives it up then. **That is failing open, and right here: a
trace is no record.** Each span that is not delivered is counted (`sekisho_trace_spans_total`).

Not by OpenTelemetry's SDK: it takes 70 µs for a span and 16 µs for one that is not sampled (measured), on the loop that
every statement waits for, and counts nothing of what it drops.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import random
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from gateway.config import Config
from gateway.config_telemetry import MILLION
from gateway.config_telemetry import Traces as Settings
from gateway.links.otlp import HEADERS, body, partly, resource, scope
from gateway.links.shipping import Pace
from gateway.links.sinks.post import Poster
from gateway.links.sinks.sink import SinkError
from gateway.links.trace_spans import spans
from gateway.model import Door
from gateway.sink_metrics import Trouble
from gateway.trace_context import Context
from gateway.trace_metrics import TraceMetrics, TraceResult
from gateway.tracing import Subject, Trace

_log = logging.getLogger(__name__)
_AGAIN: Final = frozenset({Trouble.UNREACHABLE, Trouble.TIMEOUT, Trouble.THROTTLED})
_TRIES: Final = 4
_FAREWELL: Final = 5.0  # seconds that the end of the gateway waits for what is still here
_SAMPLE_BITS: Final = 56  # of an id's end are random, and what sampling goes by, at whoever samples by it


class Traces:
    """A ``Tracer``, from `start` to `stop`. ``begin`` and ``follow`` belong to the loop."""

    def __init__(self, settings: Settings, metrics: TraceMetrics, instance: str) -> None:
        self._settings = settings
        self._metrics = metrics
        others = dict(one.split("=", 1) for one in settings.resource)
        self._resource, self._scope = resource(instance, others), scope("sekisho.gateway")
        self._poster = Poster(settings.url, settings.ca, settings.token_file, settings.timeout_ms / 1000)
        self._pace = Pace(settings.batch, remote=False)
        self._bound = (settings.per_million << _SAMPLE_BITS) // MILLION
        self._chance = random.Random()  # noqa: S311 - ids of spans are no secrets, and prove nothing
        self._waiting: deque[Trace] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def begin(
        self, subject: Subject, door: Door, datasource: str, at_ns: int, parent: Context | None, *, sql: bool
    ) -> Trace | None:
        """See ``Tracer``. As the caller samples, or else by chance."""
        if parent is None:
            trace_id = self._chance.getrandbits(128) or 1
            if trace_id & ((1 << _SAMPLE_BITS) - 1) >= self._bound:
                return None
        elif not parent.sampled:
            return None
        return Trace(
            subject=subject,
            door=door,
            datasource=datasource,
            sql=sql,
            trace_id=f"{trace_id:032x}" if parent is None else parent.trace_id,
            span_id=self._new_id(),
            parent="" if parent is None else parent.span_id,
            remote=parent is not None,
            state="" if parent is None else parent.state,
            began_ns=at_ns,
            emit=self._ended,
        )

    def follow(self, before: Trace, at_ns: int) -> Trace:
        """See ``Tracer``. A sibling below the caller's span; where there is none, below what came before."""
        return Trace(
            subject=Subject.STATEMENT,
            door=before.door,
            datasource=before.datasource,
            sql=before.sql,
            trace_id=before.trace_id,
            span_id=self._new_id(),
            parent=before.parent if before.remote else before.span_id,
            remote=before.remote,
            state=before.state,
            began_ns=at_ns,
            emit=self._ended,
        )

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    async def stop(self) -> None:
        """Send what is here, if that can be done soon."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _FAREWELL)

    def _new_id(self) -> str:
        return f"{self._chance.getrandbits(64) or 1:016x}"

    def _ended(self, trace: Trace) -> None:
        """On the loop: a trace is whole."""
        if len(self._waiting) >= self._settings.waiting:
            self._metrics.became(TraceResult.DROPPED, 1 + len(trace.parts))
            return
        self._waiting.append(trace)
        if len(self._waiting) >= self._settings.batch and not self._wake.is_set():
            self._wake.set()

    # -- in the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(self._settings.interval_ms / 1000)
            self._wake.clear()
            stopping = self._stopping.is_set()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._pace.entries, len(self._waiting)))]
                try:
                    self._send(batch)
                except Exception:  # an edge: whatever is wrong with traces is wrong with nothing else
                    _log.exception("traces_failed")
                    self._metrics.became(TraceResult.LOST, sum(1 + len(trace.parts) for trace in batch))
            if stopping:
                self._poster.close()
                return

    def _send(self, batch: Sequence[Trace]) -> None:
        """One batch, tried a few times. Returns when it is there or given up."""
        half = len(batch) // 2
        told: list[dict[str, Any]] = []
        for trace in batch:
            told += spans(trace, self._new_id)
        message = {
            "resourceSpans": [{"resource": self._resource, "scopeSpans": [{"scope": self._scope, "spans": told}]}]
        }
        refused = len(told)
        for tries in range(1, _TRIES + 1):
            try:
                answer = self._poster.post(body(message), HEADERS)
                refused, why = partly(answer.body, "rejectedSpans")
            except SinkError as error:
                if not self._pace.failing:
                    _log.warning("traces_not_delivered", extra={"reason": error.trouble, "detail": error.detail})
                pause = self._pace.failed(error.trouble, len(batch), self._chance.random(), error.after)
                if error.trouble is Trouble.TOO_LARGE and half:
                    self._send(batch[:half])
                    return self._send(batch[half:])
                if error.trouble not in _AGAIN or tries == _TRIES or self._stopping.wait(pause):
                    break
            else:
                if self._pace.failing:
                    _log.info("traces_delivered_again")
                if refused:
                    _log.warning("spans_refused", extra={"spans": refused, "detail": why[:200]})
                self._pace.arrived()
                break
        self._metrics.became(TraceResult.LOST, min(refused, len(told)))
        self._metrics.became(TraceResult.EXPORTED, len(told) - min(refused, len(told)))


def begin_traces(config: Config, metrics: TraceMetrics, worker: str) -> Traces | None:
    """As configured; None: there are none. ``worker``: which of several this is; empty: it is alone."""
    if config.traces is None:
        return None
    name = config.record.name or platform.node()
    traces = Traces(config.traces, metrics, f"{name}/{worker}" if worker else name)
    traces.start()
    return traces
