"""The ticket of one execution: what a session keeps of a judgement while the server answers."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.doors.pg_subjects import Seen
from gateway.model import StatementFacts
from gateway.reuse import Standing
from gateway.tracing import Trace


@dataclass(frozen=True, slots=True)
class Judged:
    """What was judged in a strict session."""

    trees: frozenset[bytes]  # digests
    facts: StatementFacts
    whole: bool  # the server says these trees again whenever it analyses the text: nothing stood in for it
    narrowed: bool  # obligations were written into it: touching no more than it does is not enough


class Ticket:
    """One judged execution: under which standing decision, recorded as which id, since when.

    No dataclass: one is made for every statement, and the ``__init__`` of those is not compiled."""

    __slots__ = ("began_ns", "decision_id", "judged", "seen", "standing", "trace")

    def __init__(
        self,
        standing: Standing,
        decision_id: str,
        began_ns: int,
        judged: Judged | None = None,
        seen: Seen | None = None,
        trace: Trace | None = None,
    ) -> None:
        """``judged``: of a strict session; ``seen``: the people in its rows, where they are counted; ``trace``: that
        tells of it."""
        self.standing = standing
        self.decision_id = decision_id
        self.began_ns = began_ns
        self.judged = judged
        self.seen = seen
        self.trace = trace

    @property
    def usable(self) -> bool:
        """Whether the decision can stand for another execution: not where only what stood in was asked about (EXPLAIN,
        COPY of a table), since the server does not say when that means something else."""
        return self.judged is None or self.judged.whole
