"""Traces of one session of the postgres door. There is none of these where traces are switched off.

Each Query, Parse and Execute that is judged is a span of its own, below the one that the statement's own comment tells
of (`gateway.trace_context`). An Execute belongs to what the text of its Parse says, however often it is executed: what
is prepared once and executed for a day belongs to one trace for a day, as its text says so. Without such a comment, an
Execute under the decision of its Parse is of the trace that this began, and every further one begins its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gateway.audit.ready import traced
from gateway.model import Door
from gateway.reuse import Repeat
from gateway.trace_context import commented
from gateway.tracing import Subject, Trace, Tracer

_LOST: Final = "08006"  # what the client was told, or would have been


class SessionTraces:
    """Those that are begun, and wait for what the database answers."""

    def __init__(self, tracer: Tracer, datasource: str) -> None:
        self._tracer = tracer
        self._datasource = datasource
        self._open: set[Trace] = set()

    def begin(self, text: str, now_ns: int, *, executes: bool) -> Trace | None:
        """A text is about to be judged. None: nobody wants to see it."""
        subject = Subject.STATEMENT if executes else Subject.PARSE
        found = self._tracer.begin(subject, Door.POSTGRES, self._datasource, now_ns, commented(text), sql=True)
        return self._keep(found) if found is not None and executes else found

    def executed(self, before: Trace | None, now_ns: int) -> Trace | None:
        """A statement goes on under the decision of its Parse."""
        if before is None:
            return None
        trace = self._tracer.follow(before, now_ns)
        trace.decision_id, trace.verdict, trace.kind = before.decision_id, before.verdict, before.kind
        trace.decided_ns = now_ns
        return self._keep(trace)

    def again(self, text: str, repeat: Repeat) -> Trace | None:
        """A statement goes on under a decision that stands, for which ``repeat`` is recorded: with this trace, then."""
        trace = self.begin(text, repeat.at_ns, executes=True)
        if trace is not None:
            standing = repeat.standing
            trace.decision_id, trace.verdict, trace.reused = repeat.decision_id, standing.verdict, True
            trace.kind = standing.understanding.statement.kind
            repeat.entry = traced(repeat.entry, trace.trace_id)
        return trace

    def drop(self, trace: Trace | None) -> None:
        """It goes another way, and that has a trace of its own."""
        if trace is not None:
            self._open.discard(trace)

    def settle(self) -> None:
        """Nothing is under way: what is still open was let through and never sent."""
        while self._open:
            trace = self._open.pop()
            trace.end(trace.decided_ns)

    def over(self) -> None:
        """The session has ended, and with it what was under way."""
        now_ns = time.time_ns()
        while self._open:
            self._open.pop().answered(now_ns, 0, _LOST)

    def _keep(self, trace: Trace) -> Trace:
        trace.awaits, emit = True, trace.emit

        def ended(one: Trace, emit: Callable[[Trace], None] = emit) -> None:
            self._open.discard(one)
            emit(one)

        trace.emit = ended
        self._open.add(trace)
        return trace
