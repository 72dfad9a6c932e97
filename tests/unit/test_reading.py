"""Tasks give what the functions give that they stand for."""

from __future__ import annotations

import pytest

from gateway.reading import Inspected, InspectText, NormaliseText, ReadTrees
from gateway.sql import gate
from gateway.sql.codes import IncompleteCode
from gateway.sql.facts import read_facts

TEXT = "BEGIN; SELECT name FROM users WHERE id = 3"


def test_a_text_inspected_is_the_gates_without_the_parsers_trees():
    statements = InspectText(TEXT, 1000).perform().result()
    plain = gate.inspect(TEXT, max_bytes=1000)
    assert [(one.text, one.kind, one.shape, one.facts) for one in statements] == [
        (one.text, one.kind, one.shape, one.facts) for one in plain
    ]
    assert [one.names() for one in statements] == [one.names() for one in plain]
    assert [one.node for one in statements] == [None, None]


def test_a_text_refused_is_refused_where_its_result_is_looked_at():
    inspected = InspectText("DROP TABLE users", 1000).perform()
    assert inspected == Inspected(code=IncompleteCode.KIND_REFUSED, detail=inspected.detail)
    with pytest.raises(gate.Refused) as caught:
        inspected.result()
    assert (caught.value.code, caught.value.detail) == (IncompleteCode.KIND_REFUSED, inspected.detail)


def test_a_text_normalised():
    assert NormaliseText(TEXT).perform() == gate.normalise(TEXT)


def test_trees_read(analyses):
    found = analyses("SELECT name FROM users WHERE id = 3")
    facts = ReadTrees("select", found.trees, found.catalog, 100_000).perform()
    assert facts.complete
    assert facts == read_facts("select", found.trees, found.catalog, max_tree_bytes=100_000)
