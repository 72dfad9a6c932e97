"""Whose turn it is: a few places, given in turn to everybody who has something waiting.

``FairQueue`` knows no clock and no loop. Places go round the owners of what waits, so one who asks a thousand times
waits as long for his second turn as there are others. No owner, and nobody's key, holds every place while there is more
than one: what is held up (by a lock, say) holds up its own kind and not the rest. ``Turns`` is the same for coroutines.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One request for a place."""

    owner: str
    keys: frozenset[str] = frozenset()  # what it may be held up by; others with one of them are held up alike


class FairQueue:
    """So many places, and the tickets that hold them or wait."""

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError("a queue without places serves nobody")
        self._free = self._places = places
        self._share = max(1, places - 1)  # of one owner, and of one key
        self._holding: set[Ticket] = set()
        self._owners: Counter[str] = Counter()  # places held
        self._keys: Counter[str] = Counter()
        self._waiting: OrderedDict[str, OrderedDict[Ticket, None]] = OrderedDict()  # owners in order of their turn

    def add(self) -> list[Ticket]:
        """One place more. The tickets that hold a place from now on."""
        self._free += 1
        self._places += 1
        self._share = max(1, self._places - 1)
        return self._call()

    def enter(self, ticket: Ticket) -> bool:
        """True where the ticket holds a place now; else it waits. It must ``leave`` in either case."""
        self._waiting.setdefault(ticket.owner, OrderedDict())[ticket] = None
        return ticket in self._call()

    def leave(self, ticket: Ticket) -> list[Ticket]:
        """A place is given back, or waited for no longer. The tickets that hold a place from now on."""
        if ticket in self._holding:
            self._holding.discard(ticket)
            self._free += 1
            _less(self._owners, (ticket.owner,))
            _less(self._keys, ticket.keys)
        else:
            self._gone(ticket)
        return self._call()

    @property
    def waiting(self) -> int:
        """How many tickets wait."""
        return sum(map(len, self._waiting.values()))

    def _call(self) -> list[Ticket]:
        called: list[Ticket] = []
        while self._free and (ticket := self._next()) is not None:
            self._waiting.move_to_end(ticket.owner)
            self._gone(ticket)
            self._free -= 1
            self._holding.add(ticket)
            self._owners[ticket.owner] += 1
            self._keys.update(ticket.keys)
            called.append(ticket)
        return called

    def _next(self) -> Ticket | None:
        """The first ticket that may have a place, of the owner whose turn it is."""
        for owner, tickets in self._waiting.items():
            if self._owners[owner] < self._share:
                for ticket in tickets:
                    if all(self._keys[key] < self._share for key in ticket.keys):
                        return ticket
        return None

    def _gone(self, ticket: Ticket) -> None:
        tickets = self._waiting.get(ticket.owner)
        if tickets is not None:
            tickets.pop(ticket, None)
            if not tickets:
                del self._waiting[ticket.owner]


def _less(counter: Counter[str], names: Iterable[str]) -> None:
    for name in names:
        counter[name] -= 1
        if not counter[name]:
            del counter[name]


class Turns:
    """A fair queue to wait in. Lives on the loop."""

    def __init__(self, places: int) -> None:
        self._queue = FairQueue(places)
        self._called: dict[Ticket, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def turn(self, owner: str, keys: frozenset[str] = frozenset()) -> AsyncIterator[None]:
        """Wait for a place, and hold it. Whoever is cancelled in between leaves nothing behind."""
        ticket = Ticket(owner, keys)
        try:
            if not self._queue.enter(ticket):
                waiting = self._called[ticket] = asyncio.get_running_loop().create_future()
                await waiting
            yield
        finally:
            self._called.pop(ticket, None)
            self._tell(self._queue.leave(ticket))

    def add(self) -> None:
        """One place more."""
        self._tell(self._queue.add())

    def _tell(self, called: list[Ticket]) -> None:
        for ticket in called:
            waiting = self._called[ticket]
            if not waiting.done():  # else it was cancelled a moment ago, and is about to leave
                waiting.set_result(None)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._queue.waiting
