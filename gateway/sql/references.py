"""What a field's role says about the OID in it: the one place where a role becomes a question to the catalog.

``stored_problem`` asks that of everything in a stored expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.sql.codes import Problem
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.node import Node, Role, Value
from gateway.sql.tree.reader import TreeRefused, read_expressions

if TYPE_CHECKING:
    from gateway.sql.catalog import Catalog  # which asks here about the checks of its domains

_NOBODY: Final = "0"  # the OID that stands for none
_FUNCTIONS: Final = frozenset((int(Role.FUNCTION), int(Role.FUNCTIONS)))
_OPERATORS: Final = frozenset((int(Role.OPERATOR), int(Role.OPERATORS)))
_CONVERTED: Final = frozenset((int(Role.INPUT_TYPE), int(Role.INPUT_TYPES)))


def reference_problem(catalog: Catalog, value: Value, role: int) -> Problem | None:
    """The first reason why what a field refers to may not be used: one OID, or a list of them."""
    if isinstance(value, list):
        for item in value:
            problem = reference_problem(catalog, item, role)
            if problem is not None:
                return problem
        return None
    if not isinstance(value, str) or value == _NOBODY:
        return None
    if role in _FUNCTIONS:
        return catalog.function_problem(value)
    if role in _OPERATORS:
        return catalog.operator_problem(value)
    return catalog.type_problem(value, converted=role in _CONVERTED)


def stored_problem(catalog: Catalog, text: str) -> Problem | None:
    """The first reason why what a stored expression refers to may not be used; its columns are its relation's own."""
    try:
        waiting: list[Value] = list(read_expressions(text, GRAMMARS[catalog.major]))
    except TreeRefused as error:
        return error.code, error.detail
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, Node):
            for index, role in value.shape.checks:
                part = value.values[index]
                if role in (Role.NODE, Role.NODES):
                    waiting.append(part)
                    continue
                problem = reference_problem(catalog, part, role)
                if problem is not None:
                    return problem
    return None
