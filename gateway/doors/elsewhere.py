"""Completions that reach another worker than the one that decided: of a gateway's several workers any may get one.

Whose decision it is follows from its id. The worker that decided is asked, over the lines they have to their supervisor
and through nothing else: it alone knows whether the decision is open, and for whom. Who tells it was established by the
worker they told, so no token goes that way. Where no answer comes in time nobody knows whether it was counted; telling
it once more does no harm, as it is counted once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from gateway.doors.callers import Words
from gateway.doors.completions import UNKNOWN, Completion
from gateway.errors import Reason, SekishoError
from gateway.model import Door, JsonValue

_LATE: Final = "the worker that decided did not answer in time; whether this was counted is not known"
_NOBODY: Final = Words()

Complete = Callable[[Completion, frozenset[str], Door], Awaitable[None]]


class Asking(Protocol):
    """One of several workers, that can ask the others (`gateway.links.siblings`)."""

    number: int  # from 1

    async def ask(self, worker: int, question: JsonValue) -> Any:
        """The answer; None: nobody is there. Raises TimeoutError, and SekishoError where too many wait already."""


class Elsewhere:
    """The other workers, where decisions of theirs are completed."""

    def __init__(self, here: Asking, owner: Callable[[str], int | None]) -> None:
        """``owner``: whose decision an id is of, from 0; None: nobody makes such."""
        self._here = here
        self._owner = owner

    async def complete(self, told: Completion, askers: frozenset[str], door: Door) -> bool:
        """Have it completed where it belongs; False: that is here. Raises SekishoError."""
        owner = self._owner(told.decision_id)
        if owner is None or owner + 1 == self._here.number:
            return False
        try:
            answer = await self._here.ask(owner + 1, _question(told, askers, door))
        except TimeoutError:
            raise SekishoError(Reason.WORKER_UNAVAILABLE, _LATE) from None
        if answer is None:  # it has ended, and what it had open with it
            raise SekishoError(Reason.DECISION_UNKNOWN, UNKNOWN)
        if answer:
            reason, detail = answer
            raise SekishoError(Reason(reason), detail)
        return True


async def complete_for_another(complete: Complete, question: Any) -> JsonValue:
    """What a worker answers that is asked so: nothing where it is completed, else why not."""
    decision_id, rows, sent_bytes, subjects, sqlstate, askers, door = question
    told = Completion(
        who=_NOBODY,
        decision_id=decision_id,
        rows=rows,
        sent_bytes=sent_bytes,
        subjects=subjects,
        sqlstate=sqlstate,
    )
    try:
        await complete(told, frozenset(askers), Door(door))
    except SekishoError as error:
        return [error.reason, error.detail]
    return []


def _question(told: Completion, askers: frozenset[str], door: Door) -> JsonValue:
    about: list[JsonValue] = [told.decision_id, told.rows, told.sent_bytes, told.subjects, told.sqlstate]
    return [*about, sorted(askers), door]
