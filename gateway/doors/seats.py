"""Who may be connected: so many at the door, so many sessions in all, so many of one principal. Pure.

More may knock than may sit down: a cancel request is a connection of its own, and it matters most when every seat is
taken; and who is refused under TLS can be told so only under TLS. A seat stays taken while the server still runs
something for a session that has ended: or sessions that are begun and dropped would pile up there unseen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from gateway.model import PrincipalId

_KNOCKING: Final = 16  # connections that may be there on top, however few the seats

Guest = TypeVar("Guest", bound=Hashable)


class Seats(Generic[Guest]):
    """Connections, and those of them that have a seat."""

    def __init__(self, *, sessions: int, per_principal: int) -> None:
        self._sessions = sessions
        self._per_principal = per_principal
        self._there: set[Guest] = set()
        self._seated: dict[Guest, PrincipalId | None] = {}
        self._lingering: set[Guest] = set()
        self._of: Counter[PrincipalId] = Counter()

    def admit(self, guest: Guest) -> bool:
        """Take a connection in, unless there are too many."""
        if len(self._there) >= 2 * self._sessions + _KNOCKING:
            return False
        self._there.add(guest)
        return True

    def take(self, guest: Guest) -> bool:
        """Let a connection log in, unless there are too many sessions."""
        if len(self._seated) >= self._sessions:
            return False
        self._seated[guest] = None
        return True

    def claim(self, guest: Guest, principal: PrincipalId) -> bool:
        """It has turned out whose seat it is: unless that one has too many."""
        if self._of[principal] >= self._per_principal:
            return False
        if self._seated.get(guest, principal) is None:
            self._seated[guest] = principal
            self._of[principal] += 1
        return True

    def linger(self, guest: Guest) -> None:
        """The connection is about to end, but not what the server runs for it: its seat stays taken until ``free``."""
        self._lingering.add(guest)

    def leave(self, guest: Guest) -> None:
        """A connection ended; it may be said more than once."""
        self._there.discard(guest)
        if guest not in self._lingering:
            self.free(guest)

    def free(self, guest: Guest) -> None:
        """Nothing of it is left."""
        self._lingering.discard(guest)
        principal = self._seated.pop(guest, None)
        if principal is not None:
            self._of[principal] -= 1
            if not self._of[principal]:
                del self._of[principal]

    @property
    def there(self) -> list[Guest]:
        """Everybody who is connected."""
        return list(self._there)
