"""What a walk over a tree has found so far: columns with their use, relations, targets, and the first thing refused.

A refusal does not stop the walk: the columns found after it are of use to people and to the record. It does make the
facts incomplete, and the first one is the reason given.
"""

from __future__ import annotations

from enum import IntFlag

from gateway.model import ColumnUse, ColumnUseKind
from gateway.sql.catalog import SYSTEM_COLUMNS, WHOLE_ROW, Catalog, Problem, Relation
from gateway.sql.codes import IncompleteCode
from gateway.sql.system_catalogs import READABLE


class Use(IntFlag):
    """How a position in a statement uses what stands there; several may hold at once."""

    OUTPUT = 1
    PREDICATE = 2
    ARRANGE = 4
    WRITE_TARGET = 8
    WHOLE_ROW = 16
    UNSEEN = 32  # the server may evaluate it, and nobody gets to see what comes out


# As plain numbers: the operators of a flag take ten times as long.
_OUTPUT = int(Use.OUTPUT)
_PREDICATE = int(Use.PREDICATE)
_WRITE_TARGET = int(Use.WRITE_TARGET)
_WHOLE_ROW = int(Use.WHOLE_ROW)
_KINDS = (
    (_OUTPUT, ColumnUseKind.OUTPUT),
    (_PREDICATE, ColumnUseKind.PREDICATE),
    (int(Use.ARRANGE), ColumnUseKind.ARRANGE),
    (_WRITE_TARGET, ColumnUseKind.WRITE_TARGET),
    (_WHOLE_ROW, ColumnUseKind.WHOLE_ROW),
)

_OUTPUT = int(Use.OUTPUT)
_UNSEEN = int(Use.UNSEEN)
_READS = int(Use.OUTPUT | Use.PREDICATE | Use.ARRANGE | Use.WHOLE_ROW)
_READ_KINDS = frozenset("rpm")  # tables, partitioned tables, materialised views; views are seen through


