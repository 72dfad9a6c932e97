"""What the server itself will ask privileges for: a lower bound of what a statement touches.

Beside the tree of a query stands, for each of its relations, which columns the server will check SELECT, INSERT and
UPDATE on. The walk finds uses by itself; a column that stands there and was not found is added, so no fact is
narrower than PostgreSQL's own check. It knows columns that no tree holds: one that is given its DEFAULT and has none;
one of the row that ON CONFLICT could not insert.

Up to 15 this stands in the range table, from 16 on in a list beside it. In views and rules it is the owner who is asked
to read.
"""

from __future__ import annotations

from typing import Final

from gateway.sql.scope import RELATION, Scope
from gateway.sql.touched import Touched, Use
from gateway.sql.tree.node import Node

_INSERT: Final = 1  # bits of requiredPerms
_SELECT: Final = 2
_UPDATE: Final = 4
_NOBODY: Final = "0"  # in checkAsUser: whoever runs the statement; else the owner of a view or rule
_FIRST: Final = -7  # the number that bit 0 of a set of columns stands for


def claim_privileges(scope: Scope, touched: Touched) -> None:
    """Add what the server will ask for at this query level and was not found."""
    if scope.view:
        return
    query = scope.query
    if query.has("rteperminfos"):
        asked = query.nodes("rteperminfos")
    else:
        asked = [entry for entry in scope.table if entry.text("rtekind") == RELATION]
    for one in asked:
        wanted = one.number("requiredPerms")
        relation = touched.catalog.relations.get(one.text("relid"))
        if not wanted or relation is None or relation.kind == "v":
            continue  # an unknown relation was refused where it was found; a view's columns are those it shows
        if wanted & _SELECT and one.text("checkAsUser") == _NOBODY:
            _claim(one, "selectedCols", touched, write=False)
        if wanted & _INSERT:
            _claim(one, "insertedCols", touched, write=True)
        if wanted & _UPDATE:
            _claim(one, "updatedCols", touched, write=True)


def _claim(one: Node, field: str, touched: Touched, *, write: bool) -> None:
    use = Use.WRITE_TARGET if write else Use.PREDICATE
    children = one.text("inh") == "true" and field != "insertedCols"
    for bit in one.items(field):
        touched.at_least(one.text("relid"), int(str(bit)) + _FIRST, use, with_children=children)
