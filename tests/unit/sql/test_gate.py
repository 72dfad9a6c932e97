"""The gate: single statements of known kinds, everything else refused with a reason of its own, the process alive."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.model import StatementEffect
from gateway.sql.codes import IncompleteCode
from gateway.sql.gate import Refused, inspect, normalise

LIMIT = 131_072


def kinds(text: str) -> list[str]:
    return [statement.kind for statement in inspect(text, max_bytes=LIMIT)]


def refusal(text: str, limit: int = LIMIT) -> IncompleteCode:
    with pytest.raises(Refused) as caught:
        inspect(text, max_bytes=limit)
    assert caught.value.detail
    return caught.value.code


@pytest.mark.parametrize("text", ["", "  \n", ";", ";; /* nothing */ -- at all\n"])
def test_an_empty_query_has_no_statements(text):
    assert inspect(text, max_bytes=LIMIT) == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1", "select"),
        ("VALUES (1)", "select"),
        ("TABLE t", "select"),
        ("WITH w AS (SELECT 1) SELECT * FROM w", "select"),
        ("SELECT 1 FROM t FOR UPDATE SKIP LOCKED", "select"),
        ("INSERT INTO t VALUES (1)", "insert"),
        ("UPDATE t SET a = 1", "update"),
        ("DELETE FROM t", "delete"),
        ("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", "merge"),
        ("EXPLAIN SELECT 1", "explain"),
    ],
)
def test_queries_go_on_to_be_analysed(text, kind):
    (statement,) = inspect(text, max_bytes=LIMIT)
    assert (statement.kind, statement.facts, statement.text) == (kind, None, text)


@pytest.mark.parametrize(
    ("text", "kind", "transaction"),
    [
        ("BEGIN", "begin", "begin"),
        ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE", "begin", "begin"),
        ("COMMIT", "commit", "commit"),
        ("END", "commit", "commit"),
        ("ROLLBACK", "rollback", "rollback"),
        ("ABORT", "rollback", "rollback"),
        ("SAVEPOINT a", "savepoint", None),
        ("RELEASE a", "release", None),
        ("ROLLBACK TO a", "rollback_to", None),
        ("SET application_name = 'x'", "set", None),
        ("SET LOCAL statement_timeout = 10", "set", None),
        ("SET TIME ZONE 'UTC'", "set", None),
        ("SET DateStyle TO ISO, MDY", "set", None),
        ("SET client_encoding = 'UTF8'", "set", None),
        ("SET NAMES 'utf-8'", "set", None),
        ("SET TRANSACTION READ ONLY", "set", None),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ", "set", None),
        ("SET extra_float_digits TO DEFAULT", "reset", None),
        ("RESET lock_timeout", "reset", None),
        ("SHOW search_path", "show", None),
        ("SHOW TRANSACTION ISOLATION LEVEL", "show", None),
        ("DEALLOCATE ALL", "deallocate", None),
        ("DEALLOCATE p", "deallocate", None),
    ],
)
def test_harmless_utilities_are_judged_here(text, kind, transaction):
    (statement,) = inspect(text, max_bytes=LIMIT)
    facts = statement.facts
    assert facts is not None
    assert (facts.kind, facts.effect, facts.complete, facts.transaction) == (
        kind,
        StatementEffect.SESSION,
        True,
        transaction,
    )


@pytest.mark.parametrize(
    "text",
    [
        "SET search_path = a, pg_temp, b",
        'SET "Search_Path" = pg_temp_3',
        "SET LOCAL search_path = pg_toast",
        "SET search_path FROM CURRENT",
        "SET search_path = 1",
        "SELECT set_config('search_path', 'a,,b', false)",
        "SELECT pg_catalog.set_config('search_path', 'pg_temp, a', true)",
        "SET ROLE a",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION a",
        "SET standard_conforming_strings = off",
        "SET client_min_messages = log",
        "SET debug_print_rewritten = off",
        "SET session_replication_role = replica",
        "SET client_encoding = 'SJIS'",
        "SET client_encoding = utf8, latin1",
        "SET NAMES 'LATIN1'",
        "SET my.own = 1",
        "SET TRANSACTION SNAPSHOT '1'",
        "SHOW ALL",
        "SHOW my.own",
        "SHOW hba_file",
    ],
)
def test_other_settings_are_refused(text):
    assert refusal(text) is IncompleteCode.SETTING_REFUSED


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 INTO TEMP t",
        "(SELECT 1 INTO TEMP t) UNION SELECT 2",
        "SELECT 1 UNION SELECT 2 INTO t",
        "EXPLAIN SELECT 1 INTO t",
        "EXPLAIN EXECUTE p((SELECT 1))",
        "EXPLAIN DECLARE c CURSOR FOR SELECT 1",
        "EXPLAIN CREATE TABLE t AS EXECUTE p",
        "EXPLAIN CREATE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t (a int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE t ADD COLUMN a int",
        "DROP TABLE t",
        "TRUNCATE t",
        "DO $$ BEGIN END $$",
        "CALL p()",
        "COPY t TO '/tmp/t'",
        "COPY t FROM '/tmp/t'",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "COPY (SELECT 1 INTO t) TO STDOUT",
        "COPY t FROM STDIN WHERE a > 1",
        "COPY t FROM STDIN (FREEZE)",
        "COPY t FROM STDIN (ON_ERROR ignore)",
        "COPY t FROM STDIN (FORMAT parquet)",
        "COPY t TO STDOUT (ENCODING 'SJIS')",
        "COPY other.app.t TO STDOUT",
        "LOCK TABLE t IN SHARE MODE",
        "PREPARE p AS SELECT 1 INTO t",
        "DECLARE c CURSOR FOR SELECT 1 INTO t",
        "LISTEN a",
        "NOTIFY a",
        "LOCK TABLE t",
        "DISCARD TEMP",
        "DISCARD PLANS",
        "LOAD 'x'",
        "VACUUM",
        "ANALYZE",
        "REFRESH MATERIALIZED VIEW m",
        "GRANT a TO b",
        "COMMENT ON TABLE t IS 'x'",
        "PREPARE TRANSACTION 'x'",
        "COMMIT PREPARED 'x'",
        "ROLLBACK PREPARED 'x'",
        "COMMIT AND CHAIN",
        "CHECKPOINT",
        "IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c",
    ],
)
def test_other_kinds_are_refused(text):
    assert refusal(text) is IncompleteCode.KIND_REFUSED


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CLOSE ALL", "close"),
        ("UNLISTEN *", "unlisten"),
        ("UNLISTEN a", "unlisten"),
        ("RESET ALL", "reset"),
        ("SET jit = off", "set"),
        ("LOCK TABLE app.t IN ACCESS SHARE MODE", "lock"),
    ],
)
def test_what_changes_only_the_session_needs_no_tree(text, kind):
    (statement,) = inspect(text, max_bytes=LIMIT)
    assert statement.facts is not None
    assert (statement.kind, statement.facts.effect) == (kind, "session")


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("COPY (SELECT ')' FROM t) TO STDOUT (FORMAT csv)", "SELECT ')' FROM t"),
        ("COPY ((SELECT a FROM t) UNION (SELECT 1)) TO STDOUT", "(SELECT a FROM t) UNION (SELECT 1)"),
        ("COPY /* (SELECT 2) */ (SELECT 1) TO STDOUT", "SELECT 1"),
        ('COPY app."T" TO STDOUT', 'SELECT * FROM ONLY "app"."T"'),
        ('COPY t (a, "B""b") TO STDOUT', 'SELECT "a", "B""b" FROM ONLY "t"'),
        ("COPY t (a, b) FROM STDIN (FORMAT binary)", 'INSERT INTO "t" ("a", "b") VALUES ($1, $2)'),
        ("COPY t FROM STDIN", 'INSERT INTO "t" DEFAULT VALUES'),
    ],
)
def test_copy_is_judged_as_what_it_amounts_to(text, subject):
    (statement,) = inspect(text, max_bytes=LIMIT)
    assert (statement.text, statement.subject, statement.facts) == (text, subject, None)


def test_each_statement_of_a_text_is_its_own_slice_counted_in_bytes():
    text = "SELECT 'é' ;;BEGIN; SELECT 2 -- ;\n"
    statements = inspect(text, max_bytes=LIMIT)
    assert [statement.kind for statement in statements] == ["select", "begin", "select"]
    assert [statement.text.strip() for statement in statements] == ["SELECT 'é'", "BEGIN", "SELECT 2 -- ;"]
    assert all(text[s.offset :].startswith(s.text) for s in statements)


def test_one_refused_statement_refuses_the_text():
    assert refusal("SELECT 1; SET role = a; SELECT 2") is IncompleteCode.SETTING_REFUSED


def test_explain_is_analysed_as_what_it_explains():
    text = "EXPLAIN (ANALYZE, FORMAT JSON) /* SELECT 0 */ WITH selected AS (SELECT 1) SELECT 'SELECT'; SELECT 2"
    first, second = inspect(text, max_bytes=LIMIT)
    assert first.subject == "WITH selected AS (SELECT 1) SELECT 'SELECT'"
    assert second.subject == " SELECT 2"


def test_a_parenthesis_of_options_is_not_taken_for_the_query():
    (statement,) = inspect("EXPLAIN (VERBOSE) (SELECT 1) UNION SELECT 2", max_bytes=LIMIT)
    assert statement.subject == "(SELECT 1) UNION SELECT 2"


@pytest.mark.parametrize("text", ["SELEC 1", "SELECT 'x", "SELECT 1 1 1", "SELECT $$a", "UPDATE t SET"])
def test_what_does_not_parse_is_refused(text):
    assert refusal(text) is IncompleteCode.TEXT_UNPARSABLE


def test_a_nul_is_refused_before_the_parser_stops_at_it():
    assert refusal("SELECT 1\0; SELECT phone FROM users") is IncompleteCode.TEXT_HAS_NUL


def test_a_surrogate_is_refused():
    assert refusal("SELECT '\udc80'") is IncompleteCode.TEXT_NOT_UTF8


def test_length_is_counted_in_bytes():
    assert refusal("SELECT 'éé'", limit=12) is IncompleteCode.TEXT_TOO_LONG
    assert kinds("SELECT 'éé'") == ["select"]


def test_too_many_statements_are_refused():
    assert refusal("SELECT 1;" * 101) is IncompleteCode.TOO_MANY_STATEMENTS


def test_a_list_of_a_megabyte_is_too_long():
    assert refusal(f"SELECT 1 WHERE 1 IN ({','.join(['1'] * 500_000)})") is IncompleteCode.TEXT_TOO_LONG


# Each of these ended a process or an exception handler somewhere; sent to a process of their own, which must live.
DEEP = {
    "plus": "'SELECT 1' + '+1' * ((size - 8) // 2)",
    "union": "'SELECT 1' + ' UNION SELECT 1' * ((size - 8) // 15)",
    "cast": "'SELECT 1' + '::int' * ((size - 8) // 5)",
    "concatenation": "'SELECT 1' + '||1' * ((size - 8) // 3)",
    "is null": "'SELECT 1' + ' ISNULL' * ((size - 8) // 7)",
    "collate": "'SELECT 1' + ' COLLATE a' * ((size - 8) // 10)",
    "parentheses": "'SELECT ' + '(1+' * ((size - 8) // 4) + '1' + ')' * ((size - 8) // 4)",
    "sub-selects": "'(SELECT ' * ((size - 8) // 9) + '1' + ')' * ((size - 8) // 9)",
    "minus": "'SELECT ' + '- ' * ((size - 8) // 2) + 'a'",
    "arrays": "'SELECT ' + 'ARRAY[' * ((size - 8) // 7) + '1' + ']' * ((size - 8) // 7)",
    "joins": "'SELECT 1 FROM a' + ' CROSS JOIN a' * ((size - 16) // 13)",
    "explain": "'EXPLAIN SELECT 1' + '+1' * 480",
}


@pytest.mark.parametrize("size", [16_384, 60_000, LIMIT, 400_000])
def test_deep_texts_are_refused_and_the_process_lives(size):
    texts = ", ".join(f"{name!r}: {text}" for name, text in DEEP.items())
    program = f"""
from gateway.sql.gate import Refused, inspect, normalise
size = {size}
for name, text in {{{texts}}}.items():
    print(name, end=": ", flush=True)
    try:
        inspect(text, max_bytes=1_000_000)
        print("accepted")
    except Refused as refused:
        print(refused.code, flush=True)
    normalise(text)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{name}: text_too_deep" for name in DEEP]


def test_normalising_takes_constants_out():
    assert normalise("SELECT name FROM t WHERE id = 42 AND phone = '+81'") == (
        "SELECT name FROM t WHERE id = $1 AND phone = $2"
    )


@pytest.mark.parametrize("text", ["SELEC 1", "SELECT\0", "'\udc80'"])
def test_what_cannot_be_normalised_leaves_nothing(text):
    assert normalise(text) == ""