class Touched:
    """A collector; one per statement."""

    __slots__ = ("_columns", "_looked_at", "_relations", "asked", "assigns", "catalog", "problem", "reads", "writes")

    def __init__(self, catalog: Catalog, *, assigns: bool = False) -> None:
        self.catalog = catalog
        self.assigns = assigns  # its only call of set_config has been looked at (`gateway.sql.assigned`)
        self.problem: Problem | None = None
        self.reads = False
        self.writes = False
        self._columns: dict[tuple[str, str], int] = {}  # (relation, column) -> uses
        self._relations: set[str] = set()
        self.asked: set[str] = set()  # OIDs of relations on which what was found rests (`depends`)
        self._looked_at: set[tuple[str, str]] = set()  # columns of the server's own catalogs

    def refuse(self, code: IncompleteCode, detail: str) -> None:
        """Note why the facts cannot be complete; the first reason stays."""
        if self.problem is None:
            self.problem = (code, detail)

    def relation(self, oid: str, *, with_children: bool) -> Relation | None:
        """A relation that is read, whether or not any of its columns is."""
        self.reads = True
        relation = self._known(oid)
        if relation is None:
            return None
        if relation.system:
            if relation.name not in READABLE:
                self.refuse(IncompleteCode.RELATION_REFUSED, f"catalog {relation.full_name}")
            return relation
        if relation.kind not in _READ_KINDS:
            self.refuse(IncompleteCode.RELATION_REFUSED, _named(relation))
        self._relations.add(relation.full_name)
        if with_children:
            for child in self.catalog.descendants(oid):
                self.relation(child, with_children=False)
        return relation

    def target(self, oid: str) -> Relation | None:
        """A relation that is written."""
        self.writes = True
        relation = self._known(oid)
        if relation is not None:
            self._relations.add(relation.full_name)
        return relation

    def number(self, oid: str, *, taken: bool) -> None:
        """A sequence whose next number is taken, or whose last one is told."""
        if taken:
            self.target(oid)
        else:
            self.reads = True
            relation = self._known(oid)
            if relation is not None:
                self._relations.add(relation.full_name)

    def column(
        self, oid: str, number: int, use: int, *, with_children: bool, limits: frozenset[str] | None = None
    ) -> None:
        """A column that is used; number 0 is the whole row. Children are read through their parent, by column name.

        ``limits``: the relations of which alone rows of a catalog can be.
        """
        relation = self.relation(oid, with_children=with_children)
        if relation is None:
            return
        if number < 0:
            # Place and transaction of a row: the server's own bookkeeping, nobody's data. The relation is listed.
            if number not in SYSTEM_COLUMNS:
                self.refuse(IncompleteCode.REFERENCE_UNRESOLVED, f"{relation.full_name}, column {number}")
            return
        if number == 0:
            names = [column.name for column in relation.columns.values()]
            use = (use & ~_OUTPUT) | _WHOLE_ROW
        else:
            found = relation.columns.get(number)
            if found is None:
                self.refuse(IncompleteCode.REFERENCE_UNRESOLVED, f"{relation.full_name}, column {number}")
                return
            names = [found.name]
        if relation.system:
            self._looked_at.update((relation.name, name) for name in names)
            if use == _UNSEEN:
                return
            refused = READABLE.get(relation.name, frozenset())
            for name in names:
                if name in refused:
                    problem = self.catalog.definitions.column_problem(relation.name, name, limits)
                    if problem is not None:
                        self.refuse(*problem)
            return
        self._add(relation, names, use)
        if with_children:
            for child in self.catalog.descendants(oid):
                below = self.catalog.relations.get(child)
                if below is not None:
                    self._add(below, names, use)

    def written(self, oid: str, number: int, *, with_children: bool) -> None:
        """A column of a target that gets a value; an UPDATE reaches the children too."""
        relation = self.catalog.relations.get(oid)
        found = None if relation is None else relation.columns.get(number)
        if relation is None or found is None:
            self.refuse(IncompleteCode.REFERENCE_UNRESOLVED, f"column {number} of a target")
            return
        self._add(relation, [found.name], _WRITE_TARGET)
        if with_children or relation.kind == "p":
            for child in self.catalog.descendants(oid):
                below = self.catalog.relations.get(child)
                if below is not None:
                    self._add(below, [found.name], _WRITE_TARGET)

    def changed(self, oid: str, numbers: set[int], *, with_children: bool) -> None:
        """Columns of rows that get other values: whether the server takes them tells of the columns tied to them."""
        relation = self.catalog.relations.get(oid)
        if relation is None:
            return  # refused where it was found
        names = {relation.columns[number].name for number in numbers if number in relation.columns}
        # A partition's bounds stand with the relation it is a part of.
        self._tied(oid, names, (oid, *self.catalog.ancestors(oid)))
        for child in self.catalog.descendants(oid) if with_children else ():
            self._tied(child, names, (child,))

    def at_least(self, oid: str, number: int, use: Use, *, with_children: bool) -> None:
        """A column that the server will ask privileges for: added with this use where no use of the kind was found."""
        relation = self.catalog.relations.get(oid)
        if relation is None or number < 0:
            return
        column = relation.columns.get(number)
        names = [column.name] if column is not None else [one.name for one in relation.columns.values()]
        wanted = int(Use.WRITE_TARGET) if use == Use.WRITE_TARGET else _READS
        if relation.system and all((relation.name, name) in self._looked_at for name in names):
            return
        if not relation.system and all(self._columns.get((relation.full_name, name), 0) & wanted for name in names):
            return
        if use == Use.WRITE_TARGET:
            self.target(oid)
            self.written(oid, number, with_children=with_children)
        else:
            self.column(oid, number, int(use) if number else 0, with_children=with_children)

    def relations(self) -> tuple[str, ...]:
        """Every relation of users, sorted."""
        return tuple(sorted(self._relations))

    def columns(self) -> tuple[ColumnUse, ...]:
        """Every column with each of its uses, sorted."""
        return tuple(
            ColumnUse(relation=relation, column=column, use=kind)
            for (relation, column), uses in sorted(self._columns.items())
            for flag, kind in _KINDS
            if uses & flag
        )

    def _tied(self, oid: str, changed: set[str], homes: tuple[str, ...]) -> None:
        relation = self.catalog.relations.get(oid)
        numbers = {column.name: number for number, column in relation.columns.items()} if relation is not None else {}
        for group in (group for home in homes for group in self.catalog.ties.get(home, ())):
            if group & changed or WHOLE_ROW in group:
                for name in sorted(group - changed):
                    self.column(oid, numbers.get(name, 0), _PREDICATE, with_children=False)

    def _add(self, relation: Relation, names: list[str], use: int) -> None:
        full_name = relation.full_name
        if use & _UNSEEN:
            use |= _OUTPUT  # of users' data nothing is taken back
        for name in names:
            key = (full_name, name)
            self._columns[key] = self._columns.get(key, 0) | use

    def _known(self, oid: str) -> Relation | None:
        self.asked.add(oid)
        relation = self.catalog.relations.get(oid)
        if relation is None:
            # Temporary, or newer than the snapshot.
            self.refuse(IncompleteCode.RELATION_UNKNOWN, f"relation with OID {oid}")
        return relation


def _named(relation: Relation) -> str:
    word = {"f": "foreign table", "S": "sequence", "v": "view", "c": "composite type"}.get(relation.kind, "relation")
    return f"{word} {relation.full_name}"
