"""The inner statement is found only where it is proved to be the same."""

from __future__ import annotations

from typing import Any

import pgparse

from gateway.sql.inner import inner_start


def parse(text: str) -> list[dict[str, Any]]:
    try:
        return pgparse.parse(text)
    except pgparse.PGQueryError:
        return []


def wanted(text: str) -> Any:
    return pgparse.parse(text)[0]["stmt"]["ExplainStmt"]["query"]


def test_the_statement_begins_where_the_parser_agrees():
    text = "EXPLAIN (COSTS off) SELECT a FROM (SELECT 1 AS a) s"
    assert text[inner_start(text, wanted(text), parse) :] == "SELECT a FROM (SELECT 1 AS a) s"


def test_words_in_comments_and_options_are_passed_over():
    text = "EXPLAIN /* SELECT 2 */ -- VALUES (1)\n(SELECT 1)"
    assert text[inner_start(text, wanted(text), parse) :] == "(SELECT 1)"


def test_another_statement_is_not_taken_for_it():
    text = "EXPLAIN SELECT 1"
    assert inner_start("EXPLAIN SELECT 2", wanted(text), parse) is None


def test_the_search_ends():
    text = "EXPLAIN SELECT 1"
    assert inner_start("EXPLAIN " + "/* ( */" * 100 + "SELECT 1", wanted(text), parse) is None
