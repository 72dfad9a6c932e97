"""Rewriting on real servers: the golden cases, what is told about results, and the parts that stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.model import RowLimit, StatementEffect, StatementFacts
from gateway.sql.rewrite import RewriteRefused, rewrite
from gateway.yaml_text import load_yaml
from tests.unit.sql.rewrite.bench import KOREA, MASKS, NONCE, PATH, PHONE, obligation

GOLDEN = Path(__file__).parents[3] / "golden" / "rewrites"
CASES: list[dict[str, Any]] = [case for path in sorted(GOLDEN.glob("*.yaml")) for case in load_yaml(path.read_text())]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden(bench, case):
    obligations = [obligation(one) for one in case["obligations"]]
    if "refused" in case:
        with pytest.raises(RewriteRefused) as refused:
            bench.rewrite(case["sql"], *obligations)
        assert refused.value.why == case["refused"]
        return
    made = bench.rewrite(case["sql"], *obligations)
    assert made.text == case["text"]
    rows = [list(row) for row in bench.rows(made.text)]
    if case["sql"].startswith("EXPLAIN"):
        assert rows
    elif "ORDER BY" in case["sql"]:
        assert rows == case["rows"]
    else:
        assert sorted(map(repr, rows)) == sorted(map(repr, case["rows"]))
    assert bench.described(made.text) == bench.described(case["sql"])


DESCRIBED = [
    "SELECT * FROM users",
    "SELECT u.*, u.phone AS p, 1 AS one, 'x' FROM users u",
    "SELECT nickname, country, country || nickname, created_at FROM users",
    "SELECT * FROM every_type",
    "SELECT phone, $1::int, $2::varchar(7) FROM users WHERE id = $3 AND phone = $4 LIMIT $5 OFFSET $6",
    "SELECT v || $1, num * $2, arr[1], u, by FROM every_type WHERE t = ANY ($3) AND tz > $4",
    "SELECT * FROM users JOIN messages USING (id) NATURAL JOIN consent",
    "SELECT max(phone), array_agg(nickname), count(*) FROM users GROUP BY country",
    "SELECT * FROM v_contacts UNION ALL SELECT id, phone, email FROM users",
    "WITH RECURSIVE r AS (SELECT id, phone FROM users UNION SELECT id + 1, phone FROM r WHERE id < $1) SELECT * FROM r",
    "SELECT DISTINCT ON (phone) phone, display_name FROM users ORDER BY phone, $1::text",
    "SELECT CASE WHEN phone IS NULL THEN NULL ELSE nickname END, coalesce(phone, email), nullif(phone, $1) FROM users",
]


@pytest.mark.parametrize("text", DESCRIBED)
def test_names_types_modifiers_and_parameters_are_as_before(bench, text):
    obligations = [one for one in MASKS if "users" in text or "v_contacts" in text]
    if "every_type" in text:
        obligations = [obligation({"mask": f"app.every_type.{name}", "method": "null"}) for name in _every(bench)]
    made = bench.rewrite(text, *obligations, RowLimit(rows=100))
    assert made.text != text
    assert bench.described(made.text) == bench.described(text)


def _every(bench) -> list[str]:
    (relation,) = [one for one in bench.catalog.relations.values() if one.full_name == "app.every_type"]
    return [column.name for column in relation.columns.values()]


def test_declared_parameter_types_stay(bench):
    text = "SELECT id, phone FROM users WHERE id = $1 LIMIT $2"
    made = bench.rewrite(text, PHONE, RowLimit(rows=2), types=(20, 23))
    assert bench.described(made.text, (20, 23)) == bench.described(text, (20, 23))


@pytest.mark.parametrize("binary", [False, True])
def test_prepared_text_and_binary(bench, binary):
    made = bench.rewrite(
        "SELECT id, phone, email FROM users WHERE id <= $1 ORDER BY id LIMIT $2", *MASKS, RowLimit(rows=2)
    )
    text = made.text.replace("$1", "%s").replace("$2", "%s")
    for limit, count in ((1, 1), (5, 2), (None, 2)):
        with bench.session.cursor(binary=binary) as cursor:
            cursor.execute(text, (4, limit), prepare=True)
            rows = cursor.fetchall()
        assert rows == [(1, None, "secret.example"), (2, None, "secret.example")][:count]


def test_a_column_that_the_facts_do_not_list_is_not_read(bench):
    """The role needs no privilege on it, and no slip of the walk can show it."""
    with bench.session.cursor() as cursor:
        cursor.execute("REVOKE ALL ON app.users FROM gw_limited; GRANT SELECT (id, phone) ON app.users TO gw_limited")
        made = bench.rewrite(
            "SELECT id, phone FROM users", obligation({"mask": "app.users.phone", "method": "partial"})
        )
        cursor.execute("SET ROLE gw_limited")
        try:
            assert len(cursor.execute(made.text).fetchall()) == 5
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                cursor.execute("SELECT email FROM app.users")
        finally:
            cursor.execute("RESET ROLE")


def test_copy_of_a_query(bench):
    made = bench.rewrite("COPY (SELECT id, phone FROM users ORDER BY id) TO STDOUT", PHONE, RowLimit(rows=2))
    with bench.session.cursor() as cursor, cursor.copy(made.text) as copied:
        assert b"".join(bytes(part) for part in copied) == b"1\t\\N\n2\t\\N\n"


def test_copy_of_a_table_is_refused_with_what_to_write(bench):
    with pytest.raises(RewriteRefused, match=r"write COPY \(SELECT"):
        bench.rewrite("COPY app.users TO STDOUT", PHONE)


@pytest.mark.parametrize("nonce", ["short", "Upper_case_1", 'quote"quote', "x" * 64, "a b c d e f", ""])
def test_nonces_that_are_none_are_refused(bench, nonce):
    facts = StatementFacts(kind="select", effect=StatementEffect.READ, complete=True)
    with pytest.raises(RewriteRefused, match="gateway's own"):
        rewrite("SELECT 1", [PHONE], catalog=bench.catalog, search_path=PATH, nonce=nonce, facts=facts, trees=[])


def test_what_is_not_understood_is_not_rewritten(bench):
    facts = StatementFacts(kind="select", effect=StatementEffect.READ, complete=False)
    with pytest.raises(RewriteRefused, match="not known"):
        rewrite("SELECT 1", [PHONE], catalog=bench.catalog, search_path=PATH, nonce=NONCE, facts=facts, trees=[])


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", "", "BEGIN", "COPY users FROM STDIN", "COPY users TO STDOUT"])
def test_texts_that_are_no_single_query_are_refused(bench, text):
    facts = StatementFacts(kind="select", effect=StatementEffect.READ, complete=True)
    with pytest.raises(RewriteRefused):
        rewrite(text, [PHONE], catalog=bench.catalog, search_path=PATH, nonce=NONCE, facts=facts, trees=[])


def test_a_filter_that_runs_code_of_users_is_refused(bench):
    with pytest.raises(RewriteRefused, match=r"not plainly named|not let through"):
        bench.rewrite("SELECT id FROM users", obligation({"filter": "tells", "relation": "app.users"}))


def test_a_filter_over_a_relation_with_obligations_of_its_own_is_refused(bench):
    filtered = obligation({"filter": "itself", "relation": "app.users"})
    assert bench.rows(bench.rewrite("SELECT id FROM users ORDER BY id", filtered).text) == [(1,), (2,), (3,)]
    owed = obligation({"mask": "app.messages.body", "method": "null"})
    with pytest.raises(RewriteRefused, match="itself masked or filtered"):
        bench.rewrite("SELECT u.id FROM users u, messages m", filtered, owed)


def test_the_fence_holds_against_functions_of_users(bench):
    """I26, had the function been let through: it sees no row that the filter takes away."""
    bench.session.execute(
        "CREATE OR REPLACE FUNCTION scratch.tell(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS"
        " $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$"
    )
    made = bench.rewrite("SELECT id FROM users s WHERE s.phone <> ''", KOREA)
    seen: list[str] = []
    handler = lambda notice: seen.append(notice.message_primary)  # noqa: E731
    bench.session.add_notice_handler(handler)
    bench.session.execute(made.text.replace("s.phone <> ''", "scratch.tell(s.phone)"))
    bench.session.remove_notice_handler(handler)
    assert seen == ["saw +82-10-5550-0003"]
