"""The relations that a statement's text names: by what locks its analysis may be held up. Never what it touches.

Names as they are written, schema and all; views and search paths hide what is behind them. A relation that is written
to is named twice, as read and as written: a lock that stops readers stops writers, and not the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Names = frozenset[tuple[str, bool]]
"""Names as written, each with whether a stronger lock than a reader's is taken on it."""

_TARGETS = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def named(statement: Mapping[str, Any]) -> Names:
    """The names in the parser's tree of one statement, those of its common table expressions left out."""
    names: set[tuple[str, bool]] = set()
    known: set[str] = set()  # as common table expressions
    locking = False
    nodes: list[Any] = [statement]
    while nodes:
        node = nodes.pop()
        if type(node) is list:
            nodes += node
        elif type(node) is dict:
            for field, value in node.items():
                if field == "RangeVar":
                    names.add((_name(value), False))
                elif field == "ctename":
                    known.add(str(value))
                else:
                    locking = locking or field == "lockingClause"
                    if field in _TARGETS:
                        names |= _target(value)
                    elif field == "CopyStmt":
                        names |= _copied(value)
                    if type(value) is dict or type(value) is list:
                        nodes.append(value)
    found = frozenset(one for one in names if one[0] not in known)
    # Which of them FOR UPDATE means may be left unsaid; then it means all.
    return frozenset(_strongly(found)) if locking else found


def _target(body: Mapping[str, Any]) -> Names:
    relation = body.get("relation")
    return frozenset(((_name(relation), False), (_name(relation), True))) if isinstance(relation, dict) else frozenset()


def _copied(body: Mapping[str, Any]) -> Names:
    into = _target(body)
    return into if body.get("is_from") else frozenset(one for one in into if not one[1])


def _strongly(names: Names) -> Iterator[tuple[str, bool]]:
    for name, _ in names:
        yield name, False
        yield name, True


def _name(relation: Mapping[str, Any]) -> str:
    schema, name = relation.get("schemaname"), str(relation.get("relname", ""))
    return f"{schema}.{name}" if schema else name
