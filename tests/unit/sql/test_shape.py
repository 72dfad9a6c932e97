"""Shapes: what is cut, what stays, and that no two lexical classes share one."""

from __future__ import annotations

import time

import pgparse
import pytest

from gateway.sql.shape import shape_of


def shape(text: str) -> str | None:
    """The shape of the last statement of a text; ``~`` stands for the mark of a cut."""
    raw = pgparse.parse(text)[-1]
    encoded = text.encode()
    start = raw.get("stmt_location", 0)
    length = raw.get("stmt_len", 0)
    found = shape_of(encoded, raw["stmt"], start, start + length if length else len(encoded))
    return None if found is None else found.decode().replace("\0", "~")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = ~i"),
        ("SELECT a FROM t WHERE 1 = b", "SELECT a FROM t WHERE ~i = b"),
        ("SELECT a FROM t WHERE b <> 'x'", "SELECT a FROM t WHERE b <> ~s"),
        ("SELECT a FROM t WHERE b != ''", "SELECT a FROM t WHERE b != ~s"),
        ("SELECT a FROM t WHERE b = 'it''s'", "SELECT a FROM t WHERE b = ~s"),
        ("SELECT a FROM t WHERE b = 'ü' AND é = 2", "SELECT a FROM t WHERE b = ~s AND é = ~i"),
        ("SELECT a FROM t WHERE b IN (1, 'x', 1.5, 99999999999)", "SELECT a FROM t WHERE b IN (~i, ~s, ~n, ~l)"),
        ("SELECT a FROM t WHERE b NOT IN (1, c)", "SELECT a FROM t WHERE b NOT IN (~i, c)"),
        ("SELECT a FROM t WHERE b BETWEEN 1 AND 2", "SELECT a FROM t WHERE b BETWEEN ~i AND ~i"),
        ("SELECT a FROM t WHERE b NOT BETWEEN 1 AND c", "SELECT a FROM t WHERE b NOT BETWEEN ~i AND c"),
        ("SELECT a FROM t LIMIT 5 OFFSET 10", "SELECT a FROM t LIMIT ~i OFFSET ~i"),
        ("SELECT a FROM t FETCH FIRST 5 ROWS ONLY", "SELECT a FROM t FETCH FIRST ~i ROWS ONLY"),
        (
            "INSERT INTO t VALUES (1, NULL, 'x'), (-2, true, DEFAULT)",
            "INSERT INTO t VALUES (~i, NULL, ~s), (~i, true, DEFAULT)",
        ),
        ("SELECT 1; SELECT a FROM t WHERE b = 1", " SELECT a FROM t WHERE b = ~i"),
        ("DELETE FROM t WHERE b = 0", "DELETE FROM t WHERE b = ~i"),
        ("UPDATE t SET a = 1 WHERE b = 2", "UPDATE t SET a = 1 WHERE b = ~i"),
        ("SELECT g(1) FROM t WHERE b = 1", "SELECT g(1) FROM t WHERE b = ~i"),
        ("SELECT a FROM t WHERE b = 1 ORDER BY 1", "SELECT a FROM t WHERE b = ~i ORDER BY 1"),
        ("SELECT a FROM t WHERE b = 1 GROUP BY 1, a", "SELECT a FROM t WHERE b = ~i GROUP BY 1, a"),
        ("SELECT a FROM t WHERE b = (SELECT c FROM u LIMIT 1)", "SELECT a FROM t WHERE b = (SELECT c FROM u LIMIT ~i)"),
    ],
)
def test_what_is_cut(text, wanted):
    assert shape(text) == wanted


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("0", "i"),
        ("-0", "i"),
        ("2147483647", "i"),
        ("-2147483647", "i"),
        ("2147483648", "l"),
        ("-2147483648", "i"),  # an integer once the sign is seen; without it, none
        ("-2147483649", "l"),
        ("9223372036854775807", "l"),
        ("9223372036854775808", "n"),
        ("-9223372036854775808", "l"),
        ("-9223372036854775809", "n"),
        ("1.5", "n"),
        (".5", "n"),
        ("5.", "n"),
        ("-1.5", "n"),
        ("2147483648.", "n"),
        ("9" * 5000, "n"),
        ("0" * 30 + "2147483648", "l"),
        ("'1'", "s"),
    ],
)
def test_the_class_is_the_servers(written, kind):
    found = shape(f"SELECT a FROM t WHERE b = {written}")
    if written == "-0":
        assert found in (None, "SELECT a FROM t WHERE b = ~i")  # the parser keeps 0: then the bytes are not its value
    else:
        assert found == f"SELECT a FROM t WHERE b = ~{kind}"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t",
        "SELECT g(1), g(1.5), g('1')",
        "SELECT a FROM t ORDER BY 1",
        "SELECT a, count(*) FROM t GROUP BY 1",
        "SELECT 'app.users'::regclass",
        "SELECT a FROM t WHERE b = '1'::int",
        "SELECT a FROM t WHERE b = int '1'",
        "SELECT a FROM t WHERE b = date '2025-01-01'",
        "SELECT a FROM t WHERE b = E'x\\ny'",
        "SELECT a FROM t WHERE b = U&'x'",
        "SELECT a FROM t WHERE b = N'x'",
        "SELECT a FROM t WHERE b = B'1'",
        "SELECT a FROM t WHERE b = X'1f'",
        "SELECT a FROM t WHERE b = $$x$$",
        "SELECT a FROM t WHERE b = 'x\\y'",
        "SELECT a FROM t WHERE b = 'x'\n'y'",
        "SELECT a FROM t WHERE b = 'x'\n''",
        "SELECT a FROM t WHERE b = 1e5",
        "SELECT a FROM t WHERE b = 0x1f",
        "SELECT a FROM t WHERE b = 1_000",
        "SELECT a FROM t WHERE b = 007",
        "SELECT a FROM t WHERE b = - 5",
        "SELECT a FROM t WHERE b = -/* */5",
        "SELECT a FROM t WHERE b = - -5",
        "SELECT a FROM t WHERE b = true",
        "SELECT a FROM t WHERE b = NULL",
        "SELECT a FROM t WHERE b = $1",
        "SELECT a FROM t WHERE b + 1 = c",
        "SELECT a FROM t WHERE b LIKE 'x'",
        "SELECT a FROM t WHERE b = ANY ('{1,2}')",
        "SELECT a FROM t WHERE b OPERATOR(pg_catalog.=) 1",
        "SELECT a FROM t WHERE b @> 1",
        "SELECT a FROM t WHERE (b, c) = (1, 2)",
        "SELECT a FROM t WHERE b IS DISTINCT FROM 1",
        "SELECT a FROM t WHERE nullif(b, 1) IS NULL",
        "SELECT CASE a WHEN 1 THEN 2 END FROM t",
        "SELECT a FROM t TABLESAMPLE system (5)",
        "SELECT a FROM t LIMIT ALL",
        "UPDATE t SET a = 1",
        "EXECUTE p(1)",
    ],
)
def test_what_has_no_shape(text):
    assert shape(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a = 1 FROM t GROUP BY a = 1",
        "SELECT a = 1 FROM t ORDER BY a = 1",
        "SELECT DISTINCT ON (a = 1) a = 1 FROM t",
        "SELECT sum(a) OVER (PARTITION BY b = 1) FROM t",
        "SELECT sum(a) OVER (ORDER BY b = 1) FROM t",
        "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY b IN (1, 2))",
        "SELECT string_agg(a, ',' ORDER BY b = 1) FROM t",
        "SELECT a FROM t GROUP BY ROLLUP (a, b = 1)",
        "SELECT (SELECT 1 LIMIT 1) FROM t GROUP BY (SELECT 1 LIMIT 1)",
        "INSERT INTO t VALUES (1) ON CONFLICT ((a = 1)) DO NOTHING",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) WHERE b = 1 DO NOTHING",
    ],
)
def test_what_the_server_compares_is_never_cut(text):
    assert shape(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "SELECT a.phone FROM users a, stickers b WHERE a.id = 1",
            "SELECT a.phone FROM users b, stickers a WHERE a.id = 1",
        ),
        ("SELECT x.a FROM t AS x(a, b) WHERE a = 1", "SELECT x.a FROM t AS x(b, a) WHERE a = 1"),
        ("SELECT query_to_xml('select 1') WHERE 1 = 1", "SELECT query_to_xml('select 2') WHERE 1 = 1"),
        ("SELECT 'a'::regclass WHERE 1 = 1", "SELECT 'b'::regclass WHERE 1 = 1"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = '1'"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 1.0"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 2147483648"),
        ("SELECT a FROM t WHERE b = 2147483648", "SELECT a FROM t WHERE b = -2147483648"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = NULL"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = true"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = $1"),
        ("SELECT g(1) FROM t LIMIT 1", "SELECT g(1.5) FROM t LIMIT 1"),
        ("SELECT a FROM t WHERE b IN (1)", "SELECT a FROM t WHERE b IN (1, 2)"),
        ("SELECT a, b FROM t WHERE c = 1 ORDER BY 1", "SELECT a, b FROM t WHERE c = 1 ORDER BY 2"),
        ("EXECUTE p", "EXECUTE q"),
        ("SET search_path = a", "SET search_path = b"),
        ("DO 'a'", "DO 'b'"),
    ],
)
def test_different_meanings_have_different_shapes(one, other):
    """With what collides in fingerprints and normalised texts (HAZARDS 2.1)."""
    assert shape(one) is None or shape(one) != shape(other)


