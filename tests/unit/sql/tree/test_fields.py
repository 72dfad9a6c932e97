"""The tables compile, and real servers print no node that they do not name."""

from __future__ import annotations

import re

import pytest

from gateway.sql.tree.fields import GRAMMARS
from tests.unit.sql import golden


@pytest.mark.parametrize("major", GRAMMARS)
def test_every_shape_has_distinct_fields_and_a_known_variant(major):
    shapes = GRAMMARS[major].shapes
    for name, shape in shapes.items():
        assert len(set(shape.fields)) == len(shape.fields), name
        if shape.variant >= 0:
            assert any(other.startswith(f"{name}/") for other in shapes), name


@pytest.mark.parametrize("major", golden.MAJORS)
def test_nodes_of_real_trees_are_all_in_the_table(major):
    named = set()
    for _, name in (pair for pair in golden.every() if pair[0] == major):
        for tree in golden.trees(major, name):
            named |= set(re.findall(r"\{([A-Z]+)[ \n]", tree))
    assert named <= set(GRAMMARS[major].shapes)


def test_majors_differ_where_the_servers_do():
    assert "requiredPerms" in GRAMMARS[15].shapes["RANGETBLENTRY/0"].index
    assert "perminfoindex" in GRAMMARS[16].shapes["RANGETBLENTRY/0"].index
    assert "RANGETBLENTRY/9" in GRAMMARS[18].shapes
    assert "RANGETBLENTRY/9" not in GRAMMARS[16].shapes
