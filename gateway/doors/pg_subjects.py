"""What a session sees pass by of the people whose data it is: keys in rows, hashed and forgotten, counted at the end.

A value is never kept: what leaves here is a keyed hash, which says nothing to whoever has no key, and is a count soon
after. A row that shows no key (NULL, or a row too long to be gathered) counts as one more subject.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from gateway.authorize import Authority
from gateway.facts.subjects import Kind
from gateway.facts.tally import Used
from gateway.needs import Outcome
from gateway.rations import Ration
from gateway.reuse import Standing

_HASH_BYTES: Final = 8
_MOST_KEPT: Final = 16_384  # hashes, before they are counted: a result of millions of rows takes no more room

Values = tuple[tuple[Kind, ...], frozenset[bytes]]


class Counted:
    """Of one session: executions whose people are counted, until they are settled."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._open: set[Seen] = set()

    def begin(self, outcome: Outcome) -> Seen | None:
        """A statement is let through; None where nobody in it is counted."""
        ration, rations = outcome.ration, self._authority.rations
        if ration is None or ration.room is None or rations is None or not outcome.allowed:
            return None
        seen = Seen(ration, rations.key, self._add)
        self._open.add(seen)
        return seen

    def completed(self, standing: Standing, rows: int, seen: Seen | None, at: int) -> None:
        """It ended."""
        if seen is None or seen not in self._open:
            return self._authority.completed(standing, rows, at)
        self._open.remove(seen)
        self._authority.completed(standing, rows, at, seen.ration, seen.used(rows))

    def settle(self) -> None:
        """Nothing runs, or the session is over: what was never completed showed what was seen of it."""
        rations, left = self._authority.rations, self._open
        if left and rations is not None:
            self._open = set()
            for seen in left:
                rations.settle(seen.ration, seen.used(0), int(time.time()))

    def _add(self, ration: Ration, values: Values) -> None:
        if self._authority.rations is not None:
            self._authority.rations.add(ration, *values, int(time.time()))


class Seen:
    """One execution's rows (`gateway.pgwire.actions.RowWatch`)."""

    __slots__ = ("_count", "_domains", "_key", "_keyed", "_last", "_places", "_sets", "ration", "total", "whole")

    def __init__(self, ration: Ration, key: bytes, count: Callable[[Ration, Values], None]) -> None:
        """``count``: adds what was seen to the counts, and gives nothing back."""
        self.ration = ration
        self._key = key
        self._count = count
        self._places = {watch.place: watch for watch in ration.cost.watches}
        self._last = max(self._places, default=-1)
        self._sets: dict[int, set[bytes]] = {place: set() for place in self._places}
        self._domains: dict[int, bytes] = {}
        for place, watch in self._places.items():
            domain = watch.domain.encode()
            self._domains[place] = b"%d:%b" % (len(domain), domain)
        self._keyed = 0
        self.total = 0
        self.whole = bool(self._places)

    def rows(self, data: bytes, start: int, counted: int) -> None:
        """So many rows begin here, one after the other; the last may be cut."""
        self.total += counted
        if not self.whole:
            return
        for _ in range(counted):
            end = start + 1 + int.from_bytes(data[start + 1 : start + 5], "big")
            if end > len(data):
                return
            self._keyed += self._row(data, start + 7, end, int.from_bytes(data[start + 5 : start + 7], "big"))
            start = end

    def used(self, rows: int) -> Used:
        """What was shown in all, of so many rows."""
        rows = max(rows, self.total)
        values = tuple((self._places[place].kinds, frozenset(found)) for place, found in self._sets.items() if found)
        return Used(rows, max(0, rows - self._keyed), values)

    def _row(self, data: bytes, position: int, end: int, fields: int) -> bool:
        """Whether every key that should be in a row is in it."""
        found = 0
        for place in range(min(fields, self._last + 1)):
            length = int.from_bytes(data[position : position + 4], "big", signed=True)
            position += 4
            if length < 0:
                continue
            if position + length > end:
                return False
            if place in self._sets:
                self._add(place, data[position : position + length])
                found += 1
            position += length
        return found == len(self._sets)

    def _add(self, place: int, value: bytes) -> None:
        seen = self._sets[place]
        seen.add(blake2b(self._domains[place] + value, key=self._key, digest_size=_HASH_BYTES).digest())
        if len(seen) >= _MOST_KEPT:
            self._count(self.ration, (self._places[place].kinds, frozenset(seen)))
            seen.clear()
