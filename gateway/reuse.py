"""What is kept so that no work is done twice: bounded maps of known statements and of standing decisions.

A *standing* decision is an answer with everything it hangs on. It may be used again only while all of that is the same:
the policy and registry revision, what the catalogs say of the relations it rests on, the moment before
``valid_until``, and room left in its volume (`Authority.usable` is the judge).

What is known is known as of an epoch. When the epoch moves, `History` remembers what changed: what rests on none of it
is still known, and is so as of the new epoch from its next use on.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.model import StatementFacts, Understanding, Verdict
from gateway.naming import Naming
from gateway.sql.changes import Changes

Key = TypeVar("Key")
Value = TypeVar("Value")


class Bounded(Generic[Key, Value]):
    """A map that forgets the least recently used entry beyond its limit."""

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int) -> None:
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._limit = limit

    def get(self, key: Key) -> Value | None:
        """The value, now the most recently used one, or None."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


_EPOCHS_REMEMBERED = 64


class History:
    """What changed in one database's catalogs from epoch to epoch, as far back as it is remembered."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: list[tuple[str, Changes]] = []  # an epoch and what changed after it, oldest first

    def moved(self, since: str, changes: Changes) -> None:
        """The epoch ``since`` ended, with these changes."""
        if changes.everything:
            self._steps.clear()
            return
        self._steps.append((since, changes))
        del self._steps[:-_EPOCHS_REMEMBERED]

    def clear(self) -> None:
        """Nobody knows what changed: nothing of before stands."""
        self._steps.clear()

    def stands(self, since: str, depends: frozenset[str] | None) -> bool:
        """Whether nothing that changed after this epoch is among the relations something rests on (None: all are)."""
        if depends is None:
            return False
        for epoch, changes in reversed(self._steps):
            if not depends.isdisjoint(changes.relations):
                return False
            if epoch == since:
                return True
        return False


@dataclass(slots=True)
class Known:
    """What a text does, as of an epoch."""

    facts: StatementFacts
    epoch: str


_SESSIONS_REMEMBERED = 256


@dataclass(slots=True, kw_only=True)
class Answer:
    """What the rules answered to one question, with everything the answer hangs on."""

    verdict: Verdict
    understanding: Understanding
    revision: str
    epoch: str  # the last one as of which it was found to stand
    depends: frozenset[str] | None = None  # OIDs of the relations it rests on; None: it rests on everything
    hint: str = ""  # of a denial: which columns remain


@dataclass(slots=True, kw_only=True)
class Standing(Answer):
    """A decision about one text that may stand for further executions."""

    normalised: str
    statement_hash: str
    text: str | None = None  # what goes on in place of the text asked about; None: that text itself
    naming: Naming | None = None  # which names of the session the text uses, and where
    full_entries: dict[str, str] = field(default_factory=dict)  # session -> id of its full entry in the record

    def remember(self, session: str, decision_id: str) -> None:
        """The full entry of this decision in this session; further executions may refer to it."""
        if len(self.full_entries) >= _SESSIONS_REMEMBERED:
            self.full_entries.clear()
        self.full_entries[session] = decision_id
