"""What a statement costs in people (or devices): how many of each kind a row of its result can show, at most.

A relation read by the row shows one subject per row; where its key is among the outputs, as it is, the values tell them
apart. A relation behind an aggregate shows as many as it has rows. What is not known (a size, whose data it is) makes
the cost unknown. Counts are kept by data type and by each type above it in the taxonomy: people counted below two of
them are one person above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Final

from gateway.model import (
    ColumnLabel,
    ColumnUseKind,
    Country,
    DataFacts,
    DataType,
    EntityId,
    Limit,
    Mask,
    Obligation,
    RelationLabel,
    Spread,
    StatementFacts,
    SubjectCountries,
    Unit,
)

_HIDDEN: Final = frozenset({"null", "constant"})  # masks that leave nothing of a value


@dataclass(frozen=True, slots=True)
class Kind:
    """What is counted: subjects of one country and unit, by one data type."""

    data_type: DataType
    subject_country: Country
    unit: Unit


@dataclass(frozen=True, slots=True)
class Owner:
    """From whom to whom data goes."""

    controller: EntityId
    entity: EntityId


@dataclass(frozen=True, slots=True)
class Watch:
    """An output that tells subjects apart: its place in a row, whose key it is, and what is counted by it."""

    place: int
    domain: str  # datasource and relation: keys of two relations are never taken for each other
    kinds: tuple[Kind, ...]


_BY_NAME: Final = attrgetter("data_type", "subject_country", "unit")


def in_order(kinds: Iterable[Kind]) -> list[Kind]:
    """By their names."""
    return sorted(kinds, key=_BY_NAME)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one execution shows at most."""

    per_row: Mapping[Kind, int] = field(default_factory=dict)  # subjects a row may show
    keyed: Mapping[Kind, int] = field(default_factory=dict)  # how many of those are told apart by a watch
    once: Mapping[Kind, int] = field(default_factory=dict)  # subjects behind aggregates, however many rows there are
    watches: tuple[Watch, ...] = ()
    unknown: str = ""  # why it cannot be told

    @property
    def kinds(self) -> frozenset[Kind]:
        """Everything that is counted."""
        return frozenset({*self.per_row, *self.once})


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit, as far as a cost touches it: within these kinds together."""

    kinds: tuple[Kind, ...]
    year: bool  # since 1 January, not over twelve months
    most: int
    per_row: int
    once: int


def types_above(data_type: str) -> tuple[DataType, ...]:
    """A data type and all above it."""
    parts = data_type.split(".")
    return tuple(DataType(".".join(parts[:length])) for length in range(1, len(parts) + 1))


@lru_cache(maxsize=4096)  # they are what the labels of the catalogs have, asked for at every decision
def _kinds_above(data_type: str, country: Country, unit: Unit) -> tuple[Kind, ...]:
    return tuple(Kind(above, country, unit) for above in types_above(data_type))


def cost_of(
    statement: StatementFacts,
    data: DataFacts,
    obligations: Sequence[Obligation],
    rows_of: Callable[[str], int | None],
    *,
    datasource: str,
) -> Cost:
    """The cost of one execution under these obligations. ``rows_of``: how many rows a relation has; None: unknown."""
    if not statement.shows:
        return Cost()
    tally = _Tally(data, obligations, datasource)
    read: set[str] = set()
    for spread in statement.spread:
        read.update(spread.relations)
        tally.by_row(spread)
    for relation in statement.relations:
        if relation not in read:
            tally.whole(relation, rows_of)
    return tally.cost()


def bounds_of(cost: Cost, limits: Iterable[Limit]) -> tuple[Bound, ...]:
    """The limits that a cost touches."""
    found: list[Bound] = []
    for limit in limits:
        kinds = tuple(Kind(one, limit.subject_country, limit.unit) for one in _topmost(limit.data_types))
        per_row = sum(cost.per_row.get(kind, 0) for kind in kinds)
        once = sum(cost.once.get(kind, 0) for kind in kinds)
        if per_row or once:
            found.append(Bound(kinds, limit.window == "year", limit.most, per_row, once))
    return tuple(found)


def _topmost(types: Iterable[DataType]) -> list[DataType]:
    """Without those that another one covers."""
    every = set(types)
    return sorted(one for one in every if not every.intersection(types_above(one)[:-1]))


class _Tally:
    def __init__(self, data: DataFacts, obligations: Sequence[Obligation], datasource: str) -> None:
        self._labels = {label.relation: label for label in data.relations}
        self._columns: dict[str, list[ColumnLabel]] = {}
        for column in data.columns:
            if column.use is not ColumnUseKind.WRITE_TARGET:
                self._columns.setdefault(column.relation, []).append(column)
        self._masks = {(one.relation, one.column): one.method for one in obligations if isinstance(one, Mask)}
        self._only = {one.relation: set(one.countries) for one in obligations if isinstance(one, SubjectCountries)}
        self._datasource = datasource
        self._per_row: dict[Kind, int] = {}
        self._keyed: dict[Kind, int] = {}
        self._once: dict[Kind, int] = {}
        self._watches: list[Watch] = []
        self._unknown = ""

    def cost(self) -> Cost:
        return Cost(self._per_row, self._keyed, self._once, tuple(self._watches), self._unknown)

    def by_row(self, spread: Spread) -> None:
        """A relation, with its children, of which so many rows stand behind one of the result."""
        kinds = in_order({kind for relation in spread.relations for kind in self._kinds(relation)})
        place = self._key_place(spread)
        if spread.merged and place is None:
            self._unknown = self._unknown or f"DISTINCT rows of {spread.relations[0]} stand for nobody knows how many"
        for kind in kinds:
            self._per_row[kind] = self._per_row.get(kind, 0) + spread.times
            if place is not None:
                self._keyed[kind] = self._keyed.get(kind, 0) + spread.times
        if place is not None and kinds:
            self._watches.append(Watch(place, f"{self._datasource}:{spread.relations[0]}", tuple(kinds)))

    def whole(self, relation: str, rows_of: Callable[[str], int | None]) -> None:
        """A relation of which any number of rows may stand behind one of the result."""
        kinds = self._kinds(relation)
        rows = rows_of(relation) if kinds else 0
        if rows is None:
            self._unknown = self._unknown or f"nobody knows how many rows {relation} has (ANALYZE it)"
            return
        for kind in kinds:
            self._once[kind] = self._once.get(kind, 0) + rows

    def _key_place(self, spread: Spread) -> int | None:
        """Where in a row the key of the subjects stands, if it does so unchanged."""
        label = self._labels.get(spread.relations[0])
        key = label.subject_key if label is not None else None
        if key is None or any((relation, key) in self._masks for relation in spread.relations):
            return None
        return next((place for column, place in spread.outputs if column == key), None)

    def _kinds(self, relation: str) -> set[Kind]:
        label = self._labels.get(relation)
        found: set[Kind] = set()
        for column in self._columns.get(relation, ()):
            if self._masks.get((relation, column.column)) not in _HIDDEN:
                found |= self._of_column(column, label)
        return found

    def _of_column(self, column: ColumnLabel, label: RelationLabel | None) -> set[Kind]:
        if not column.data_types:
            return set()
        countries = set(column.subject_countries)
        if column.relation in self._only:
            countries &= self._only[column.relation]
        elif not column.subject_known:
            self._unknown = self._unknown or f"nobody declared whose data {column.relation}.{column.column} is"
        unit = label.unit if label is not None else Unit.PERSON
        return {kind for of in column.data_types for country in countries for kind in _kinds_above(of, country, unit)}
