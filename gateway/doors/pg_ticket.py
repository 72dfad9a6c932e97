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


@dataclass(slots=True, eq=False)
class Ticket:
    """One judged execution: under which standing decision, recorded as which id, since when.

    Not frozen, though nobody changes one: one is made for every statement, and that takes thrice the time."""

    standing: Standing
    decision_id: str
    began_ns: int
    judged: Judged | None = None  # of a strict session
    seen: Seen | None = None  # the people in its rows, where they are counted
    trace: Trace | None = None  # that tells of it

    @property
    def usable(self) -> bool:
        """Whether the decision can stand for another execution: not where only what stood in was asked about (EXPLAIN,
        COPY of a table), since the server does not say when that means something else."""
        return self.judged is None or self.judged.whole
