"""Shapes follow their table, nodes give their fields by name."""

from __future__ import annotations

import pytest

from gateway.sql.tree.node import Node, Role, Shape


def test_runs_of_one_token_fields_become_one_step():
    shape = Shape("X", ("a", "b", "c", "d"), (Role.PLAIN, Role.FUNCTION, Role.NODE, Role.VALUE))
    assert shape.steps == (([":a", ":b"], Role.PLAIN), ([":c"], Role.NODE), ([":d"], Role.PLAIN))
    assert shape.checks == ((1, Role.FUNCTION), (2, Role.NODE))


def test_a_variant_has_the_fields_of_its_prefix_first():
    prefix = Shape("X", ("kind",), (Role.VALUE,), variant=0)
    shape = Shape("X", ("a",), (Role.TYPE,), prefix=prefix)
    assert shape.fields == ("kind", "a")
    assert shape.steps == (([":kind"], Role.PLAIN), ([":a"], Role.PLAIN))
    assert shape.checks == ((1, Role.TYPE),)


def test_a_node_gives_fields_by_name():
    shape = Shape("X", ("a", "b", "c"), (Role.VALUE, Role.NODE, Role.NODES))
    inner = Node(Shape("Y", (), ()), [])
    node = Node(shape, ["7", inner, [inner, None]])
    assert (node.name, node.text("a"), node.number("a"), node.node("b")) == ("X", "7", 7, inner)
    assert node.nodes("c") == [inner]
    assert node.items("c") == [inner, None]
    assert node.has("c")
    assert not node.has("z")
    with pytest.raises(KeyError):
        node.text("z")
