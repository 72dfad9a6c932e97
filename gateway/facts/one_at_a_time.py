"""Entries about the same thing, of which one is in force at a time: two would say two things."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final, Generic, Protocol, TypeVar

from gateway.facts.fields import Section
from gateway.facts.period import Period

_MOST_TIMES: Final = 100  # that something new is said of one thing


class _Dated(Protocol):
    @property
    def period(self) -> Period: ...

    @property
    def line(self) -> int: ...


Entry = TypeVar("Entry", bound=_Dated)


class OneAtATime(Generic[Entry]):
    """The entries of a file. What clashes with one that came before is a problem, and left out."""

    def __init__(self) -> None:
        self._found: dict[Hashable, list[Entry]] = {}

    def add(self, section: Section, about: Hashable, entry: Entry, *, says: str, of: str) -> None:
        """One more entry ``about`` a thing. ``says`` and ``of``: the words of a problem: what is said, and of what."""
        same = self._found.setdefault(about, [])
        other = next((other for other in same if other.period.meets(entry.period)), None)
        if other is not None:
            section.problem(f"line {other.line} says {says}")
        elif len(same) >= _MOST_TIMES:
            section.problem(f"more than {_MOST_TIMES} entries about {of}")
        else:
            same.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        return (entry for same in self._found.values() for entry in same)
