"""The reader takes what real servers print and nothing that is one token off."""

from __future__ import annotations

import pytest

from gateway.sql.codes import IncompleteCode
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.reader import TreeRefused, read_expressions, read_tree
from tests.unit.sql import golden

GRAMMAR = GRAMMARS[18]
CONST = (
    "{CONST :consttype 23 :consttypmod -1 :constcollid 0 :constlen 4 :constbyval true :constisnull false "
    ":location 7 :constvalue 4 [ 1 0 0 0 0 0 0 0 ]}"
)


def refused(text: str) -> tuple[IncompleteCode, str]:
    with pytest.raises(TreeRefused) as caught:
        read_tree(text, GRAMMAR)
    return caught.value.code, caught.value.detail


@pytest.mark.parametrize(("major", "name"), golden.every())
def test_real_trees_are_read(major, name):
    for text in golden.trees(major, name):
        queries = read_tree(text, GRAMMARS[major])
        assert [query.name for query in queries] == ["QUERY"] * len(queries)


@pytest.mark.parametrize(("major", "other"), [(15, 16), (16, 18), (18, 15), (16, 15)])
def test_a_tree_of_another_major_is_refused(major, other):
    with pytest.raises(TreeRefused) as caught:
        read_tree(golden.trees(major, "plain columns")[0], GRAMMARS[other])
    assert caught.value.code is IncompleteCode.FIELD_UNKNOWN


def test_nothing_is_an_empty_list():
    assert read_tree("<>", GRAMMAR) == []


def test_a_constant_keeps_its_place_and_shape():
    (node,) = read_expressions(CONST, GRAMMAR)
    assert (node.name, node.text("consttype"), node.number("location")) == ("CONST", "23", 7)


def test_an_unknown_node_is_named():
    assert refused("({MYSTERY :a 1})") == (IncompleteCode.NODE_UNKNOWN, "MYSTERY")


def test_an_unknown_field_is_named():
    text = CONST.replace(":constlen", ":constwidth")
    assert refused(f"({text})") == (IncompleteCode.FIELD_UNKNOWN, "CONST.constwidth")


@pytest.mark.parametrize(
    "change",
    [
        (" :constlen 4", ""),
        (":constlen 4", ":constlen 4 :constlen 4"),
        (":constlen 4 :constbyval true", ":constbyval true :constlen 4"),
        ("]}", "] :extra 1}"),
        ("4 [ 1 0 0 0 0 0 0 0 ]", "4"),
        ("4 [ 1 0 0 0 0 0 0 0 ]", "{CONST}"),
        ("]}", "]"),
        ("]}", "]}}"),
    ],
)
def test_fields_must_be_exactly_the_tables_in_order(change):
    code, _ = refused(f"({CONST.replace(*change)})")
    assert code in (IncompleteCode.FIELD_UNKNOWN, IncompleteCode.TREE_MALFORMED)


@pytest.mark.parametrize("text", ["", "(", "{", "(1)", "((", '("a")', "({CONST", "<> <>", ")", "( ) )"])
def test_what_is_no_list_of_nodes_is_malformed(text):
    code, _ = refused(text)
    assert code in (IncompleteCode.TREE_MALFORMED, IncompleteCode.FIELD_UNKNOWN)


@pytest.mark.parametrize("piece", ["{RELABELTYPE :arg ", "{ROWEXPR :args (", "("])
def test_a_tree_too_deep_to_read_is_refused(piece):
    assert refused(f"({piece * 100_000}")[0] is IncompleteCode.TREE_TOO_DEEP


def test_a_deep_tree_is_read():
    text = CONST
    for _ in range(300):
        text = "{ROWEXPR :args (" + text + ") :row_typeid 2249 :row_format 0 :colnames <> :location -1}"
    assert len(read_tree(f"({text})", GRAMMAR)) == 1


def test_a_bracket_that_came_loose_in_a_long_name_is_refused():
    # The server folds the text at 78 bytes whatever stands there: "\(" can become "\", newline, "(".
    alias = r"x\(" + r"\(" * 37 + "\\\n("
    text = f"({{ALIAS :aliasname {alias} :colnames <>}})"
    assert refused(text)[0] in (IncompleteCode.FIELD_UNKNOWN, IncompleteCode.TREE_MALFORMED)


def test_names_must_be_quoted_strings():
    assert refused('({ALIAS :aliasname a :colnames ("a" b)})')[0] is IncompleteCode.TREE_MALFORMED
    assert refused('({ALIAS :aliasname a :colnames ("a" {CONST})})')[0] is IncompleteCode.TREE_MALFORMED
