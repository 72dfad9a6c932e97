"""How many statements that nobody knows yet one principal may ask about: so many a second, so many at once. Pure.

A statement over the rate is not refused but waits for its turn, as long as that comes soon: a schema dump gets slower
and does not fail. What would wait too long, or is too many at once, is refused, and told after a pause: a program that
tries again at once is answered at that pace, too. A known statement costs nothing here; what takes longer than most, a
large tree or a text that is hard to read, counts as several.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil

from gateway.config import Limits

_PAUSE = 1.0  # seconds before a refusal is told
_PAUSING = 1000  # refusals that pause at the same time; one more is told at once
_TREE_OF_ONE = 32_768  # characters of a tree; each so many more count as one statement more
_OWN_TREE_OF_ONE = 131_072  # the same of a strict session's own, which are compared each time and read once
_LOOP_OF_ONE = 0.001  # seconds for which everybody else waited; each so many more count as one statement more
_SWEPT = 1024  # principals looked at before those who owe nothing are forgotten


@dataclass(frozen=True, slots=True)
class Pass:
    """The answer to one statement: after ``delay`` seconds it may go on, or is refused with these words."""

    delay: float
    refusal: str = ""
    seated: bool = False  # it counts among those that are under way at once


class Allowance:
    """The rates and numbers of all principals."""

    def __init__(self, limits: Limits) -> None:
        self._rate = limits.unknown_per_second
        self._burst = limits.unknown_burst
        self._most = limits.unknown_waiting
        self._patience = limits.unknown_delay_ms / 1000
        self._debts: dict[str, float] = {}  # until when each one's statements so far are paid for
        self._sweep_at = _SWEPT
        self._inside: Counter[str] = Counter()
        self._refusals = 0  # on their way

    def enter(self, principal: str, now: float, *, patient: bool = True) -> Pass:
        """One statement more. ``leave`` must follow. ``patient`` False: whoever asks cannot be kept waiting."""
        given = self.seat(principal, patient=patient)
        if given.refusal:
            return given
        paced = self.pace(principal, now, patient=patient)
        if paced.refusal:
            self.leave(principal, given)
            return paced
        self._charge(principal, now, 1)
        return Pass(paced.delay, seated=True)

    def seat(self, principal: str, *, patient: bool = True) -> Pass:
        """A place among those under way, for what has been counted already. ``leave`` must follow."""
        if self._inside[principal] >= self._most:
            return self._refused(
                f"{self._most} statements of yours wait to be analysed already, and no more are taken at once",
                _PAUSE,
                patient,
            )
        self._inside[principal] += 1
        return Pass(0.0, seated=True)

    def pace(self, principal: str, now: float, *, patient: bool = True) -> Pass:
        """How long what the principal does next has to wait for what it did so far. ``leave`` must follow."""
        paid = max(self._debts.get(principal, 0.0), now)
        delay = max(0.0, paid - now - (self._burst - 1) / self._rate)
        if delay > (self._patience if patient else 0.0):
            return self._refused(
                f"you may run {self._rate} statements a second that the gateway does not know yet, "
                f"and {self._burst} at a time",
                delay,
                patient,
            )
        return Pass(delay)

    def charge_tree(self, principal: str, now: float, characters: int, *, own: bool = False) -> None:
        """The statement's tree is so long: reading it takes as long as several statements do."""
        self._charge(principal, now, characters // (_OWN_TREE_OF_ONE if own else _TREE_OF_ONE))

    def charge_time(self, principal: str, now: float, seconds: float) -> None:
        """For so long nobody else was served."""
        self._charge(principal, now, int(seconds / _LOOP_OF_ONE))

    def _charge(self, principal: str, now: float, statements: int) -> None:
        if statements > 0:
            self._debts[principal] = max(self._debts.get(principal, 0.0), now) + statements / self._rate
            if len(self._debts) > self._sweep_at:
                self._sweep(now)

    def leave(self, principal: str, given: Pass) -> None:
        """The statement is analysed, its refusal told, or nobody waits for either any more."""
        if given.refusal:
            self._refusals -= 1
        if not given.seated:
            return
        self._inside[principal] -= 1
        if not self._inside[principal]:
            del self._inside[principal]

    def _refused(self, limit: str, seconds: float, patient: bool) -> Pass:
        self._refusals += 1
        words = f"{limit}; try again in {max(1, ceil(seconds))} s"
        return Pass(_PAUSE if patient and self._refusals <= _PAUSING else 0.0, words)

    def _sweep(self, now: float) -> None:
        """Forget those who owe nothing: they begin anew with the same."""
        self._debts = {principal: paid for principal, paid in self._debts.items() if paid > now}
        self._sweep_at = max(_SWEPT, 2 * len(self._debts))
