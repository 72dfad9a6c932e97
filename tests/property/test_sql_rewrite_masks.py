"""Random statements over masked and filtered relations: no masked value comes back, and all else is as on the masks.

The oracle is a second schema whose tables *hold* the masked values, made in Python: the rewritten statement must give
exactly what the original gives there. A statement that is refused leaks nothing; how many are is counted and bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model import Country, Mask, RowFilter, RowLimit, SubjectCountries
from gateway.sql.rewrite import RewriteRefused
from tests.servers import Postgres
from tests.unit.sql.rewrite.bench import Bench, close_bench, open_bench

SENTINELS = ("5550", "hanako@", "taro@", "minjun@", "somchai@", "vip@", "SECRETBODY", "SECRETIBAN")
MASKS = (
    Mask(relation="app.users", column="phone", method="null"),
    Mask(relation="app.users", column="email", method="domain"),
    Mask(relation="app.users", column="nickname", method="constant"),
    Mask(relation="app.users", column="phone_tail", method="null"),
    Mask(relation="app.messages", column="body", method="constant"),
    Mask(relation="app.payments", column="iban", method="null"),
    Mask(relation="app.payments", column="amount", method="bucket"),
    Mask(relation="app.payments", column="paid_on", method="year"),
)
ORACLE = """
CREATE SCHEMA masked;
CREATE TABLE masked.users (LIKE app.users);
CREATE TABLE masked.messages (LIKE app.messages);
CREATE TABLE masked.payments (LIKE app.payments);
CREATE TABLE masked.stickers (LIKE app.stickers);
CREATE VIEW masked.v_contacts AS SELECT id, display_name AS label, phone AS contact FROM masked.users;
CREATE VIEW masked.v_joined AS
  SELECT u.id, u.phone AS number, m.id AS message FROM masked.users u JOIN masked.messages m ON m.sender_id = u.id;
