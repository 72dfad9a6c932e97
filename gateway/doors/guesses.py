"""Guessing passwords gets slower: each wrong one doubles the wait for the next of the same address and user. Pure.

A login that must wait is asked for its password only then, and the next one after it has to wait for that one, too:
many connections at once guess no faster than one. Whoever would wait too long is refused at once and nothing is
checked. A name nobody has is treated like any other, and nobody else waits: not another user of the same address, nor
the same user from elsewhere, or strangers could lock people out.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gateway.doors.refusals import network_of

_KNOWN: Final = 10_000  # pairs of address and user told apart; beyond, the one that guessed longest ago is forgotten
_FORGET: Final = 900.0  # seconds after the last wrong password
_DOUBLINGS: Final = 32


@dataclass(slots=True)
class _Record:
    wrong: int = 0
    last: float = 0.0
    free: float = 0.0  # when the next one may be asked


class Guesses:
    """Wrong passwords by address and user. Moments are seconds of a clock that never goes back."""

    def __init__(self, *, first: float, most: float, patience: float) -> None:
        """``first`` and ``most``: seconds that one waits after one wrong password, and at the most; ``patience``: who
        would wait for longer is refused."""
        self._first = first
        self._most = most
        self._patience = patience
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()  # who was wrong last comes last

    def wait(self, address: str | None, user: str, now: float) -> float | None:
        """Seconds that a login waits before it is asked for its password; None: it is refused."""
        key = network_of(address), user
        record = self._records.get(key)
        if record is None:
            return 0.0
        if now - record.last >= _FORGET:
            del self._records[key]
            return 0.0
        free = max(record.free, now)
        if free - now > self._patience:
            return None
        record.free = free + self._delay(record)
        return free - now

    def seconds_left(self, address: str | None, user: str, now: float) -> float:
        """How long somebody who was refused should wait."""
        record = self._records.get((network_of(address), user))
        return max(0.0, record.free - now) if record is not None else 0.0

    def wrong(self, address: str | None, user: str, now: float) -> None:
        """A password was wrong."""
        if not self._first:
            return
        key = network_of(address), user
        record = self._records.setdefault(key, _Record())
        record.wrong, record.last = record.wrong + 1, now
        record.free = max(record.free, now + self._delay(record))
        self._records.move_to_end(key)
        while len(self._records) > _KNOWN:
            self._records.popitem(last=False)

    def right(self, address: str | None, user: str) -> None:
        """It was right: what came before is forgotten."""
        self._records.pop((network_of(address), user), None)

    def _delay(self, record: _Record) -> float:
        return min(self._most, self._first * 2.0 ** min(record.wrong - 1, _DOUBLINGS))
