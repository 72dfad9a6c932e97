"""A role and an OID make a question to the catalog."""

from __future__ import annotations

import pytest

from gateway.sql.codes import IncompleteCode
from gateway.sql.references import reference_problem
from gateway.sql.tree.node import Role
from tests.unit.sql.test_catalog import CATALOG


@pytest.mark.parametrize(
    ("value", "role", "code"),
    [
        ("870", Role.FUNCTION, None),
        ("20300", Role.FUNCTION, IncompleteCode.FUNCTION_REFUSED),
        (["870", "20300"], Role.FUNCTIONS, IncompleteCode.FUNCTION_REFUSED),
        ("96", Role.OPERATOR, None),
        (["96", "20098"], Role.OPERATORS, IncompleteCode.OPERATOR_REFUSED),
        ("20203", Role.TYPE, None),
        ("20203", Role.INPUT_TYPE, IncompleteCode.TYPE_REFUSED),
        (["23", "20203"], Role.TYPES, None),
        (["23", "20203"], Role.INPUT_TYPES, IncompleteCode.TYPE_REFUSED),
        ("0", Role.FUNCTION, None),
        (None, Role.TYPES, None),
        ("999", Role.TYPE, IncompleteCode.TYPE_UNKNOWN),
    ],
)
def test_a_role_asks_its_question(value, role, code):
    problem = reference_problem(CATALOG, value, role)
    assert (problem and problem[0]) == code