INSERT INTO masked.stickers SELECT * FROM app.stickers;
"""
# relation -> its text columns, its number columns
RELATIONS = {
    "users": (("phone", "email", "nickname", "display_name", "country", "phone_tail"), ("id",)),
    "messages": (("body",), ("id", "sender_id")),
    "payments": (("iban", "currency"), ("id", "user_id", "amount")),
    "stickers": (("name",), ("id", "price_yen")),
    "v_contacts": (("label", "contact"), ("id",)),
    "v_joined": (("number",), ("id", "message")),
}
HARMLESS = ("'***'", "'secret.example'", "'hanako'", "NULL")  # what a statement may show of itself
CONSTANTS = ("'+81-90-5550-0001'", "'secret.example'", "'***'", "'hanako'", "'%5550%'", "'JP'", "'a'", "NULL")


@pytest.fixture(scope="module")
def bench(postgres: Postgres) -> Iterator[Bench]:
    """Each relation twice: as it is, and as it looks through the masks."""
    made = open_bench(postgres, "sql_rewrite_fuzz")
    made.session.execute(ORACLE)
    fill(made.session)
    yield made
    close_bench(postgres, "sql_rewrite_fuzz", made)


def fill(session: psycopg.Connection[Any]) -> None:
    with session.cursor() as cursor:
        for row in cursor.execute(
            "SELECT id, display_name, email, country, created_at, nickname FROM app.users"
        ).fetchall():
            email = None if row[2] is None else row[2].rpartition("@")[2]
            nickname = None if row[5] is None else "***"
            values = (row[0], row[1], email, row[3], row[4], nickname)
            cursor.execute(
                "INSERT INTO masked.users (id, display_name, email, country, created_at, nickname)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                values,
            )
        for row in cursor.execute("SELECT id, sender_id, sent_at FROM app.messages").fetchall():
            cursor.execute("INSERT INTO masked.messages VALUES (%s, %s, '***', %s)", row)
        for row in cursor.execute("SELECT id, user_id, amount, currency, paid_on FROM app.payments").fetchall():
            shown = (row[0], row[1], row[2] - row[2] % 10, row[3], row[4].replace(month=1, day=1))
            cursor.execute("INSERT INTO masked.payments VALUES (%s, %s, NULL, %s, %s, %s)", shown)


@st.composite
def texts(draw: st.DrawFn, tables: list[tuple[str, str]], depth: int) -> str:
    alias, relation = draw(st.sampled_from(tables))
    column = f"{alias}.{draw(st.sampled_from(RELATIONS[relation][0]))}"
    kind = draw(st.integers(0, 9 if depth else 6))
    if kind <= 2:
        return column
    if kind == 3:
        return draw(st.sampled_from([f"upper({column})", f"right({column}, 3)", f"{column}::text || '!'"]))
    if kind == 4:
        return draw(st.sampled_from(HARMLESS)) + "::text"
    if kind == 5:
        return f"coalesce({column}::text, {draw(texts(tables, 0))})"
    if kind == 6:
        return f"CASE WHEN {draw(conditions(tables, 0))} THEN {column}::text ELSE 'no' END"
    if kind == 7:
        return f"(SELECT max(q.x) FROM ({draw(selects(depth - 1, tables))}) AS q (x))"
    if kind == 8:
        return f"to_jsonb({alias})::text"
    return f"({alias}::text)"


@st.composite
def conditions(draw: st.DrawFn, tables: list[tuple[str, str]], depth: int) -> str:
    left, right = draw(texts(tables, 0)), draw(texts(tables, 0))
    kind = draw(st.integers(0, 7 if depth else 5))
    if kind == 0:
        return f"{left} = {draw(st.sampled_from([right, *CONSTANTS]))}"
    if kind == 1:
        return f"{left} LIKE {draw(st.sampled_from(CONSTANTS))}"
    if kind == 2:
        return f"{left} IS {draw(st.sampled_from(['', 'NOT ']))}NULL"
    if kind == 3:
        return f"{left} IS DISTINCT FROM {right}"
    if kind == 4:
        alias, relation = draw(st.sampled_from(tables))
        return f"{alias}.{draw(st.sampled_from(RELATIONS[relation][1]))} >= {draw(st.integers(0, 9900))}"
    if kind == 5:
        return f"({left} < {right} OR NOT {left} > 'm')"
    if kind == 6:
        return f"{left}::text IN ({draw(selects(depth - 1, tables))})"
    return f"EXISTS ({draw(selects(depth - 1, tables))})"


@st.composite
def selects(draw: st.DrawFn, depth: int, outer: list[tuple[str, str]] | None = None) -> str:
    """A SELECT of one text column."""
    outer = outer or []
    names = draw(st.lists(st.sampled_from(sorted(RELATIONS)), min_size=1, max_size=2))
    tables = [(f"t{len(outer) + place}", name) for place, name in enumerate(names)]
    source = f"{draw(st.sampled_from(['', 'app.']))}{names[0]}".replace("app.", "") + f" AS {tables[0][0]}"
    for alias, name in tables[1:]:
        how = draw(st.sampled_from(["JOIN", "LEFT JOIN", "FULL JOIN"]))
        source += f" {how} {name} {alias} ON {alias}.id = {tables[0][0]}.id"
    seen = [*outer, *tables]
    output = draw(texts(seen, depth))
    where = f" WHERE {draw(conditions(seen, depth))}" if draw(st.booleans()) else ""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return f"SELECT max({output}::text) FROM {source}{where} GROUP BY {draw(texts(tables, 0))}"
    if kind == 1:
        counted = f"count(*)::text || coalesce(min({output}::text), '-')"
        return f"SELECT {counted} FROM {source}{where} HAVING max({draw(texts(tables, 0))}) IS NULL"
    if kind == 2 and depth:
        operator = draw(st.sampled_from(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]))
        return f"SELECT {output}::text FROM {source}{where} {operator} {draw(selects(depth - 1, outer))}"
    if kind == 3 and depth and not outer:
        return f"WITH c AS ({draw(selects(depth - 1))}), d (x) AS (TABLE c) SELECT d.x FROM d, {source}{where}"
    if kind == 4:
        return f"SELECT DISTINCT {output}::text FROM {source}{where}"
    if kind == 5:
        return f"SELECT rank() OVER (ORDER BY {draw(texts(tables, 0))})::text FROM {source}{where}"
    return f"SELECT {output}::text FROM {source}{where}"


def answer(session: psycopg.Connection[Any], path: str, text: str) -> tuple[str, list[str]]:
    """Sorted rows, or the error's code."""
    session.execute(f"SET search_path = {path}, app")
    try:
        return "", sorted(map(repr, session.execute(text.encode()).fetchall()))
    except psycopg.Error as error:
        return error.sqlstate or "?", []


