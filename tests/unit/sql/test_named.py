"""The relations a text names, read and written; too few of them only means less fairness, never another decision."""

from __future__ import annotations

import pytest

from gateway.sql import gate


def names(text: str) -> tuple[set[str], set[str]]:
    """(read, written)."""
    (statement,) = gate.inspect(text, max_bytes=10_000)
    found = statement.names()
    return {name for name, written in found if not written}, {name for name, written in found if written}


@pytest.mark.parametrize(
    ("text", "read", "written"),
    [
        ("SELECT 1", set(), set()),
        ("SELECT a FROM t", {"t"}, set()),
        ("TABLE t", {"t"}, set()),
        ('SELECT a FROM public.t JOIN "T" USING (a)', {"public.t", "T"}, set()),
        ("SELECT (SELECT max(x) FROM u) FROM t WHERE EXISTS (SELECT FROM v)", {"t", "u", "v"}, set()),
        ("SELECT a FROM t UNION SELECT b FROM u", {"t", "u"}, set()),
        ("WITH t AS (SELECT a FROM u) SELECT a FROM t", {"u"}, set()),
        ("SELECT a FROM t FOR UPDATE", {"t"}, {"t"}),
        ("SELECT a FROM t, u FOR SHARE OF u", {"t", "u"}, {"t", "u"}),
        ("INSERT INTO t SELECT a FROM u", {"t", "u"}, {"t"}),
        ("UPDATE s.t SET a = 1 FROM u", {"s.t", "u"}, {"s.t"}),
        ("DELETE FROM t USING u", {"t", "u"}, {"t"}),
        ("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", {"t", "u"}, {"t"}),
        ("WITH gone AS (DELETE FROM t RETURNING a) SELECT a FROM gone, u", {"t", "u"}, {"t"}),
        ("EXPLAIN SELECT a FROM t", {"t"}, set()),
        ("COPY t TO STDOUT", {"t"}, set()),
        ("COPY t (a) FROM STDIN", {"t"}, {"t"}),
        ("COPY (SELECT a FROM t) TO STDOUT", {"t"}, set()),
    ],
)
def test_names_as_they_are_written(text, read, written):
    assert names(text) == (read, written)
