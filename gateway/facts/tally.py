"""Distinct people (or devices) and rows by controller, employer, data type and country, month by month; and what of a
limit is reserved for statements that run.

Values of keys come hashed and go into a HyperLogLog, of which the *upper* bound counts; those without a key are added
up. Months are UTC's, and one counts whole while any of it lies in the window: a count may be too high, never too low.
Nothing here reads a clock.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self

from gateway.errors import ConfigError
from gateway.facts import sketches
from gateway.facts.subjects import Bound, Cost, Kind, Owner, in_order
from gateway.model import Country, DataType, EntityId, JsonValue, Unit, VolumeCount

_FORMAT: Final = "subjects-1"
_YEAR: Final = 12
_WINDOWS: Final = 4
_MANY: Final = 200  # hashes: merging a sketch of them takes less than adding each
_EXACT_STEPS: Final = 64  # limits below are exact, others are rounded down by less than a 32nd


@dataclass(frozen=True, slots=True)
class Room:
    """What was reserved for one execution: it may give out so many rows. ``rows`` None: rows do not matter."""

    id: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing could be reserved. ``held``: by other statements, which may give it back."""

    most: int
    counted: int
    held: int


@dataclass(frozen=True, slots=True)
class Used:
    """What an execution showed in the end."""

    rows: int = 0
    unkeyed: int = 0  # rows of which no key was seen
    values: Sequence[tuple[tuple[Kind, ...], frozenset[bytes]]] = ()  # of each watch: its kinds, the hashes of its keys


@dataclass(slots=True)
class Month:
    """One month of one kind."""

    unkeyed: int = 0  # subjects without a key
    rows: int = 0
    keyed: Any = None  # a sketch, once there is a key
    written: str = ""  # the sketch as text, while that is what it is


class _Series:
    """One kind's months."""

    __slots__ = ("_windows", "months")

    def __init__(self) -> None:
        self.months: dict[int, Month] = {}
        self._windows: dict[int, Any] = {}  # first month of a window -> the sketch of all its months

    def month(self, number: int) -> Month:
        """One month, made where it is not there; what no window reaches any more is forgotten."""
        if number not in self.months:
            self.months[number] = Month()
            for past in [past for past in self.months if past < number - _YEAR]:
                del self.months[past]
        return self.months[number]

    def add(self, number: int, hashes: Sequence[int], all_of_them: Any) -> None:
        """Hashes of keys that were seen in a month; ``all_of_them``: a sketch of the same, where they are many."""
        month = self.month(number)
        month.written = ""
        within = [first for first in self._windows if first <= number]
        if all_of_them is not None:
            month.keyed = sketches.merged([month.keyed, all_of_them])
            for first in within:
                self._windows[first] = sketches.merged([self._windows[first], all_of_them])
            return
        if month.keyed is None:
            month.keyed = sketches.empty()
        for sketch in (month.keyed, *(self._windows[first] for first in within)):
            for hashed in hashes:
                sketch.update(hashed)

    def subjects(self, first: int) -> int:
        """The upper bound from this month on."""
        within = [month for number, month in self.months.items() if number >= first]
        unkeyed = sum(month.unkeyed for month in within)
        if all(month.keyed is None for month in within):
            return unkeyed
        return unkeyed + sketches.at_most(self._window(first, within))

    def rows(self, first: int) -> int:
        """Rows from this month on."""
        return sum(month.rows for number, month in self.months.items() if number >= first)

    def _window(self, first: int, within: list[Month]) -> Any:
        if first not in self._windows:
            if len(self._windows) >= _WINDOWS:  # the month, or the year, is another one by now
                self._windows.clear()
            self._windows[first] = sketches.merged([month.keyed for month in within])
        return self._windows[first]


@dataclass(slots=True)
class _Held:
    owner: Owner
    amounts: dict[Kind, int] = field(default_factory=dict)


def month_of(at: int) -> int:
    """The UTC month of a moment, as a number that grows by one each month."""
    moment = datetime.fromtimestamp(at, tz=UTC)
    return moment.year * _YEAR + moment.month - 1


def first_month(at: int, *, year: bool) -> int:
    """The first month of a window that ends at a moment."""
    return _first(month_of(at), year=year)


def _first(month: int, *, year: bool) -> int:
    return month - month % _YEAR if year else month - _YEAR


def rows_within(free: int, per_row: int, last: int | None) -> int:
    """So many rows, where so many subjects are left: few different numbers, so that texts with them stay the same.

    ``last``: what the statement was given the last time, which it is given again if it may be.
    """
    rows = free // per_row
    if last is not None and last <= rows:
        return last
    if rows < _EXACT_STEPS:
        return rows
    unit: int = 1 << (rows.bit_length() - 6)
    return rows // unit * unit