def test_places_that_do_not_fit_the_text_give_nothing():
    text = b"SELECT a FROM t WHERE b = 1"
    ((raw,), bound) = pgparse.parse(text.decode()), len(text)
    assert shape_of(text, raw["stmt"], 0, bound) is not None
    assert shape_of(text, raw["stmt"], 0, bound - 1) is None  # the constant ends beyond the statement
    assert shape_of(text, raw["stmt"], bound, bound) is None  # and begins before it
    assert shape_of(b"SELECT a FROM t WHERE c  = 1", raw["stmt"], 0, bound + 1) is None
    assert shape_of(b"", raw["stmt"], 0, 0) is None


def test_a_mark_is_no_text():
    """A text holds no NUL when it gets here, so what is written cannot look like a cut."""
    assert shape("SELECT '~i' FROM t WHERE b = 1") == "SELECT '~i' FROM t WHERE b = ~i"
    raw = pgparse.parse("SELECT a FROM t WHERE b = 1")[0]
    found = shape_of(b"SELECT a FROM t WHERE b = 1", raw["stmt"], 0, 27)
    assert found == b"SELECT a FROM t WHERE b = \0i"


def test_it_costs_little():
    """Parsing included, tens of microseconds; the bound leaves room for a slow machine."""
    text = "SELECT abalance FROM pgbench_accounts WHERE aid = 1234"
    best = min(_took(text) for _ in range(200))
    assert best < 300e-6


def _took(text: str) -> float:
    start = time.perf_counter()
    shape(text)
    return time.perf_counter() - start
