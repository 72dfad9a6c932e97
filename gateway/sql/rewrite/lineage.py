"""Which outputs of a view are a masked column and nothing else.

A view is seen through by the server, so its own text cannot be changed; but where a masked column does nothing in it
except come out, the mask can be put on that output. Everything else a view may do with such a column (compare, sort,
group, wrap it into a row, pass it to a function) happens on the raw value, so the view is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.sql.catalog import Catalog
from gateway.sql.rewrite.duties import Duties
from gateway.sql.rewrite.refused import RewriteRefused
from gateway.sql.scope import CTE, GROUP, JOIN, RELATION, SELECT, SUBQUERY, compares_rows
from gateway.sql.tree.node import Node, Value

_DEFINITIONS = {JOIN: "joinaliasvars", GROUP: "groupexprs"}  # what aliases stand for: no use by itself


class _Level:
    """One query inside the view."""

    __slots__ = ("ctes", "outputs", "parent", "query", "table")

    def __init__(self, query: Node, parent: _Level | None) -> None:
        self.query = query
        self.parent = parent
        self.table = query.nodes("rtable")
        self.ctes: dict[str, _Level] = {}
        self.outputs: dict[int, str] | None = None  # None: not known yet


class Lineage:
    """The masked outputs of views, for one statement."""

    def __init__(self, catalog: Catalog, duties: Duties) -> None:
        self._catalog = catalog
        self._duties = duties
        self.relations: set[str] = set()  # relations under obligation that were found inside views

    def of_view(self, query: Node, view: str) -> dict[int, str]:
        """Output number -> method. Raises RewriteRefused where a masked column does more than come out."""
        if all(self._duties.of(oid).none for oid in relations(query)):
            return {}
        try:
            return self._outputs(_Level(query, None))
        except RewriteRefused as refused:
            raise RewriteRefused(f"the view {view} {refused.why}") from None

    def _outputs(self, level: _Level) -> dict[int, str]:
        query = level.query
        if query.name != "QUERY" or query.text("commandType") != SELECT:
            raise RewriteRefused("does more than read")
        level.outputs = None
        children: dict[int, dict[int, str]] = {}
        for part in query.nodes("cteList"):
            inner = part.node("ctequery")
            if inner is not None:
                level.ctes[part.text("ctename")] = _Level(inner, level)
        for inner_level in level.ctes.values():
            inner_level.outputs = self._outputs(inner_level)
        for place, entry in enumerate(level.table, 1):
            kind = entry.text("rtekind")
            subquery = entry.node("subquery") if kind == SUBQUERY else None
            if subquery is not None:
                children[place] = self._outputs(_Level(subquery, level))
            elif kind == RELATION:
                self._relation(entry)
        found = self._walk(level, children)
        level.outputs = found
        return found

    def _relation(self, entry: Node) -> None:
        duty = self._duties.of(entry.text("relid"))
        if duty.none:
            return
        self.relations.add(entry.text("relid"))
        if duty.filters:
            raise RewriteRefused("reads a relation whose rows are to be filtered; ask that relation itself")

    def _walk(self, level: _Level, children: dict[int, dict[int, str]]) -> dict[int, str]:
        """Every use of a masked column in one query: only plain outputs are let through."""
        query = level.query
        masks = _Masks(self._catalog, self._duties, level, children)
        found: dict[int, str] = {}
        for index, field in enumerate(query.shape.fields):
            value = query.values[index]
            if field == "targetList":
                for target in query.nodes("targetList"):
                    method = self._target(target, masks)
                    if method is not None:
                        found[target.number("resno")] = method
            elif field == "rtable":
                for entry in level.table:
                    skipped = {"subquery", _DEFINITIONS.get(entry.text("rtekind"), "")}
                    for name, part in zip(entry.shape.fields, entry.values, strict=True):
                        if name not in skipped:
                            self._nothing(part, masks)
            elif field != "cteList":
                self._nothing(value, masks)
        operations = query.node("setOperations")
        if operations is not None:
            self._united(operations, children, found)
        return found

    def _target(self, target: Node, masks: _Masks) -> str | None:
        expression = target.node("expr")
        if expression is None or expression.name != "VAR":
            self._nothing(expression, masks)
            return None
        method = masks.of(expression)
        if method is not None and (target.text("ressortgroupref") != "0" or target.text("resjunk") == "true"):
            raise RewriteRefused("sorts, groups or compares by a masked column")
        return method

    def _nothing(self, value: Value, masks: _Masks) -> None:
        for node in _outermost(value, "VAR"):
            if masks.of(node) is not None:
                raise RewriteRefused("uses a masked column in an expression or condition")
        for query in _outermost(value, "QUERY"):  # whatever comes out of a sub-select in an expression is used there
            if self._outputs(_Level(query, masks.level)):
                raise RewriteRefused("uses a masked column in a sub-select")

    def _united(self, operations: Node, children: dict[int, dict[int, str]], found: dict[int, str]) -> None:
        for place in _leaves(operations):
            for number, method in children.get(place, {}).items():
                if found.setdefault(number, method) != method:
                    raise RewriteRefused("unites columns that are masked differently")
        if found and compares_rows(operations):
            raise RewriteRefused("compares rows that hold a masked column")


class _Masks:
    """Which method a reference's column is masked by, seen from one query."""

    __slots__ = ("_catalog", "_children", "_duties", "level")

    def __init__(self, catalog: Catalog, duties: Duties, level: _Level, children: dict[int, dict[int, str]]) -> None:
        self._catalog = catalog
        self._duties = duties
        self._children = children
        self.level = level

    def of(self, variable: Node, level: _Level | None = None) -> str | None:
        """The method of a VAR that stands in a query (this one, unless said otherwise); None where it is not masked."""
        home: _Level | None = level or self.level
        for _ in range(variable.number("varlevelsup")):
            home = None if home is None else home.parent
        if home is None:
            raise RewriteRefused("refers to a query level that does not exist")
        return self._column(home, variable.number("varno"), variable.number("varattno"))

    def _column(self, level: _Level, place: int, number: int) -> str | None:
        if not 0 < place <= len(level.table):
            raise RewriteRefused("refers to what does not exist")
        entry = level.table[place - 1]
        kind = entry.text("rtekind")
        if kind == RELATION:
            return self._of_relation(entry.text("relid"), number)
        if kind == CTE:
            return self._of_outputs(_cte(level, entry), number)
        if kind == SUBQUERY:
            if level is not self.level:
                # A lateral or correlated reference to a sub-query further out: its outputs are not at hand here.
                return self._outer(level, place, number)
            return self._of_outputs(self._children.get(place), number)
        if kind in _DEFINITIONS:
            parts = entry.items(_DEFINITIONS[kind])
            chosen = parts if number == 0 else parts[number - 1 : number]
            for part in chosen:
                for node in _outermost(part, "VAR"):
                    method = self.of(node, level)
                    if method is not None:
                        if node is part and number > 0 and kind == JOIN:
                            return method
                        raise RewriteRefused("combines a masked column with others")
        return None

    def _outer(self, level: _Level, place: int, number: int) -> str | None:
        subquery = level.table[place - 1].node("subquery")
        if subquery is None:
            raise RewriteRefused("refers to what does not exist")
        return self._of_outputs(Lineage(self._catalog, self._duties)._outputs(_Level(subquery, level)), number)

    def _of_relation(self, oid: str, number: int) -> str | None:
        duty = self._duties.of(oid)
        if duty.none:
            return None
        if number <= 0:
            raise RewriteRefused("uses whole rows, or their system columns, of a masked relation")
        column = self._catalog.relations[oid].columns.get(number)
        if column is None:
            raise RewriteRefused("refers to a column that does not exist")
        return duty.masks.get(column.name)

    def _of_outputs(self, outputs: dict[int, str] | None, number: int) -> str | None:
        if outputs is None:
            raise RewriteRefused("is recursive over a masked column, or refers to what does not exist")
        if number == 0 and outputs:
            raise RewriteRefused("uses whole rows that hold a masked column")
        return outputs.get(number)


def _cte(level: _Level, entry: Node) -> dict[int, str] | None:
    home: _Level | None = level
    for _ in range(entry.number("ctelevelsup")):
        home = None if home is None else home.parent
    found = None if home is None else home.ctes.get(entry.text("ctename"))
    return None if found is None else found.outputs


def _leaves(node: Node) -> Iterator[int]:
    if node.name == "RANGETBLREF":
        yield node.number("rtindex")
        return
    for name in ("larg", "rarg"):
        part = node.node(name)
        if part is not None:
            yield from _leaves(part)


def _outermost(value: Value, name: str) -> Iterator[Node]:
    """Every node of that name below a value that is not inside a sub-query."""
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Node):
            if one.name == name:
                yield one
            elif one.name != "QUERY":
                waiting += one.values


def relations(value: Value) -> Iterator[str]:
    """The OID of every relation in any range table below a value, sub-queries included."""
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Node):
            if one.has("rtekind") and one.text("rtekind") == RELATION:
                yield one.text("relid")
            waiting += one.values
