"""SQL beyond the golden cases (tests/golden/routes/sql.yaml)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routes.codes import RouteCode
from gateway.routes.request import Unread
from gateway.routes.sqltext import CLICKHOUSE, MAX_TEXT, TRINO, Dialect, read_sql


def touched(text: str, dialect: Dialect = TRINO) -> set[tuple[str, str]]:
    found = read_sql(text, dialect, "hive.crm" if dialect is TRINO else "crm")
    return {(relation, column) for relation, column, _ in found.uses}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t TABLESAMPLE BERNOULLI (1)",
        "SELECT a FROM t CROSS JOIN UNNEST(x)",
        "SELECT a FROM t NATURAL JOIN s",
        "SELECT a FROM t JOIN s USING (id)",
        "SELECT row_number() OVER (PARTITION BY a) FROM t",
        "WITH RECURSIVE r AS (SELECT a FROM t) SELECT a FROM r",
        "SELECT t.s.a FROM t",
        "SELECT x.a FROM t",
        "SELECT a FROM one.two.three.four",
        "SELECT current_user",
        "SHOW TABLES",
        "EXPLAIN SELECT a FROM t",
        "CALL p()",
        "VALUES 1",
        "SELECT * EXCEPT (a) FROM t",
        "SELECT a FROM t FOR VERSION AS OF 3",
        "SELECT DISTINCT ON (a) a FROM t",
        "SELECT x'41' FROM t",
        "SELECT U&'a' FROM t",
        'SELECT a FROM "t-x"',
        "(" * 2000,
        "SELECT " + "-" * 3,
        "x" * (MAX_TEXT + 1),
    ],
)
def test_what_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(Unread):
        read_sql(text, TRINO, "hive.crm")


def test_a_column_belongs_to_whatever_it_may_be_of() -> None:
    assert touched("SELECT a FROM t, s") == {("hive.crm.t", "a"), ("hive.crm.s", "a")}
    assert touched("SELECT t.a FROM t, s") == {("hive.crm.t", "a")}
    inner = "SELECT id FROM t WHERE id IN (SELECT a FROM s)"
    assert touched(inner) == {("hive.crm.t", "id"), ("hive.crm.t", "a"), ("hive.crm.s", "a")}
    assert touched("SELECT d.a FROM (SELECT b AS a FROM t) d") == {("hive.crm.t", "b")}
    assert touched("SELECT a FROM t UNION SELECT b FROM s ORDER BY a") == {("hive.crm.t", "a"), ("hive.crm.s", "b")}


def test_case_counts_where_the_database_says_so() -> None:
    assert touched("SELECT T.Phone FROM T") == {("hive.crm.t", "phone")}
    assert touched("SELECT T.Phone FROM T", CLICKHOUSE) == {("crm.T", "Phone")}


def test_several_statements() -> None:
    with pytest.raises(Unread) as refused:
        read_sql("SELECT 1; SELECT 2", TRINO, "hive.crm")
    assert refused.value.code is RouteCode.SQL_SEVERAL
    assert touched("SELECT ';' AS a;") == set()


WORDS = (
    "SELECT phone id FROM users stickers WHERE = 'x' ( ) , * AS AND OR IN JOIN ON GROUP BY ORDER LIMIT 1 UNION WITH . "
    "count"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.sampled_from([TRINO, CLICKHOUSE]))
def test_no_text_is_a_crash_or_hides_a_table(words: list[str], dialect: Dialect) -> None:
    text = " ".join(words)
    try:
        found = read_sql(text, dialect, "hive.crm" if dialect is TRINO else "crm")
    except Unread:
        return
    for name in ("users", "stickers"):
        if f"FROM {name}" in text and f"WITH {name}" not in text:
            assert any(relation.endswith(f".{name}") for relation in found.relations), text
