"""The row limit as text."""

from __future__ import annotations

import pytest

from gateway.sql.gate import syntax
from gateway.sql.rewrite.limit import limited
from gateway.sql.rewrite.refused import RewriteRefused

FIVE = "'5'::pg_catalog.int8"


def limit(text: str, rows: int = 5) -> str:
    ((kind, body),) = syntax(text).items()
    select = body if kind == "SelectStmt" else body["query"]["SelectStmt"]
    return limited(text.encode(), select, [], rows, kind).decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", f"SELECT 1\nLIMIT {FIVE}"),
        ("SELECT 1 -- é", f"SELECT 1 -- é\nLIMIT {FIVE}"),
        ("SELECT 1 OFFSET 2", f"SELECT 1 OFFSET 2\nLIMIT {FIVE}"),
        ("SELECT 1 LIMIT 9", f"SELECT 1 LIMIT ({FIVE})"),
        ("SELECT 1 LIMIT 3 OFFSET 1", "SELECT 1 LIMIT ('3'::pg_catalog.int8) OFFSET 1"),
        ("SELECT 1 LIMIT 0", "SELECT 1 LIMIT ('0'::pg_catalog.int8)"),
        ("SELECT 1 LIMIT ALL", f"SELECT 1 LIMIT ({FIVE})"),
        ("SELECT 1 LIMIT null", f"SELECT 1 LIMIT ({FIVE})"),
        ("SELECT 1 LIMIT $2", f"SELECT 1 LIMIT (LEAST($2, {FIVE}))"),
        ("SELECT 1 FETCH FIRST 9 ROWS ONLY", f"SELECT 1 FETCH FIRST ({FIVE}) ROWS ONLY"),
        ("SELECT 1 FETCH FIRST ROW ONLY", "SELECT 1 FETCH FIRST ROW ONLY"),
        ("SELECT 1 UNION SELECT 2 ORDER BY 1", f"SELECT 1 UNION SELECT 2 ORDER BY 1\nLIMIT {FIVE}"),
        ("(SELECT 1)", f"(SELECT 1)\nLIMIT {FIVE}"),
        ("EXPLAIN SELECT 1", f"EXPLAIN SELECT 1\nLIMIT {FIVE}"),
        ("COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)", f"COPY (SELECT 1\nLIMIT {FIVE}) TO STDOUT WITH (FORMAT csv)"),
        ("COPY (SELECT ')' -- )\n) TO STDOUT", f"COPY (SELECT ')' -- )\n\nLIMIT {FIVE}) TO STDOUT"),
    ],
)
def test_limited(text, expected):
    assert limit(text) == expected
    syntax(expected)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 ORDER BY 1 FETCH FIRST 2 ROWS WITH TIES",
        "SELECT 1 LIMIT 1 + 1",
        "SELECT 1 LIMIT 1e3",
        "SELECT 1 LIMIT (SELECT 5)",
        "SELECT 1 LIMIT 1_0",
        "SELECT 1 LIMIT $1::int",
    ],
)
def test_refused(text):
    with pytest.raises(RewriteRefused, match="LIMIT"):
        limit(text)


def test_no_rows_at_all():
    assert limit("SELECT 1 LIMIT 3", 0) == "SELECT 1 LIMIT ('0'::pg_catalog.int8)"
    with pytest.raises(RewriteRefused):
        limit("SELECT 1 FETCH FIRST ROW ONLY", 0)
