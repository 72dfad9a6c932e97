"""One query level of a tree: its range table, its common table expressions, its outputs, and what was asked of them.

``Scope`` only remembers; ``walker`` asks and answers. ``open_scope`` makes all levels of a query that have a place or
a name in it before any of them is walked, since a reference may lead to one that comes later. Requests are bit masks
of ``Use`` that only grow, so each position is walked at most once per bit, however many aliases lead to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.sql.codes import IncompleteCode
from gateway.sql.touched import Touched
from gateway.sql.tree.node import Node

SELECT = "1"
UPDATE = "2"
INSERT = "3"
DELETE = "4"
MERGE = "5"

UNION = "1"

RELATION = "0"
SUBQUERY = "1"
JOIN = "2"
CTE = "6"
GROUP = "9"


class Scope:
    """A query, the level around it, and the levels inside it that have names here."""

    __slots__ = (
        "asked",
        "children",
        "command",
        "ctes",
        "leaves",
        "limits",
        "outputs",
        "parent",
        "produced",
        "query",
        "solid",
        "table",
        "view",
    )

    def __init__(self, query: Node, parent: Scope | None, *, view: bool) -> None:
        self.query = query
        self.parent = parent
        self.view = view  # inside a view: outputs nobody asks for are its author's business, not the statement's
        self.command = query.text("commandType")
        self.table = query.nodes("rtable")
        self.children: dict[int, Scope] = {}  # place in the range table -> its sub-query
        self.ctes: dict[str, Scope] = {}
        self.leaves: list[int] = []  # places of the sub-queries of a set operation
        self.solid = False  # the statement itself, or a scalar sub-select in its outputs: see `limits`
        self.limits: Mapping[tuple[int, int], frozenset[str]] | None = None  # None: nobody looked yet
        self.asked: dict[tuple[int, int], int] = {}  # (place, column) -> uses walked so far
        self.produced: dict[int, int] = {}  # output -> uses walked so far
        listed = "targetList" if self.command == SELECT else "returningList"
        self.outputs: dict[int, Node] = {entry.number("resno"): entry for entry in query.nodes(listed)}

    def entry(self, place: int) -> Node | None:
        """The range table entry at a place, counted from one."""
        return self.table[place - 1] if 0 < place <= len(self.table) else None

    def above(self, levels: int) -> Scope | None:
        """The scope so many levels out; None where there is none."""
        scope: Scope | None = self
        while levels > 0 and scope is not None:
            scope = scope.parent
            levels -= 1
        return scope if levels == 0 else None


def open_scope(query: Node, parent: Scope | None, scopes: list[Scope], touched: Touched, *, view: bool) -> Scope:
    """The scope of a query and those inside it, added to ``scopes`` from the outside in."""
    scope = Scope(query, parent, view=view)
    scopes.append(scope)
    for cte in query.nodes("cteList"):
        inner = cte.node("ctequery")
        if inner is not None and inner.name == "QUERY":
            scope.ctes[cte.text("ctename")] = open_scope(inner, scope, scopes, touched, view=view)
        else:
            touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a common table expression without a query")
    for place, entry in enumerate(scope.table, 1):
        if entry.text("rtekind") != SUBQUERY:
            continue
        inner = entry.node("subquery")
        if inner is not None and inner.name == "QUERY":
            owned = view or _is_view(entry, inner)
            scope.children[place] = open_scope(inner, scope, scopes, touched, view=owned)
        else:
            touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a sub-query without a query")
    operations = query.node("setOperations")
    if operations is not None:
        _add_leaves(scope, operations)
    return scope


def _add_leaves(scope: Scope, node: Node) -> None:
    if node.name == "RANGETBLREF":
        scope.leaves.append(node.number("rtindex"))
        return
    for field in ("larg", "rarg"):
        part = node.node(field)
        if part is not None:
            _add_leaves(scope, part)


def _is_view(entry: Node, query: Node) -> bool:
    """True where a sub-query is a view's: from 16 on the entry keeps the view's OID, before that the query has it."""
    if entry.has("relid"):
        return entry.text("relid") != "0"
    return any(e.text("rtekind") == RELATION and e.text("relkind") == "v" for e in query.nodes("rtable"))


def compares_rows(operations: Node) -> bool:
    """True for set operations that compare rows: anything but UNION ALL all the way down."""
    if operations.name == "RANGETBLREF":
        return False
    if operations.text("all") != "true" or operations.text("op") != UNION:
        return True
    parts = (operations.node("larg"), operations.node("rarg"))
    return any(part is not None and compares_rows(part) for part in parts)


def passes_on(entry: Node | None) -> bool:
    """Whether an output is a plain column of something below."""
    expression = None if entry is None else entry.node("expr")
    return expression is not None and expression.name == "VAR"
