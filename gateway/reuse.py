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
from typing import Any, Generic, TypeVar

from gateway.audit.ready import Repeats
from gateway.counts import Traffic
from gateway.facts.sightings import Presence
from gateway.facts.subjects import Cost
from gateway.model import Confidence, StatementFacts, Understanding, Verdict
from gateway.naming import Naming
from gateway.sql.changes import Changes

Key = TypeVar("Key")
Value = TypeVar("Value")


class _Segment(Generic[Key, Value]):
    """What one owner holds, the least recently used first."""

    __slots__ = ("entries", "owner", "weight")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.entries: OrderedDict[_Entry[Key, Value], None] = OrderedDict()
        self.weight = 0


class _Entry(Generic[Key, Value]):
    __slots__ = ("key", "segment", "value", "weight")

    def __init__(self, key: Key, value: Value, weight: int, segment: _Segment[Key, Value]) -> None:
        self.key = key
        self.value = value
        self.weight = weight
        self.segment = segment


class Bounded(Generic[Key, Value]):
    """A map that forgets beyond its limit: first of what those hold who hold more than their share.

    An entry is its owner's until somebody else uses it; from then on it is shared, and nobody's flood pushes it out.
    While there is room, anybody may use all of it.
    """

    __slots__ = ("_entries", "_limit", "_segments", "_shared", "_weight")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clear()

    def get(self, key: Key, owner: str = "") -> Value | None:
        """The value, now the most recently used one of its segment, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        segment = entry.segment
        if segment.owner == owner or segment is self._shared:
            segment.entries.move_to_end(entry)
        else:
            self._share(entry)
        return entry.value

    def put(self, key: Key, value: Value, owner: str = "", weight: int = 1) -> None:
        """Keep a value. ``weight``: of how many ordinary entries it takes the room."""
        old = self._entries.get(key)
        segment = old.segment if old is not None else self._segments.get(owner)
        if old is not None:
            self._drop(old)
        if segment is None:
            segment = _Segment(owner)
        if segment is not self._shared:
            self._segments[segment.owner] = segment  # again, where its last entry has just gone
        entry = self._entries[key] = _Entry(key, value, weight, segment)
        self._add(entry)
        while self._weight > self._limit:
            self._drop(next(iter(self._over(segment).entries)))

    def clear(self) -> None:
        """Forget everything."""
        self._entries: dict[Key, _Entry[Key, Value]] = {}
        self._segments: dict[str, _Segment[Key, Value]] = {}
        self._shared: _Segment[Key, Value] = _Segment("")
        self._weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def _over(self, putting: _Segment[Key, Value]) -> _Segment[Key, Value]:
        """The segment that has to give something up."""
        if not self._segments:
            return self._shared
        fair = (self._limit - self._shared.weight) // len(self._segments)
        if putting is not self._shared and putting.weight > fair:
            return putting
        return max(self._segments.values(), key=_weight)

    def _share(self, entry: _Entry[Key, Value]) -> None:
        self._drop(entry)
        entry.segment = self._shared
        self._entries[entry.key] = entry
        self._add(entry)
        # Two who help each other must not have all of it either.
        while self._shared.weight > max(1, self._limit * 3 // 4):
            self._drop(next(iter(self._shared.entries)))

    def _add(self, entry: _Entry[Key, Value]) -> None:
        entry.segment.entries[entry] = None
        entry.segment.weight += entry.weight
        self._weight += entry.weight

    def _drop(self, entry: _Entry[Key, Value]) -> None:
        segment = entry.segment
        del self._entries[entry.key], segment.entries[entry]
        segment.weight -= entry.weight
        self._weight -= entry.weight
        if not segment.entries and segment is not self._shared:
            del self._segments[segment.owner]


def _weight(segment: _Segment[Any, Any]) -> int:
    return segment.weight


_KILOBYTE = 1024


def weight(text: str) -> int:
    """Of how many ordinary entries an entry about this text takes the room: its length is what it costs."""
    return 1 + len(text) // _KILOBYTE


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
    presence: Presence | None = None  # of the person at their place; None: nobody knows where that is
    hint: str = ""  # of a denial: which columns remain
    cost: Cost | None = None  # in people; None: nothing is counted
    rows: int | None = None  # the row limit that was found for it the last time

    @property
    def given(self) -> bool:
        """Whether its facts are a door's own (a route's, a caller's): no catalog of a database is in them."""
        return self.understanding.statement.confidence is not Confidence.ATTESTED

    @property
    def lasting(self) -> bool:
        """Whether it may be used again at all."""
        return bool(self.epoch) or self.given


@dataclass(slots=True, kw_only=True)
class Standing(Answer):
    """A decision about one text that may stand for further executions."""

    normalised: str
    statement_hash: str
    text: str | None = None  # what goes on in place of the text asked about; None: that text itself
    naming: Naming | None = None  # which names of the session the text uses, and where
    simple: bool = False  # allowed, understood, and nothing said or set with it: a further execution needs an entry
    traffic: Traffic | None = None  # what counts whose data it touches; made when it is counted first
    full_entries: dict[str, Repeats] = field(default_factory=dict)  # by session: what refers to its full entry

    def remember(self, session: str, decision_id: str) -> None:
        """The full entry of this decision in this session; further executions may refer to it."""
        if len(self.full_entries) >= _SESSIONS_REMEMBERED:
            self.full_entries.clear()
        self.full_entries[session] = Repeats(decision_id, session)


class Repeat:
    """One more execution under a decision that stands. Nothing goes on before ``entry`` is as durable as the verdict
    asks. No dataclass: one is made for every statement, and the ``__init__`` of those is not compiled."""

    __slots__ = ("at_ns", "decision_id", "entry", "standing")

    def __init__(self, standing: Standing, decision_id: str, entry: str, at_ns: int) -> None:
        """``entry``: for the record, as canonical text."""
        self.standing = standing
        self.decision_id = decision_id
        self.entry = entry
        self.at_ns = at_ns
