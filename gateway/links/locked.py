"""Relations that somebody else holds a strong lock on, as far as analyses that waited in vain can tell. Pure.

An analysis takes the locks of its statement, so it waits where an ALTER TABLE does. What is known afterwards is the set
of relations its text named, not which of them it was; so only a statement that names *all* of them is turned away: it
would have waited too. A statement that gets through clears every set within its own names. After a pause one statement
is let through to see, and no second one while it waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.sql.named import Names

_MOST = 256  # sets remembered


@dataclass(slots=True)
class _Suspect:
    until: float
    probed: bool = False  # a statement is on its way to see


class Locked:
    """The sets of names under suspicion."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._suspects: dict[Names, _Suspect] = {}

    def blocked(self, names: Names, now: float) -> Names | None:
        """The names a statement would wait for in vain, or None."""
        for suspected, state in self._suspects.items():
            if suspected <= names and (state.probed or now < state.until):
                return suspected
        return None

    def begin(self, names: Names) -> None:
        """A statement that is not blocked is on its way."""
        for suspected, state in self._suspects.items():
            if suspected <= names:
                state.probed = True

    def passed(self, names: Names) -> None:
        """It got every lock."""
        for suspected in [one for one in self._suspects if one <= names]:
            del self._suspects[suspected]

    def waited(self, names: Names, now: float) -> None:
        """It waited for a lock until it was told to stop."""
        if not names:
            return
        self._suspects.pop(names, None)  # it becomes the youngest
        self._suspects[names] = _Suspect(now + self._pause)
        self.ended(names)
        while len(self._suspects) > _MOST:
            del self._suspects[next(iter(self._suspects))]

    def ended(self, names: Names) -> None:
        """It ended in some other way, which says nothing about locks."""
        for suspected, state in self._suspects.items():
            if suspected <= names:
                state.probed = False


def in_words(names: Names) -> str:
    """The names for the person who wrote them: short, one line."""
    shown = sorted({_shown(name) for name, _ in names})
    return ", ".join(shown[:3]) + (" and others" if len(shown) > 3 else "")


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:63])
