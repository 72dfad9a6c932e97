"""Kinds of statements are refused in the words of SQL."""

from __future__ import annotations

import pytest

from gateway.sql.gate import Refused, inspect


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW: new relations are unclassified"),
        ("CREATE TABLE t (a int)", "CREATE TABLE: new relations are unclassified"),
        ("ALTER TABLE t ADD a int", "ALTER TABLE is not let through"),
        ("DO 'x'", "DO is not let through"),
        (
            "UPDATE t SET a = 1 WHERE CURRENT OF c",
            "WHERE CURRENT OF a cursor is not let through: name the row by its key",
        ),
        ("DELETE FROM t WHERE CURRENT OF c", "WHERE CURRENT OF a cursor is not let through: name the row by its key"),
        ("EXPLAIN EXECUTE p((SELECT 1))", "EXECUTE with anything but constants is not let through"),
        ("COPY t TO PROGRAM 'x'", "COPY with PROGRAM is not let through"),
        ("COPY t TO STDOUT (FORCE_ALL)", "COPY with FORCE_ALL is not let through"),
        ("PREPARE p AS SELECT 1 INTO t", "SELECT INTO inside of another statement is not let through"),
        ("EXPLAIN SELECT 1 INTO t", "SELECT INTO inside of another statement is not let through"),
        ("COPY (SELECT 1 INTO t) TO STDOUT", "SELECT INTO inside of another statement is not let through"),
        ("EXPLAIN CREATE TABLE t AS SELECT 1", "EXPLAIN of CREATE TABLE AS is not let through"),
        ("GRANT SELECT ON t TO r", "GRANT is not let through"),
        ("REVOKE r FROM s", "REVOKE of a role is not let through"),
        ("LOCK TABLE t", "LOCK TABLE in a mode other than ACCESS SHARE is not let through"),
    ],
)
def test_words(text, words):
    with pytest.raises(Refused) as caught:
        inspect(text, max_bytes=1000)
    assert caught.value.detail == words
