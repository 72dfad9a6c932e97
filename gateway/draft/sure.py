"""How sure a guess is, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Sure(IntEnum):
    """How sure. None of them spares anybody the reading of a draft."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """As it is written in a draft."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Guess:
    """One data type that a column may hold. ``data_type`` is a Fides key."""

    data_type: str
    sure: Sure
    why: str


def together(guesses: Iterable[Guess]) -> tuple[Guess, ...]:
    """One guess for each data type, and none for a type whose part is guessed as surely. Two that agree are surer."""
    found: dict[str, Guess] = {}
    for guess in guesses:
        key = next((known for known in found if _one_branch(known, guess.data_type)), None)
        if key is None:
            found[guess.data_type] = guess
            continue
        known = found.pop(key)
        sure = Sure(min(Sure.HIGH, max(known.sure, guess.sure) + (min(known.sure, guess.sure) >= Sure.MEDIUM)))
        merged = Guess(max(known.data_type, guess.data_type, key=len), sure, f"{known.why}; {guess.why}")
        found[merged.data_type] = merged
    return tuple(sorted(found.values(), key=lambda one: (-one.sure, one.data_type)))


def _one_branch(one: str, other: str) -> bool:
    """Whether they are the same, or one is a part of the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
