"""Obligations by relation: what is owed wherever a relation is read, by OID.

Reading a parent reads its children and partitions, by column name. So a parent answers for every mask and filter owed
at a child, and a child that is named directly must owe at least what its parent owes: otherwise the same rows would
come out by another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from gateway.model import Mask, Obligation, RowFilter, RowLimit, SubjectCountries
from gateway.sql.catalog import Catalog, Relation
from gateway.sql.rewrite.predicates import of_countries
from gateway.sql.rewrite.refused import RewriteRefused

_TABLES = frozenset("rp")


@dataclass(frozen=True, slots=True)
class Duty:
    """What is owed at one relation: masks by column name, filters by name."""

    masks: Mapping[str, str] = field(default_factory=dict)
    filters: frozenset[str] = frozenset()

    @property
    def none(self) -> bool:
        """True where nothing is owed."""
        return not self.masks and not self.filters


class Duties:
    """All obligations of one decision, over one catalog."""

    def __init__(self, obligations: Iterable[Obligation], catalog: Catalog) -> None:
        """Raises RewriteRefused for what is no mask, filter or limit, and for relations the catalog does not know."""
        self.catalog = catalog
        self.limit: int | None = None
        masks: dict[str, dict[str, str]] = {}
        filters: dict[str, set[str]] = {}
        compared: dict[str, set[str]] = {}  # relation -> columns that filters of ours compare
        self.conditions: dict[str, str] = {}  # filters that are no registry's, by name
        for one in obligations:
            match one:
                case Mask():
                    known = masks.setdefault(one.relation, {}).setdefault(one.column, one.method)
                    if known != one.method:
                        raise RewriteRefused(f"two different masks are asked for {one.relation}.{one.column}")
                case RowFilter():
                    filters.setdefault(one.relation, set()).add(one.predicate)
                case SubjectCountries():
                    name = f"{one.column} in {', '.join(one.countries) or 'no country'}"
                    self.conditions[name] = of_countries(one.column, one.countries)
                    filters.setdefault(one.relation, set()).add(name)
                    compared.setdefault(one.relation, set()).add(one.column)
                case RowLimit():
                    self.limit = one.rows if self.limit is None else min(self.limit, one.rows)
                case _:
                    raise RewriteRefused(f"the obligation {one.kind} is not one that SQL can carry out")
        if self.limit is not None and not 0 <= self.limit < 2**63:
            raise RewriteRefused("the row limit is not a number of rows")
        self._own: dict[str, Duty] = {}
        for name in {*masks, *filters}:
            oid = self._oid(name)
            self._check_columns(catalog.relations[oid], {*masks.get(name, ()), *compared.get(name, ())})
            self._own[oid] = Duty(masks.get(name, {}), frozenset(filters.get(name, ())))
        self._above: dict[str, list[str]] = {}  # relation -> its ancestors that owe something
        for oid in self._own:
            for child in catalog.descendants(oid):
                self._above.setdefault(child, []).append(oid)
        self._known: dict[str, Duty] = {}

    @property
    def relations(self) -> Sequence[str]:
        """The OIDs of the relations that the obligations name."""
        return tuple(self._own)

    def of(self, oid: str) -> Duty:
        """What is owed where this relation is read. Raises RewriteRefused where it cannot be given."""
        known = self._known.get(oid)
        if known is None:
            known = self._known[oid] = self._of(oid)
        return known

    def _of(self, oid: str) -> Duty:
        duty = self._own.get(oid, Duty())
        masks, filters = dict(duty.masks), duty.filters
        relation = self.catalog.relations.get(oid)
        if relation is None:
            return duty
        for child in self.catalog.descendants(oid):
            below = self._own.get(child)
            if below is None:
                continue
            names = {column.name for column in relation.columns.values()}
            for column, method in below.masks.items():
                if column in names and masks.setdefault(column, method) != method:
                    raise RewriteRefused(f"{relation.full_name}.{column} and a child of it are masked differently")
            if below.filters - filters:
                raise RewriteRefused(f"a child of {relation.full_name} has a row filter that it has not")
        found = Duty(masks, filters)
        for parent in self._above.get(oid, ()):
            owed = self._own[parent]
            columns = {column.name for column in relation.columns.values()}
            if owed.filters - filters or any(masks.get(c) != m for c, m in owed.masks.items() if c in columns):
                parent_name = self.catalog.relations[parent].full_name
                raise RewriteRefused(f"{relation.full_name} holds rows of {parent_name}, which is to be read instead")
        if not found.none and relation.kind not in _TABLES:
            raise RewriteRefused(f"{relation.full_name} is no table, and only tables can be masked or filtered")
        return found

    def _oid(self, name: str) -> str:
        found = [oid for oid, relation in self.catalog.relations.items() if relation.full_name == name]
        if len(found) != 1:
            raise RewriteRefused(f"an obligation names {name}, which the database's catalog does not know")
        return found[0]

    def _check_columns(self, relation: Relation, named: Set[str]) -> None:
        unknown = sorted(named - {column.name for column in relation.columns.values()})
        if unknown:
            raise RewriteRefused(f"an obligation names {relation.full_name}.{unknown[0]}, which does not exist")
