"""The driver of `authorize`: what runs the generator on the loop, for all doors (`tests.driving` has one for tests).

It runs as far as it goes without waiting, so that a known statement costs no task and no turn of the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, thread_time
from typing import Any, Final

from gateway.audit.record import traced_entry
from gateway.errors import ANSWERS, Reason, SekishoError
from gateway.links.resolve import Resolver
from gateway.metrics import AnswerSource, Metrics, Stage
from gateway.model import Door, PrincipalId
from gateway.needs import (
    Analysis,
    Ask,
    Need,
    NeedCounts,
    NeedDecision,
    NeedDurable,
    NeedReading,
    NeedRoom,
    NeedTree,
    NeedTurn,
    Outcome,
    Work,
)
from gateway.tracing import Subject, Trace, Tracer

_log = logging.getLogger(__name__)
_STAGES: Final = {
    NeedTurn: Stage.UNDERSTAND,
    NeedTree: Stage.UNDERSTAND,
    NeedReading: Stage.UNDERSTAND,
    NeedCounts: Stage.UNDERSTAND,
    NeedRoom: Stage.DECIDE,
    NeedDecision: Stage.DECIDE,
    NeedDurable: Stage.RECORD,
}


Trees = Callable[[NeedTree], "asyncio.Future[Analysis]"]
Done = Callable[[Outcome], None]


@dataclass(slots=True)
class _Run:
    """One generator on its way."""

    work: Work
    door: Door
    done: Done
    began: float
    trees: Trees | None  # who is asked for trees, if not the twin
    trace: Trace | None  # None: there is none of it
    payer: PrincipalId | None = None  # for whose sake everybody else waits: a text that nobody knew
    stage: Stage = Stage.TOTAL
    stage_began: float = 0.0
    waiting: asyncio.Future[Any] | None = None
    timer: asyncio.TimerHandle | None = None  # to the moment from which nobody waits for it any more


class Driver:
    """Runs the order on the loop; counts what came out and how long each stage took."""

    def __init__(self, resolver: Resolver, metrics: Metrics) -> None:
        self._resolver = resolver
        self._metrics = metrics

    def drive(
        self,
        work: Work,
        door: Door,
        done: Done,
        trees: Trees | None = None,
        *,
        seconds: float | None = None,
        trace: Trace | None = None,
    ) -> Outcome | None:
        """The outcome if nothing had to be waited for; else None, and ``done`` is called with it later.

        ``trees`` answers for a strict session: its own server is asked, and not the twin. ``seconds``: what is not
        decided within them is denied, and recorded so: whoever asked has left, and must not have been let through.
        ``trace`` is told of every stage, from the beginning on.
        """
        run = _Run(work, door, done, perf_counter(), trees, trace)
        if seconds is not None and seconds <= 0:
            work.send(None)  # to its first need, which nobody looks after
            return self._advance(run, None, _too_late())
        outcome = self._advance(run, None, None)
        if outcome is None and seconds is not None:
            run.timer = asyncio.get_running_loop().call_later(seconds, self._expired, run)
        return outcome

    def _expired(self, run: _Run) -> None:
        run.timer = run.waiting = None  # what it waits for comes too late as well
        outcome = self._advance(run, None, _too_late())
        if outcome is not None:
            run.done(outcome)

    def _advance(self, run: _Run, answer: object, error: BaseException | None) -> Outcome | None:
        while True:
            try:
                need = self._step(run, answer, error)
            except StopIteration as end:
                outcome: Outcome = end.value
                self._count(run, outcome)
                return outcome
            except Exception as trouble:
                return self._failed(run, trouble)
            run.stage, run.stage_began = _STAGES[type(need)], perf_counter()
            if run.trace is not None and isinstance(need, NeedDurable):
                need = replace(need, entry=traced_entry(need.entry, run.trace.trace_id))
            try:
                if isinstance(need, NeedTree) and run.trees is not None:
                    answer, error = self._resolver.own(need, run.trees), None
                else:
                    answer, error = self._resolver.resolve(need), None
            except SekishoError as trouble:
                answer, error = None, trouble
            except Exception as trouble:
                return self._failed(run, trouble)
            if isinstance(answer, asyncio.Future):
                run.waiting = answer
                answer.add_done_callback(partial(self._resume, run))
                return None
            self._took(run)

    def _step(self, run: _Run, answer: object, error: BaseException | None) -> Need:
        """On to the next need. What a text takes that nobody knew is counted, whatever becomes of it; what is known is
        not even measured."""
        if run.payer is None:
            need = run.work.send(answer) if error is None else run.work.throw(error)
        else:
            began = thread_time()
            try:
                need = run.work.send(answer) if error is None else run.work.throw(error)
            finally:
                self._resolver.charge_time(run.payer, thread_time() - began)
        if isinstance(need, NeedTurn | NeedTree | NeedReading):
            run.payer = need.principal
        return need

    def _took(self, run: _Run) -> None:
        """A stage, or a piece of it, is done."""
        now = perf_counter()
        self._metrics.took(run.door, run.stage, now - run.stage_began)
        if run.trace is not None:
            run.trace.took(run.stage, run.began, run.stage_began, now)

    def _resume(self, run: _Run, future: asyncio.Future[Any]) -> None:
        if run.waiting is not future:
            if not future.cancelled():
                future.exception()  # looked at: its time was over
            return
        self._took(run)
        answer: object = None
        error: BaseException | None = None
        if future.cancelled():
            error = SekishoError(Reason.SHUTTING_DOWN, "the gateway is shutting down")
        elif (failure := future.exception()) is not None:
            error = failure
        else:
            answer = future.result()
        outcome = self._advance(run, answer, error)
        if outcome is not None:
            if run.timer is not None:
                run.timer.cancel()
            run.done(outcome)

    def _failed(self, run: _Run, trouble: Exception) -> Outcome:
        """The edge: an error nobody foresaw is a denial, logged once, told without its inside."""
        trace_id = run.trace.trace_id if run.trace is not None else None
        _log.error("authorize_failed", exc_info=trouble, extra={"trace_id": trace_id} if trace_id else None)
        answer = ANSWERS[Reason.INTERNAL]
        outcome = Outcome(
            reason=Reason.INTERNAL,
            message=f"access denied: {answer.summary}",
            detail=f"Reason: {Reason.INTERNAL}",
            hint="Tell the operators when it happened.",
            sqlstate=answer.sqlstate,
        )
        self._count(run, outcome)
        return outcome

    def _count(self, run: _Run, outcome: Outcome) -> None:
        decision, standing, metrics = outcome.decision, outcome.standing, self._metrics
        took = perf_counter() - run.began
        if run.trace is not None:
            _tell(run.trace, outcome, took)
        if decision is None:
            metrics.denied(run.door, outcome.reason)
            return
        verdict = decision.verdict
        if standing is None:
            # Of a reading nothing stands: rules were asked where it is allowed, or one of them spoke.
            asked = decision.allowed or verdict.findings
            source = AnswerSource.RULES if asked else AnswerSource.NONE
            metrics.decided(run.door, verdict, took, source=source, id=decision.id)
            return
        facts = standing.understanding
        if decision.reused:
            metrics.decided(run.door, verdict, took, source=AnswerSource.REUSED)
        else:
            metrics.decided(run.door, verdict, took, id=decision.id)
            metrics.border.located(facts.location)
        if standing.traffic is None:
            standing.traffic = metrics.border.traffic(run.door, facts, standing.verdict)
        standing.traffic.passed()
        if code := facts.statement.incomplete:
            metrics.incomplete(code)


def begin_question(tracer: Tracer, ask: Ask, now_ns: int) -> Trace | None:
    """The trace of what is asked at a door that runs nothing by itself."""
    sql = ask.given is None
    return tracer.begin(Subject.QUESTION, ask.door, ask.datasource, now_ns, ask.trace, sql=sql)


def _tell(trace: Trace, outcome: Outcome, seconds: float) -> None:
    """What became of it."""
    decision, standing = outcome.decision, outcome.standing
    trace.reason, trace.sqlstate = outcome.reason, outcome.sqlstate
    if decision is not None:
        trace.decision_id, trace.verdict, trace.reused = decision.id, decision.verdict, decision.reused
    if standing is not None:
        trace.kind = standing.understanding.statement.kind
    trace.decided(seconds)


def _too_late() -> SekishoError:
    return SekishoError(Reason.DEADLINE_EXCEEDED, "the caller waits no longer")
