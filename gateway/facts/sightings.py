"""Where each person was seen in the last minutes: who is in two countries within minutes is in both, and flagged.

Nobody crosses a border within the window (ten minutes, unless configured), so one of the two is somebody else, or is
not where its address says; which one, nobody can tell here. The memory is of persons: several sessions, doors, workers
and identities of one person count together. Every execution is a sighting, also under a decision that stands; a stay
at a place that is not known is none. An announced trip excuses nothing: it says why somebody is in another country, and
not how they could be in two.

The memory is bounded. Somebody for whom there is no room is at a place of unknown confidence, until there is room: that
two places would be noticed is what makes one of them certain. What has expired makes room, and nothing else does.

Moments are known to within a tenth of the window, which is forgotten by that much later. Belongs to one thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from gateway.config import Limits
from gateway.model import Confidence, Country, Location, PrincipalId, Told

_FAR_FUTURE: Final = 253_402_300_799
_WORSE: Final = (Confidence.ATTESTED, Confidence.INFERRED, Confidence.DECLARED, Confidence.UNKNOWN)
_ANOTHER: Final = "another_session"
_NO_ROOM: Final = (
    "more people are at work than limits.sightings: whether this person is elsewhere at the same time is not known"
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody was somewhere; what one worker tells the others."""

    person: PrincipalId
    country: Country
    confidence: Confidence
    at: int

    def plain(self) -> list[Any]:
        """As it goes from process to process."""
        return [self.person, self.country, str(self.confidence), self.at]

    @classmethod
    def read(cls, plain: list[Any]) -> Self:
        """What that was."""
        person, country, confidence, at = plain
        return cls(person, country, Confidence(confidence), at)


class _Trail:
    """Of one person: each country with when they were seen there last, and how well that was known."""

    __slots__ = ("last", "seen", "version")

    def __init__(self) -> None:
        self.seen: dict[Country, tuple[int, Confidence]] = {}
        self.last = 0  # of all of them
        self.version = 0  # moves when they are seen in a country where they were not


class Presence:
    """One person at one place, as one answer saw them. The answer stands while they are seen nowhere else."""

    __slots__ = ("_at", "_sightings", "_trail", "_version", "countries", "person")

    def __init__(
        self, sightings: Sightings, trail: _Trail, person: PrincipalId, countries: Mapping[Country, Confidence], at: int
    ) -> None:
        self._sightings = sightings
        self._trail = trail
        self._version = trail.version
        self._at = at
        self.person = person
        self.countries = countries

    def stands(self, at: int) -> bool:
        """Whether they are still seen only where they were; being asked is being seen there once more."""
        trail = self._trail
        if trail.version != self._version:
            return False
        if at - self._at < self._sightings.step and at >= self._at:
            return True
        self._at = at
        self._sightings.again(self, at)
        return trail.version == self._version


@dataclass(frozen=True, slots=True)
class Placed:
    """Where somebody is, other places of theirs included; and until when that can be so by time alone."""

    location: Location
    until: int = _FAR_FUTURE
    presence: Presence | None = None  # None: at no known place, or there is no room to remember it


class Sightings:
    """The memory. ``tell`` is called with what the others should know, as seldom as they need it."""

    def __init__(self, *, window: int, most: int) -> None:
        self._window = window
        self._most = most
        self.tell: Callable[[Sighting], None] | None = None
        self.step = max(1, window // 10)  # seconds for which nothing is noted again
        self._keep = window + self.step
        self._trails: OrderedDict[PrincipalId, _Trail] = OrderedDict()  # the least lately seen first

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """Nobody was seen yet."""
        return cls(window=limits.sighting_window, most=limits.sightings)

    def place(self, person: PrincipalId, location: Location, at: int) -> Placed:
        """Note where somebody is, and tell where else they are."""
        if location.unknown:
            return Placed(location)
        trail = self._trail(person, at)
        if trail is None:
            note = "; ".join(part for part in (_NO_ROOM, location.note) if part)
            return Placed(replace(location, confidence=Confidence.UNKNOWN, note=note), until=at + self.step)
        own = dict.fromkeys(location.countries, location.confidence)
        self._note(person, trail, own, at)
        others = {country: seen for country, seen in trail.seen.items() if country not in own}
        presence = Presence(self, trail, person, own, min(trail.seen[country][0] for country in own))
        if not others:
            return Placed(location, presence=presence)
        until = min(moment for moment, _ in others.values()) + self._keep
        return Placed(self._with(location, others), until=until, presence=presence)

    def again(self, presence: Presence, at: int) -> None:
        """They are still there."""
        trail = self._trails.get(presence.person)
        if trail is not None:
            self._note(presence.person, trail, presence.countries, at)

    def heard(self, sighting: Sighting) -> None:
        """Somebody was seen by another worker. Where there is no room, they are at no certain place here either."""
        trail = self._trail(sighting.person, sighting.at)
        if trail is not None:
            self._see(sighting, trail)

    def snapshot(self) -> list[list[Any]]:
        """Everything, as plain data for a worker that is started."""
        return [
            Sighting(person, country, confidence, at).plain()
            for person, trail in self._trails.items()
            for country, (at, confidence) in trail.seen.items()
        ]

    def _trail(self, person: PrincipalId, at: int) -> _Trail | None:
        """Somebody's trail, without what has expired; None where there is no room for one."""
        trail = self._trails.get(person)
        if trail is None:
            while len(self._trails) >= self._most:
                oldest, found = next(iter(self._trails.items()))
                if not self._expired(found.last, at):
                    return None
                del self._trails[oldest]
                found.version += 1  # what was answered by it must be asked again: nobody looks there any more
            trail = self._trails[person] = _Trail()
        for country in [country for country, (seen, _) in trail.seen.items() if self._expired(seen, at)]:
            del trail.seen[country]
        return trail

    def _expired(self, seen: int, at: int) -> bool:
        return at - seen >= self._keep

    def _note(self, person: PrincipalId, trail: _Trail, countries: Mapping[Country, Confidence], at: int) -> None:
        for country, confidence in countries.items():
            known = trail.seen.get(country)
            if known is not None and known[1] is confidence and at - known[0] < self.step:
                continue
            sighting = Sighting(person, country, confidence, at)
            self._see(sighting, trail)
            if self.tell is not None:
                self.tell(sighting)

    def _see(self, sighting: Sighting, trail: _Trail) -> None:
        at, known = sighting.at, trail.seen.get(sighting.country)
        if known is None or self._expired(known[0], at):
            trail.version += 1
        trail.seen[sighting.country] = (max(at, known[0]) if known is not None else at, sighting.confidence)
        trail.last = max(trail.last, at)
        self._trails.move_to_end(sighting.person)

    def _with(self, location: Location, others: Mapping[Country, tuple[int, Confidence]]) -> Location:
        elsewhere = [
            Told(country=country, source=_ANOTHER, confidence=confidence)
            for country, (_, confidence) in sorted(others.items())
        ]
        names = ", ".join(sorted(others))
        note = f"within {_minutes(self._window)} the same person was also in {names}"
        return replace(
            location,
            countries=tuple(sorted({*location.countries, *others})),
            confidence=max((location.confidence, *(known for _, known in others.values())), key=_WORSE.index),
            conflict=True,
            simultaneous=True,
            told=(*location.each, *elsewhere),
            note="; ".join(part for part in (note, location.note) if part),
        )


def _minutes(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds >= 120 and seconds % 60 == 0 else f"{seconds} seconds"