class SubjectTally:
    """Counts of one gateway. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Owner, dict[Kind, _Series]] = {}
        self._held: dict[str, _Held] = {}
        self._numbers = itertools.count(1)

    def counts(self, owner: Owner, kinds: Iterable[Kind], at: int) -> tuple[VolumeCount, ...]:
        """What went to the employer so far: of these kinds, and of all others that anything went out of."""
        month = month_of(at)
        with self._lock:
            known = self._counts.get(owner, {})
            return tuple(_counted(kind, known.get(kind), month) for kind in in_order({*known, *kinds}))

    def reserve(self, owner: Owner, cost: Cost, bounds: Sequence[Bound], at: int, last: int | None) -> Room | Full:
        """Keep room for one execution within all bounds."""
        with self._lock:
            rows: int | None = None
            for bound in bounds:
                counted, held = self._counted(owner, bound, at), self._held_of(owner, bound)
                free = bound.most - counted - held - bound.once
                given = None if not bound.per_row else rows_within(max(0, free), bound.per_row, last)
                if free < 0 or given == 0:
                    return Full(bound.most, counted, held)
                rows = given if rows is None else rows if given is None else min(rows, given)
            room = Room(f"{next(self._numbers)}", rows)
            self._held[room.id] = _Held(owner, amounts(cost, rows or 0))
            return room

    def settle(self, room: Room, cost: Cost, owner: Owner, used: Used, at: int) -> None:
        """Count what was shown, and give back the rest of what was reserved."""
        for kinds, values in used.values:
            self.add(owner, kinds, values, at)
        with self._lock:
            number = month_of(at)
            for kind in cost.kinds:
                month = self._series(owner, kind).month(number)
                month.rows += used.rows
                keyed = cost.keyed.get(kind, 0)
                month.unkeyed += (cost.per_row.get(kind, 0) - keyed) * used.rows + keyed * used.unkeyed
                month.unkeyed += cost.once.get(kind, 0)
            self._held.pop(room.id, None)  # last: what is given back is never more than what is left

    def add(self, owner: Owner, kinds: Iterable[Kind], values: frozenset[bytes], at: int) -> None:
        """Count hashes of keys; what is reserved stays so."""
        hashes = [int.from_bytes(value, "big", signed=True) for value in values]
        if not hashes:
            return
        all_of_them = None
        if len(hashes) > _MANY:
            all_of_them = sketches.empty()
            for hashed in hashes:
                all_of_them.update(hashed)
        with self._lock:
            for kind in kinds:
                self._series(owner, kind).add(month_of(at), hashes, all_of_them)

    def _series(self, owner: Owner, kind: Kind) -> _Series:
        kinds = self._counts.setdefault(owner, {})
        if kind not in kinds:
            kinds[kind] = _Series()
        return kinds[kind]

    def _counted(self, owner: Owner, bound: Bound, at: int) -> int:
        known = self._counts.get(owner, {})
        first = first_month(at, year=bound.year)
        return sum(known[kind].subjects(first) for kind in bound.kinds if kind in known)

    def _held_of(self, owner: Owner, bound: Bound) -> int:
        return sum(
            held.amounts.get(kind, 0) for held in self._held.values() if held.owner == owner for kind in bound.kinds
        )

    def snapshot(self) -> dict[str, JsonValue]:
        """All counts as plain data, to be kept over a restart. What is reserved is not: nothing runs then."""
        with self._lock:
            return {
                "format": _FORMAT,
                "counts": [
                    {
                        "controller": owner.controller,
                        "entity": owner.entity,
                        "data_type": kind.data_type,
                        "subject_country": kind.subject_country,
                        "unit": str(kind.unit),
                        "month": number,
                        "unkeyed": month.unkeyed,
                        "rows": month.rows,
                        "keyed": _written(month),
                    }
                    for owner, kinds in self._counts.items()
                    for kind, series in kinds.items()
                    for number, month in series.months.items()
                ],
            }

    @classmethod
    def restore(cls, document: JsonValue) -> Self:
        """The tally a snapshot was taken of. Raises ConfigError where the document is not one."""
        tally = cls()
        fields = document if isinstance(document, Mapping) else {}
        counts = fields.get("counts")
        if fields.get("format") != _FORMAT or not isinstance(counts, list):
            raise ConfigError(["subjects: not a snapshot of this version"])
        for count in counts:
            tally._restore_one(count)
        return tally

    def _restore_one(self, count: JsonValue) -> None:
        try:
            if not isinstance(count, Mapping):
                raise TypeError
            names = [count[name] for name in ("controller", "entity", "data_type", "subject_country")]
            numbers = [count[name] for name in ("month", "unkeyed", "rows")]
            keyed = count["keyed"]
            if not all(isinstance(one, str) for one in (*names, keyed)):
                raise TypeError
            if not all(type(one) is int and one >= 0 for one in numbers):
                raise TypeError
            owner = Owner(EntityId(str(names[0])), EntityId(str(names[1])))
            kind = Kind(DataType(str(names[2])), Country(str(names[3])), Unit(str(count["unit"])))
            month = Month(int(str(numbers[1])), int(str(numbers[2])), sketches.read(str(keyed)) if keyed else None)
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError):
            raise ConfigError(["subjects: a count with a field missing or of the wrong kind"]) from None
        self._series(owner, kind).months[int(str(numbers[0]))] = month


def amounts(cost: Cost, rows: int) -> dict[Kind, int]:
    """How many subjects so many rows can show."""
    return {kind: cost.per_row.get(kind, 0) * rows + cost.once.get(kind, 0) for kind in cost.kinds}


def _counted(kind: Kind, series: _Series | None, month: int) -> VolumeCount:
    subjects, this_year, rows = 0, 0, 0
    if series is not None:
        first = _first(month, year=False)
        subjects, rows = series.subjects(first), series.rows(first)
        this_year = series.subjects(_first(month, year=True))
    return VolumeCount(
        data_type=kind.data_type,
        subject_country=kind.subject_country,
        unit=kind.unit,
        subjects=subjects,
        subjects_this_year=this_year,
        rows=rows,
    )


def _written(month: Month) -> str:
    if month.keyed is not None and not month.written:
        month.written = sketches.written(month.keyed)
    return month.written
