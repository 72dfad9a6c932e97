"""What a trace tells of one statement or question: when each stage began and ended, and what was decided. Pure.

Spans are made from times that are taken anyway (`decision_duration_seconds` counts the same ones), and nothing is put
together here: a finished ``Trace`` goes to whoever made it (`gateway.links.traces`), who has a queue with an end. So
nothing waits for a trace, ever, and one that is lost is counted and missed by nobody: **a trace is no record**, which
is why failing open is right here and nowhere else.

No SQL, nobody's name or address, no table is in a trace: ids, closed words, and codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from gateway.errors import Reason
from gateway.metric_labels import Stage
from gateway.model import Door, Verdict
from gateway.trace_context import Context

MOST_PARTS: Final = 24  # spans below the first one
_SECOND: Final = 1_000_000_000


class Subject(StrEnum):
    """What a trace is about: the name of its first span."""

    STATEMENT = "sekisho.statement"  # runs at a database
    PARSE = "sekisho.parse"  # is prepared there: what executes it is another trace's first span
    QUESTION = "sekisho.question"  # is asked about, and run by somebody else


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the database answered."""

    rows: int
    sqlstate: str


@dataclass(slots=True)
class Part:
    """A span below the first one. ``upstream``: it is the database's, and no stage of ours."""

    stage: Stage | None
    began_ns: int
    ended_ns: int
    upstream: Upstream | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Trace:
    """One first span, and what is known of it so far."""

    subject: Subject
    door: Door
    datasource: str
    sql: bool  # for PostgreSQL; False: of a service, or what a caller declared
    trace_id: str
    span_id: str
    parent: str = ""  # the span it belongs to; empty: it is the first of its trace
    remote: bool = False  # that one is somebody else's
    state: str = ""
    began_ns: int
    emit: Callable[[Trace], None]
    awaits: bool = False  # what is allowed goes to a database, whose answer belongs to it
    ended_ns: int = 0  # 0: not yet
    decided_ns: int = 0
    parts: list[Part] = field(default_factory=list)
    decision_id: str = ""
    verdict: Verdict | None = None
    reason: Reason = Reason.ALLOWED
    reused: bool = False
    kind: str = ""  # of the statement; empty: not understood
    sqlstate: str = ""  # of what was denied, or the server's own complaint

    def took(self, stage: Stage, since: float, began: float, ended: float) -> None:
        """A stage, or one more piece of the same one. All times are of one counter: ``since``, when this began."""
        begin_ns = self.began_ns + int((began - since) * _SECOND)
        end_ns = self.began_ns + int((ended - since) * _SECOND)
        if self.parts and self.parts[-1].stage is stage:
            self.parts[-1].ended_ns = end_ns
        elif len(self.parts) < MOST_PARTS:
            self.parts.append(Part(stage, begin_ns, end_ns))

    def recorded(self, at_ns: int) -> None:
        """Of what needed nothing but its entry: that is there now, and it was all."""
        self.decided_ns = max(at_ns, self.began_ns)
        self.parts.append(Part(Stage.RECORD, self.began_ns, self.decided_ns))

    def decided(self, seconds: float) -> None:
        """All stages are done, so long after the beginning. Where nothing of a database's is to come, that is all."""
        self.decided_ns = self.began_ns + int(seconds * _SECOND)
        if not self.awaits or self.reason is not Reason.ALLOWED:
            self.end(self.decided_ns)

    def answered(self, at_ns: int, rows: int, sqlstate: str) -> None:
        """The database is done with it; or the connection is, perhaps before anything was decided."""
        if self.decided_ns and not self.ended_ns:
            self.parts.append(Part(None, self.decided_ns, max(at_ns, self.decided_ns), Upstream(rows, sqlstate)))
        self.end(at_ns)

    def end(self, at_ns: int) -> None:
        """Nothing more is to come. Once."""
        if not self.ended_ns:
            self.ended_ns = max(at_ns, self.decided_ns, self.began_ns)
            self.emit(self)


class Tracer(Protocol):
    """Who begins traces. None in its place: they are switched off."""

    def begin(
        self, subject: Subject, door: Door, datasource: str, at_ns: int, parent: Context | None, *, sql: bool
    ) -> Trace | None:
        """A trace from that moment on; None: this one is not sampled."""
        ...

    def follow(self, before: Trace, at_ns: int) -> Trace:
        """What is executed under the decision that ``before`` is about: of the same trace."""
        ...
