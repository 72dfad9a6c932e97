"""What a caller tells of an execution that the gateway did not see: how much went out, under which decision.

A decision of a document door stays *open* for an hour, for whoever asked: it is completed once, by the same caller (by
the principal, where nobody asked for them) at the same door. Who promised it beforehand (`completes`) may be let
through under limits on people, room for whom is reserved until then; a promise that is not kept is taken for all that
was reserved. Lives on the loop.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audit import record
from gateway.authorize import Authority
from gateway.doors.callers import Words, asker_id
from gateway.doors.documents import bearer_of, count_of, filled, object_of, required, token_of
from gateway.errors import Reason, SekishoError
from gateway.facts.tally import Used
from gateway.metrics import Metrics
from gateway.model import Door, PrincipalId
from gateway.needs import Ask, Outcome
from gateway.rations import Ration
from gateway.reuse import Standing

SECONDS: Final = 3600
"""How long a decision can be completed."""

FIELDS: Final = ("token", "decision_id", "rows", "bytes", "subjects", "sqlstate")
MOST: Final = 2**53 - 1  # what every reader of JSON can hold
LONGEST_ID: Final = 64

_SECOND: Final = 1_000_000_000
_OPEN: Final = 20_000  # decisions in all
_OPEN_OF_ONE: Final = 5_000  # of one principal
UNKNOWN: Final = "no open decision of yours has this id: it may be complete already, or too old"
"""One answer for all who are not told more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What went out under one decision, as the caller tells it."""

    who: Words
    decision_id: str
    rows: int
    sent_bytes: int | None = None
    subjects: int | None = None  # distinct people (or devices) in it; None: as many as rows
    sqlstate: str | None = None  # of the error it ended with

    @property
    def used(self) -> Used:
        """What is to be counted."""
        return Used(self.rows, self.rows if self.subjects is None else min(self.subjects, self.rows))


def read_completion(document: object, authorization: Sequence[str] = ()) -> Completion:
    """The completion in ``document``; ``authorization`` are the values of that header or metadata key."""
    told = object_of(document, "the body", FIELDS)
    sqlstate = filled(told["sqlstate"], "sqlstate", 5) if "sqlstate" in told else None
    return Completion(
        who=Words(token=token_of(told.get("token", "")), bearer=bearer_of(authorization)),
        decision_id=filled(required(told, "decision_id", "decision_id"), "decision_id", LONGEST_ID),
        rows=count_of(required(told, "rows", "rows"), "rows", MOST),
        sent_bytes=count_of(told["bytes"], "bytes", MOST) if "bytes" in told else None,
        subjects=count_of(told["subjects"], "subjects", MOST) if "subjects" in told else None,
        sqlstate=None if sqlstate == "00000" else sqlstate,
    )


@dataclass(frozen=True, slots=True)
class Open:
    """An allowed decision that nobody has completed yet."""

    decision_id: str
    door: Door
    session: str
    principal: PrincipalId
    asker: str  # `callers.asker_id`
    standing: Standing
    ration: Ration | None
    of: str | None  # the entry of the record that is in full, if not its own
    began_ns: int

    @property
    def reserved(self) -> Used:
        """All that it may have shown."""
        rows = self.ration.rows if self.ration is not None else None
        return Used(rows or 1, rows or 1)


class OpenDecisions:
    """Decisions that can be completed, oldest first."""

    def __init__(self, *, most: int = _OPEN, of_one: int = _OPEN_OF_ONE, seconds: int = SECONDS) -> None:
        self._most = most
        self._of_one = of_one
        self._nanoseconds = seconds * _SECOND
        self._open: OrderedDict[str, Open] = OrderedDict()
        self._ids: dict[PrincipalId, OrderedDict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, ask: Ask, outcome: Outcome, now_ns: int) -> list[Open]:
        """Keep what was just allowed; what had to make room for it comes back, and is never completed."""
        decision, standing = outcome.decision, outcome.standing
        if not outcome.allowed or decision is None or standing is None or not ask.executes:
            return []
        full = standing.full_entries.get(ask.session)
        self._open[decision.id] = Open(
            decision.id,
            ask.door,
            ask.session,
            ask.principal.id,
            asker_id(ask.principal.id, ask.caller),
            standing,
            outcome.ration if ask.counts else None,
            full.of if full is not None and full.of != decision.id else None,
            now_ns,
        )
        own = self._ids.setdefault(ask.principal.id, OrderedDict())
        own[decision.id] = None
        gone = []
        if len(own) > self._of_one:  # nobody's flood takes the room of others
            gone.append(self._drop(next(iter(own))))
        if len(self._open) > self._most:
            gone.append(self._drop(next(iter(self._open))))
        return gone

    def take(self, decision_id: str, askers: frozenset[str], door: Door, now_ns: int) -> Open:
        """The open decision of this id. Raises SekishoError: one answer, whoever's it is and whyever it is not open."""
        found = self._open.get(decision_id)
        if found is None or found.asker not in askers or found.door is not door or self._over(found, now_ns):
            raise SekishoError(Reason.DECISION_UNKNOWN, UNKNOWN)
        return self._drop(decision_id)

    def overdue(self, now_ns: int) -> Iterator[Open]:
        """What can be completed no longer."""
        while self._open and self._over(next(iter(self._open.values())), now_ns):
            yield self._drop(next(iter(self._open)))

    def _over(self, one: Open, now_ns: int) -> bool:
        return now_ns - one.began_ns >= self._nanoseconds

    def _drop(self, decision_id: str) -> Open:
        one = self._open.pop(decision_id)
        own = self._ids[one.principal]
        del own[decision_id]
        if not own:
            del self._ids[one.principal]
        return one


class Executions:
    """What becomes of decisions that are open: completed, or taken for all that they may have shown."""

    def __init__(self, authority: Authority, metrics: Metrics) -> None:
        self._authority = authority
        self._metrics = metrics
        self._open = OpenDecisions()

    def began(self, ask: Ask, outcome: Outcome, now_ns: int) -> None:
        """Something may have been allowed just now."""
        for gone in self._open.add(ask, outcome, now_ns):
            self._never_completed(gone, now_ns)

    def completed(self, told: Completion, askers: frozenset[str], door: Door, now_ns: int) -> record.Entry:
        """Count what went out; the entry that says so. Raises SekishoError."""
        done = self._open.take(told.decision_id, askers, door, now_ns)
        self._authority.completed(done.standing, told.rows, now_ns // _SECOND, done.ration, told.used)
        self._metrics.completed(door, ok=told.sqlstate is None, rows=told.rows)
        if done.standing.traffic is not None:
            done.standing.traffic.returned(told.rows, told.sent_bytes or 0)
        return record.completion_entry(
            done.decision_id,
            at_ns=now_ns,
            session=done.session,
            rows=told.rows,
            sqlstate=told.sqlstate,
            duration_us=max(0, now_ns - done.began_ns) // 1000,
            sent_bytes=told.sent_bytes,
            subjects=told.subjects,
            of=done.of,
        )

    def look(self, now_ns: int) -> None:
        """Some can be completed no longer."""
        for left in self._open.overdue(now_ns):
            self._never_completed(left, now_ns)

    def _never_completed(self, left: Open, now_ns: int) -> None:
        """Nobody told what went out. Where somebody had promised to, it is taken for all that could."""
        if left.ration is not None:
            used = left.reserved
            self._authority.completed(left.standing, used.rows, now_ns // _SECOND, left.ration, used)
