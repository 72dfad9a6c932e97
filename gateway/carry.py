"""The driver of `authorize` for the command line: one question at a time, and nobody else to be held up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.errors import SekishoError
from gateway.needs import Need, Outcome, Work


async def carry(work: Work, meet: Callable[[Need], Awaitable[object]]) -> Outcome:
    """Run one generator to its end. ``meet`` answers each need, or raises SekishoError, which is the work's to hear."""
    answer: object = None
    trouble: SekishoError | None = None
    while True:
        try:
            need = work.send(answer) if trouble is None else work.throw(trouble)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        answer = trouble = None
        try:
            answer = await meet(need)
        except SekishoError as error:
            trouble = error
