"""How many rows of each relation can stand behind one row of a statement's result, and which output shows which column.

For counting people: where every query on the way is plain (no aggregate, grouping, window, set operation, recursion),
one row of the result stands for one row of each relation it is joined from. Whatever is not established so stands for
any number of rows, and is left out here: nobody counts it by the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.model import Spread
from gateway.sql.catalog import Catalog
from gateway.sql.scope import CTE, JOIN, RELATION, SELECT, SUBQUERY, Scope
from gateway.sql.tree.node import Node

_TABLES: Final = frozenset("rpm")
_FLAGS: Final = ("hasAggs", "hasWindowFuncs", "hasRecursive")
_LISTS: Final = ("groupClause", "groupingSets", "windowClause")
_MAX_STEPS: Final = 1000  # common table expressions that double each other are followed no further
_MAX_DEPTH: Final = 50


def spread_of(scopes: list[Scope], catalog: Catalog) -> tuple[Spread, ...]:
    """Of one statement, from the scopes that a walk opened, the outermost first."""
    if not scopes:
        return ()
    walk = _Walk(catalog)
    top = scopes[0]
    if not walk.follow(top):
        return ()
    many = {
        entry.text("relid")
        for scope in scopes
        for entry in scope.table
        if entry.text("rtekind") == RELATION and id(entry) not in walk.seen
    }
    shown = _shown(top, catalog)
    found: list[Spread] = []
    for oid, times in sorted(walk.times.items()):
        relation = catalog.relations.get(oid)
        below = catalog.descendants(oid)
        if relation is None or relation.kind not in _TABLES or oid in many or many.intersection(below):
            continue
        if any(child in walk.times for child in below):  # the same rows by two names
            continue
        names = [one.full_name for child in below if (one := catalog.relations.get(child)) is not None]
        outputs = tuple((name, place) for owner, name, place in shown if owner == oid) if times == 1 else ()
        found.append(
            Spread(
                relations=(relation.full_name, *sorted(names)),
                times=times,
                merged=top.query.present("distinctClause") and top.query.text("hasDistinctOn") != "true",
                outputs=outputs,
            )
        )
    return tuple(found)


class _Walk:
    """Relations reached through plain queries only, with how often."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._steps = 0
        self.times: dict[str, int] = {}
        self.seen: set[int] = set()  # range table entries

    def follow(self, scope: Scope, depth: int = 0) -> bool:
        """Count what a query reads. False: it is not plain, or there is no end to it."""
        self._steps += 1
        if self._steps > _MAX_STEPS or depth > _MAX_DEPTH or not _plain(scope, inner=depth > 0):
            return False
        places = set(_from(scope.query.node("jointree")))
        if scope.command != SELECT:
            places.add(scope.query.number("resultRelation"))
        for place in sorted(places):
            entry = scope.entry(place)
            kind = entry.text("rtekind") if entry is not None else ""
            if entry is None:
                return False
            if kind == RELATION:
                oid = entry.text("relid")
                self.times[oid] = self.times.get(oid, 0) + 1
                self.seen.add(id(entry))
            elif kind in (SUBQUERY, CTE):
                inner = _inner(scope, place, entry)
                if inner is None or not self.follow(inner, depth + 1):
                    return False
        return True


def _plain(scope: Scope, *, inner: bool) -> bool:
    query = scope.query
    if any(query.text(flag) == "true" for flag in _FLAGS) or any(query.present(name) for name in _LISTS):
        return False
    if query.present("setOperations") or query.present("havingQual"):
        return False
    return not (inner and query.present("distinctClause"))


def _from(node: Node | None) -> Iterator[int]:
    """Places in the range table that FROM names."""
    if node is None:
        return
    if node.name == "RANGETBLREF":
        yield node.number("rtindex")
    elif node.name == "JOINEXPR":
        yield from _from(node.node("larg"))
        yield from _from(node.node("rarg"))
    elif node.name == "FROMEXPR":
        for part in node.nodes("fromlist"):
            yield from _from(part)


def _inner(scope: Scope, place: int, entry: Node) -> Scope | None:
    if entry.text("rtekind") == SUBQUERY:
        return scope.children.get(place)
    home = scope.above(entry.number("ctelevelsup"))
    return None if home is None else home.ctes.get(entry.text("ctename"))


def _shown(top: Scope, catalog: Catalog) -> list[tuple[str, str, int]]:
    """Outputs that are a relation's column as it is: the relation, the column's name, and the place in a row."""
    found: list[tuple[str, str, int]] = []
    for number, entry in top.outputs.items():
        if entry.text("resjunk") == "true":
            continue
        origin = _origin(top, entry.node("expr"))
        relation = catalog.relations.get(origin[0]) if origin is not None else None
        if origin is not None and relation is not None and (column := relation.columns.get(origin[1])) is not None:
            found.append((origin[0], column.name, number - 1))
    return found


def _origin(scope: Scope, node: Node | None) -> tuple[str, int] | None:
    """The relation and the number of the column that a plain reference leads to."""
    for _ in range(_MAX_DEPTH):
        if node is None or node.name != "VAR" or node.text("varlevelsup") != "0":
            return None
        place, number = node.number("varno"), node.number("varattno")
        entry = scope.entry(place)
        kind = entry.text("rtekind") if entry is not None else ""
        if entry is None or number <= 0:
            return None
        if kind == RELATION:
            return entry.text("relid"), number
        if kind == JOIN:
            alias = entry.items("joinaliasvars")
            part = alias[number - 1] if number <= len(alias) else None
            node = part if isinstance(part, Node) else None
        elif kind in (SUBQUERY, CTE):
            inner = _inner(scope, place, entry)
            output = inner.outputs.get(number) if inner is not None else None
            if inner is None or output is None:
                return None
            scope, node = inner, output.node("expr")
        else:
            return None
    return None
