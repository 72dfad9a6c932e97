"""The comparison of two trees, on golden ones: equal to itself, different from every other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.sql.rewrite.refused import RewriteRefused
from gateway.sql.rewrite.same import Same, one_query, views
from tests.unit.sql import golden

READS = [
    (major, name)
    for major, name in golden.every()
    if major in (15, 18) and golden.cases()[name]["facts"]["effect"] == "read"
]


def query(major: int, name: str):
    try:
        return one_query(golden.trees(major, name), golden.catalog(major))
    except RewriteRefused:
        return None


@pytest.mark.parametrize(("major", "name"), READS)
def test_a_statement_is_the_same_as_itself(major, name):
    tree = query(major, name)
    if tree is not None:
        Same({}, {}, guarded=(), harmless=()).check(tree, tree)


@pytest.mark.parametrize("major", [15, 18])
def test_no_statement_is_another(major):
    texts = {golden.cases()[name]["sql"] for _, name in READS}
    assert len(texts) > 20
    trees = [(name, tree) for one, name in READS if one == major and (tree := query(major, name)) is not None]
    confused = []
    for index, (name, tree) in enumerate(trees):
        for other, other_tree in trees[index + 1 :]:
            try:
                Same({}, {}, guarded=(), harmless=()).check(tree, other_tree)
            except RewriteRefused:
                continue
            confused.append((golden.cases()[name]["sql"], golden.cases()[other]["sql"]))
    assert [pair for pair in confused if pair[0].replace(" ", "") != pair[1].replace(" ", "")] == []


def test_a_guarded_relation_is_never_let_through():
    refused = 0
    for name in {name for major, name in READS if major == 18}:
        tree = query(18, name)
        oids = (
            []
            if tree is None
            else [entry.text("relid") for entry in tree.nodes("rtable") if entry.text("rtekind") == "0"]
        )
        if tree is not None and oids:
            refused += 1
            with pytest.raises(RewriteRefused, match="cannot be rewritten"):
                Same({}, {}, guarded=oids, harmless=()).check(tree, tree)
    assert refused >= 10


@pytest.mark.parametrize("major", [15, 18])
def test_views_are_found_by_their_oid(major):
    catalog = golden.catalog(major)
    found = {
        catalog.relations[oid].full_name
        for one, name in READS
        if one == major and (tree := query(major, name)) is not None
        for oid, _ in views(tree)
    }
    assert found
    assert all(name.startswith(("app.v_", "pg_catalog.", "information_schema.")) for name in found)


def test_trees_of_an_unknown_version_are_refused():
    with pytest.raises(RewriteRefused, match="version"):
        one_query([], replace(golden.catalog(18), major=99))


@pytest.mark.parametrize("trees", [[], ["<>"], ["nonsense"], ["({QUERY"]])
def test_what_is_no_tree_is_refused(trees):
    with pytest.raises(RewriteRefused):
        one_query(trees, golden.catalog(18))
