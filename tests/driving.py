"""The driver of `authorize` for tests: the same body that the gateway's own runs, without a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.errors import SekishoError
from gateway.needs import Need, Outcome, Work


def run_sync(work: Work, answer: Callable[[Need], Any]) -> Outcome:
    """``answer`` gives what each need asks for, or raises SekishoError."""
    try:
        need = next(work)
        while True:
            try:
                found = answer(need)
            except SekishoError as error:
                need = work.throw(error)
            else:
                need = work.send(found)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
