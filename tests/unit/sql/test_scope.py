"""Scopes of real trees: levels, names, leaves, views."""

from __future__ import annotations

import pytest

from gateway.sql.scope import SELECT, Scope, compares_rows, open_scope
from gateway.sql.touched import Touched
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.reader import read_tree
from tests.unit.sql import golden


def opened(major: int, name: str) -> tuple[Scope, list[Scope]]:
    (query,) = read_tree(golden.trees(major, name)[0], GRAMMARS[major])
    scopes: list[Scope] = []
    touched = Touched(golden.catalog(major))
    scope = open_scope(query, None, scopes, touched, view=False)
    assert touched.problem is None
    return scope, scopes


@pytest.mark.parametrize("major", golden.MAJORS)
def test_a_sub_query_is_a_child_at_its_place(major):
    scope, scopes = opened(major, "predicate through a sub-select")
    (inner,) = scope.children.values()
    assert scopes == [scope, inner]
    assert inner.above(0) is inner
    assert inner.above(1) is scope
    assert inner.above(2) is None
    assert (scope.command, inner.view) == (SELECT, False)
    assert sorted(inner.outputs) == [1, 2]


@pytest.mark.parametrize("major", golden.MAJORS)
def test_a_view_is_known_as_one(major):
    scope, _ = opened(major, "view, pruned")
    assert [inner.view for inner in scope.children.values()] == [True]


@pytest.mark.parametrize("major", golden.MAJORS)
def test_common_table_expressions_go_by_name(major):
    scope, _ = opened(major, "recursive cte")
    assert list(scope.ctes) == ["r"]
    assert len(scope.ctes["r"].leaves) == 2


@pytest.mark.parametrize("major", golden.MAJORS)
def test_only_union_all_compares_nothing(major):
    union, _ = opened(major, "set operations")
    intersect, _ = opened(major, "intersect")
    assert not compares_rows(union.query.node("setOperations"))
    assert compares_rows(intersect.query.node("setOperations"))


def test_outputs_of_a_write_are_what_it_returns():
    scope, _ = opened(18, "writing cte")
    assert [list(inner.outputs) for inner in scope.ctes.values()] == [[1]]


@pytest.mark.parametrize("place", [0, -1, 99])
def test_a_place_outside_the_range_table_is_none(place):
    scope, _ = opened(18, "plain columns")
    assert scope.entry(place) is None