# The same rows by a filter of the registry and by the column that says each row's country.
KOREA = (
    RowFilter(relation="app.users", predicate="korea"),
    SubjectCountries(relation="app.users", column="country", countries=(Country("KR"),)),
)


def obligations(text: str) -> list[Mask]:
    """Those that concern what the statement reads, as policy gives them."""
    names = {
        "users": ("users", "v_contacts", "v_joined"),
        "messages": ("messages", "v_joined"),
        "payments": ("payments",),
    }
    return [
        mask for mask in MASKS if any(f"{name} " in text + " " for name in names[mask.relation.removeprefix("app.")])
    ]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(text=selects(2))
def test_no_masked_value_comes_back_and_all_is_as_on_the_masks(bench, text):
    owed = obligations(text)
    bench.session.execute("SET search_path = app")
    try:
        made = bench.rewrite(text, *owed)
    except (RewriteRefused, psycopg.Error):
        if owed:
            return
        raise
    state, rows = answer(bench.session, "app", made.text)
    assert not any(sentinel in row for row in rows for sentinel in SENTINELS)
    assert (state, rows) == answer(bench.session, "masked", text)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(text=selects(1), limit=st.integers(0, 4), korea=st.sampled_from(KOREA))
def test_filters_and_limits_are_as_on_fewer_rows(bench, text, limit, korea):
    """Only users of Korea exist; and never more rows than the limit."""
    if "v_" in text or "users " not in text:
        return
    owed = obligations(text)
    bench.session.execute("SET search_path = app")
    try:
        filtered = bench.rewrite(text, *owed, korea)
        limited = bench.rewrite(text, *owed, korea, RowLimit(rows=limit))
    except (RewriteRefused, psycopg.Error):
        return
    with bench.session.transaction(force_rollback=True):
        bench.session.execute("DELETE FROM masked.users WHERE country IS DISTINCT FROM 'KR'")
        expected = answer(bench.session, "masked", text)
    assert answer(bench.session, "app", filtered.text) == expected
    state, rows = answer(bench.session, "app", limited.text)
    assert state == expected[0]
    assert len(rows) == min(limit, len(expected[1]))


def test_refusing_is_no_way_out(bench):
    """Of the statements that the server runs, nearly all are rewritten; the rest are refused for a reason we know."""
    counted = {"rewritten": 0, "refused": 0}
    reasons: dict[str, str] = {}

    @settings(max_examples=150, database=None, suppress_health_check=list(HealthCheck))  # type: ignore[untyped-decorator]
    @given(text=selects(2))  # type: ignore[untyped-decorator]
    def run(text: str) -> None:
        if answer(bench.session, "app", text)[0]:
            return
        try:
            bench.rewrite(text, *obligations(text))
            counted["rewritten"] += 1
        except RewriteRefused as refused:
            counted["refused"] += 1
            reasons[refused.why] = text

    run()
    assert counted["rewritten"] >= 9 * counted["refused"], reasons
