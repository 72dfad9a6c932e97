"""For how long an entry has to be kept, by whose data it is about, and which segments' time is over.

A regime asks for a period for entries about people of its countries. What is about people whose country is not known
falls under all regimes, that is under the longest; so does every entry of a session whose decisions were not seen. A
segment is kept for as long as any entry in it: nothing is cut out of a chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audit.chain import Link, read_line
from gateway.audit.segments import RawLine, Segment, read_lines
from gateway.audit.tombstones import Tombstone
from gateway.model import JsonValue

YEAR_US: Final = 31_557_600_000_000  # of 365.25 days


@dataclass(frozen=True, slots=True)
class Period:
    """What one regime asks for. No countries: what no other row is for."""

    regime: str
    countries: tuple[str, ...]
    years: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment, what a tombstone would say of it, and until when which regime wants it kept."""

    segment: Segment
    tombstone: Tombstone
    until_us: int
    regime: str


class SegmentUnreadable(Exception):
    """A segment that cannot be understood is not pruned: it is for ``verify`` to tell why."""


@dataclass(slots=True)
class Periods:
    """Judges the entries of one writer, in their order."""

    table: Sequence[Period]
    _sessions: dict[str, Period] = field(default_factory=dict)

    @property
    def longest(self) -> Period:
        """The longest of all."""
        return max(self.table, key=lambda period: period.years, default=Period("no table", (), 1000))

    def of(self, entry: Mapping[str, JsonValue]) -> Period:
        """For how long this entry is kept."""
        session = entry.get("session")
        name = session if isinstance(session, str) else ""
        match entry.get("kind"):
            case "decision":
                found = self._of_data(entry.get("data"))
                if name:
                    before = self._sessions.get(name, found)
                    self._sessions[name] = max(before, found, key=lambda period: period.years)
                return found
            case "repeat" | "completion":
                return self._sessions.get(name, self.longest)
            case "segment_head" | "torn_tail" | "gap" | "clock_back" | "event":
                return self._others
            case _:
                return self.longest

    @property
    def _others(self) -> Period:
        return next((period for period in self.table if not period.countries), self.longest)

    def _of_data(self, data: JsonValue) -> Period:
        if not isinstance(data, Mapping):
            return self.longest
        if data.get("about_people") is False:
            return self._others
        countries = data.get("subject_countries")
        if data.get("subject_known") is not True or not isinstance(countries, list) or not countries:
            return self.longest
        found = [self._of_country(country) for country in countries]
        return max(found, key=lambda period: period.years)

    def _of_country(self, country: JsonValue) -> Period:
        named = [period for period in self.table if country in period.countries]
        return max(named, key=lambda period: period.years, default=self._others)


def kept_until(segment: Segment, periods: Periods) -> Kept:
    """What is known of a segment that has ended. Raises SegmentUnreadable, OSError."""
    first: Link | None = None
    last: Link | None = None
    latest, earliest, until, entries, size = 0, 1 << 62, 0, 0, 0
    regime = ""
    for link, length in _links(segment):
        first, last = first or link, link
        at = link.integer("at_us") or latest
        latest, earliest = max(latest, at), min(earliest, at)
        entries, size = entries + 1, size + length
        period = periods.of(link.entry)
        # From the latest time seen so far: a clock that went back shortens nothing.
        if latest + period.years * YEAR_US > until:
            until, regime = latest + period.years * YEAR_US, period.regime
    if first is None or last is None:
        raise SegmentUnreadable(f"{segment.name} has no whole entry")
    stone = Tombstone(
        writer=segment.writer,
        segment=segment.number,
        first_seq=first.seq,
        last_seq=last.seq,
        prev=first.prev,
        hash=last.hash,
        entries=entries,
        bytes=size,
        from_us=earliest,
        until_us=latest,
    )
    return Kept(segment, stone, until, regime)


def _links(segment: Segment) -> Iterable[tuple[Link, int]]:
    before: Link | None = None
    for line in read_lines(segment):
        if not isinstance(line, RawLine):
            return  # the torn rest, which the next segment marks
        link = None if line.raw is None else read_line(line.raw)
        if link is None or not link.authentic or (before is not None and link.prev != before.hash):
            raise SegmentUnreadable(f"{segment.name} line {line.number} does not continue the chain")
        before = link
        yield link, len(line.raw or b"")
