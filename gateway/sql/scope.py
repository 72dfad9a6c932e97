"""One query level of a tree: its range table, its common table expressions, its outputs, and what was asked of them.

``Scope`` only remembers; ``walker`` asks and answers. Requests are bit masks of ``Use`` that only grow, so each
position is walked at most once per bit, however many aliases, set operations and levels lead to it.
"""

from __future__ import annotations

from gateway.sql.tree.node import Node

SELECT = "1"
UPDATE = "2"
INSERT = "3"
DELETE = "4"

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
        "excluded",
        "leaves",
        "outputs",
        "parent",
        "produced",
        "query",
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
        self.excluded = 0  # place of ON CONFLICT's row that was not inserted: no relation is read there
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
