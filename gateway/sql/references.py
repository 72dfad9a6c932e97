"""What a field's role says about the OID in it: the one place where a role becomes a question to the catalog."""

from __future__ import annotations

from typing import Final

from gateway.sql.catalog import Catalog, Problem
from gateway.sql.tree.node import Role, Value

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
