"""How much may wait in this gateway's memory to become whole messages, of all sessions together. Pure.

A message is kept until all of it has come. One is bounded (``limits.message_bytes``), but a thousand sessions could
each send most of one and stop there. What is small is not counted: its bound is the number of sessions.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

_SMALL: Final = 128 * 1024

Guest = TypeVar("Guest", bound=Hashable)


class Room(Generic[Guest]):
    """Bytes that wait, by who sent them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Guest, int] = {}
        self._all = 0

    def fits(self, guest: Guest, size: int) -> bool:
        """Whether there is room for so much of one session's, in place of what it held before."""
        if size < _SMALL:
            if guest in self._held:
                self.leave(guest)
            return True
        self._all += size - self._held.get(guest, 0)
        self._held[guest] = size
        return self._all <= self._most

    def leave(self, guest: Guest) -> None:
        """Nothing of it waits any more."""
        self._all -= self._held.pop(guest, 0)
