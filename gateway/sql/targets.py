"""What writing to a relation does besides: triggers, checks, generated columns, indexes, foreign keys that cascade.

None of it stands in the tree of the statement. Triggers of users are code that cannot be seen into: refused. Stored
expressions are read like any other and refused for the same reasons. A foreign key that deletes or changes rows of
another relation makes that one a target too.
"""

from __future__ import annotations

from gateway.sql.catalog import Catalog
from gateway.sql.codes import IncompleteCode
from gateway.sql.references import stored_problem
from gateway.sql.scope import DELETE, INSERT, UPDATE
from gateway.sql.touched import Touched
from gateway.sql.tree.node import Node

_TABLE_KINDS = frozenset("rp")


def check_target(catalog: Catalog, touched: Touched, oid: str, command: str) -> None:
    """Refuse, or add, what a write to this relation would do besides."""
    _check(catalog, touched, oid, command, set())


def whole_target(touched: Touched, query: Node) -> None:
    """Every column of an INSERT's target gets a value that the client sends as text: COPY without a list of columns."""
    place = query.number("resultRelation")
    table = query.nodes("rtable")
    oid = table[place - 1].text("relid") if 0 < place <= len(table) else ""
    relation = touched.catalog.relations.get(oid)
    if relation is None:
        touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "COPY into no relation")
        return
    for number, column in relation.columns.items():
        if column.generated:
            continue
        touched.written(oid, number, with_children=False)
        problem = touched.catalog.type_problem(column.type, converted=True)
        if problem is not None:
            touched.refuse(*problem)


def _check(catalog: Catalog, touched: Touched, oid: str, command: str, seen: set[tuple[str, str]]) -> None:
    if (oid, command) in seen:
        return
    seen.add((oid, command))
    relation = catalog.relations.get(oid)
    if relation is None:
        return  # refused where it was found
    if relation.system or relation.kind not in _TABLE_KINDS:
        touched.refuse(IncompleteCode.TARGET_REFUSED, f"{relation.full_name} is not a table of users")
        return
    # An INSERT reaches partitions; it does not reach children by inheritance.
    reaches = command != INSERT or relation.kind == "p"
    for member in (oid, *(catalog.descendants(oid) if reaches else ())):
        below = touched.target(member)
        if below is None:
            continue
        if below.kind not in _TABLE_KINDS:
            touched.refuse(IncompleteCode.TARGET_REFUSED, f"{below.full_name} is not a table of users")
        if member in catalog.triggered:
            touched.refuse(IncompleteCode.TARGET_REFUSED, f"{below.full_name} has a trigger")
        if command != DELETE:
            for text in catalog.expressions.get(member, ()):
                problem = stored_problem(catalog, text)
                if problem is not None:
                    detail = f"an expression stored with {below.full_name}: {problem[1]}"
                    touched.refuse(IncompleteCode.TARGET_REFUSED, detail)
        for reference in catalog.references.get(member, ()):
            if command == DELETE and reference.on_delete:
                touched.target(reference.referencing)
                _check(catalog, touched, reference.referencing, DELETE, seen)
                _check(catalog, touched, reference.referencing, UPDATE, seen)
            elif command in (UPDATE, INSERT) and reference.on_update:
                touched.target(reference.referencing)
                _check(catalog, touched, reference.referencing, UPDATE, seen)
