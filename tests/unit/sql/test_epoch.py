"""The epoch, on real servers, as a role without rights: what moves it, what does not, and what it says has changed."""

from __future__ import annotations

import psycopg
import pytest

from gateway.sql.changes import State, changes, read_state
from gateway.sql.definitions import UNSEEN
from gateway.sql.epoch import EPOCH_QUERY, STATE_QUERY, VISIBLE_QUERY

ALL = None  # everything changed
# What is done, a catalog that it changes, and the relations that changed, by name before or after.
CHANGES = [
    ("CREATE TABLE scratch.epoch_table (a int)", "pg_class", {"epoch_table"}),
    ("ALTER TABLE app.stickers ADD COLUMN epoch_column int", "pg_attribute", {"stickers"}),
    ("ALTER TABLE app.stickers RENAME COLUMN epoch_column TO epoch_renamed", "pg_attribute", {"stickers"}),
    ("CREATE VIEW scratch.epoch_view AS SELECT 1 AS a", "pg_rewrite", {"epoch_view"}),
    ("CREATE OR REPLACE VIEW scratch.epoch_view AS SELECT 2 AS a", "pg_rewrite", {"epoch_view"}),
    ("CREATE TABLE app.epoch_found (a int)", "pg_type", ALL),
    ("CREATE INDEX epoch_index ON app.stickers (name)", "pg_index", {"stickers"}),
    ("ALTER INDEX app.epoch_index RENAME TO epoch_index_2", "pg_class", {"stickers"}),
    ("DROP INDEX app.epoch_index_2", "pg_index", {"stickers"}),
    ("TRUNCATE app.epoch_found", "pg_class", {"epoch_found"}),
    ("ALTER TABLE app.epoch_found RENAME TO epoch_other", "pg_class", ALL),
    ("ALTER TABLE app.epoch_other SET SCHEMA scratch", "pg_class", ALL),
    ("DROP TABLE scratch.epoch_other", "pg_class", {"epoch_other"}),
    ("CREATE FUNCTION scratch.epoch_function() RETURNS int LANGUAGE sql AS 'SELECT 1'", "pg_proc", ALL),
    ("CREATE OR REPLACE FUNCTION scratch.epoch_function() RETURNS int LANGUAGE sql AS 'SELECT 2'", "pg_proc", ALL),
    ("CREATE OPERATOR scratch.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)", "pg_operator", ALL),
    ("CREATE DOMAIN scratch.epoch_domain AS int", "pg_type", ALL),
    ("ALTER DOMAIN scratch.epoch_domain ADD CHECK (VALUE > 0)", "pg_constraint", ALL),
    ("CREATE TYPE scratch.epoch_range AS RANGE (subtype = int)", "pg_range", ALL),
    ("CREATE TYPE app.epoch_type AS (a int)", "pg_type", ALL),
    ("ALTER TYPE app.epoch_type ADD ATTRIBUTE b int", "pg_attribute", ALL),
    ("CREATE CAST (app.uref AS int) WITH INOUT", "pg_cast", ALL),
    (
        "CREATE TRIGGER epoch_trigger BEFORE INSERT ON app.stickers FOR EACH ROW EXECUTE FUNCTION app.tg_copy()",
        "pg_trigger",
        {"stickers"},
    ),
    ("ALTER TABLE app.stickers DISABLE TRIGGER epoch_trigger", "pg_trigger", {"stickers"}),
    ("ALTER TABLE app.stickers ENABLE ROW LEVEL SECURITY", "pg_class", {"stickers"}),
    ("CREATE POLICY epoch_policy ON app.stickers USING (true)", "pg_policy", {"stickers"}),
    ("ALTER POLICY epoch_policy ON app.stickers USING (id > 0)", "pg_policy", {"stickers"}),
    ("ALTER TABLE app.stickers ALTER name SET DEFAULT 'x'", "pg_attrdef", {"stickers"}),
    ("ALTER TABLE app.stickers ADD CHECK (price_yen > 0)", "pg_constraint", {"stickers"}),
    ("ALTER TABLE scratch.epoch_table ADD PRIMARY KEY (a)", "pg_constraint", {"epoch_table"}),
    ("ALTER TABLE app.stickers ADD FOREIGN KEY (id) REFERENCES scratch.epoch_table NOT VALID", "pg_constraint", ...),
    ("CREATE TABLE scratch.epoch_child () INHERITS (scratch.epoch_table)", "pg_inherits", ...),
    ("ALTER TABLE scratch.epoch_child NO INHERIT scratch.epoch_table", "pg_inherits", ...),
    ("DROP TABLE app.payments_2026", "pg_inherits", {"payments", "payments_2026"}),
    ("ALTER TABLE app.payments DETACH PARTITION app.payments_2025", "pg_inherits", {"payments", "payments_2025"}),
    ("COMMENT ON COLUMN app.stickers.name IS 'what it is called'", "pg_description", set()),
    ("COMMENT ON ROLE gw_limited IS 'of tests'", "pg_shdescription", set()),
    ("CREATE STATISTICS scratch.epoch_statistics ON id, name FROM app.stickers", "pg_statistic_ext", set()),
    ("GRANT SELECT (id) ON app.stickers TO gw_limited", "pg_attribute", {"stickers"}),
    ("GRANT gw_limited TO gw_app", "pg_auth_members", ALL),
    ("ALTER ROLE gw_app SET search_path = app", "pg_db_role_setting", ALL),
    ("ALTER SCHEMA scratch RENAME TO scratch2", "pg_namespace", ALL),
    ("DROP SCHEMA scratch2 CASCADE", "pg_namespace", ALL),
]
OF_ISSUE_3 = (
    "pg_class pg_attribute pg_rewrite pg_proc pg_operator pg_cast pg_type pg_policy pg_trigger pg_attrdef "
    "pg_constraint pg_inherits pg_auth_members pg_db_role_setting"
).split()


def the_text(connection: psycopg.Connection, query: str) -> str:
    """Of a query with one row of one text."""
    (row,) = connection.execute(query).fetchall()
    return row[0]


def epoch(connection: psycopg.Connection) -> str:
    return the_text(connection, EPOCH_QUERY)


def visible(connection: psycopg.Connection) -> str:
    return the_text(connection, VISIBLE_QUERY)


def state(connection: psycopg.Connection) -> State:
    rows = connection.execute(STATE_QUERY).fetchall()
    assert all(value is None or isinstance(value, str) for row in rows for value in row)
    return read_state(connection.info.server_version // 10_000, rows, UNSEEN)


def rows_of(connection: psycopg.Connection, catalog: str) -> str:
    """Stands for the rows of one catalog, whoever may read what is in them."""
    rows = f"SELECT md5(string_agg(x.ctid::text || x.xmin::text, ',' ORDER BY x.ctid)) FROM pg_catalog.{catalog} x"
    return the_text(connection, rows)


def test_the_epoch_is_one_row_of_one_text(plain):
    rows = plain.execute(EPOCH_QUERY).fetchall()
    assert len(rows) == 1
    assert isinstance(rows[0][0], str)


def test_the_epoch_stands_still_while_nothing_changes(plain, analyst):
    before = epoch(plain)
    analyst.connection.execute("INSERT INTO app.stickers VALUES (77, 'x', 1)")
    analyst.connection.execute("ANALYZE app.stickers")
    analyst.connection.execute("ANALYZE")
    analyst.connection.execute("VACUUM app.stickers")
    analyst.connection.execute("VACUUM ANALYZE")
    assert epoch(plain) == before


def test_temporary_objects_do_not_move_the_epoch(plain, analyst):
    analyst.connection.execute("CREATE TEMP TABLE warm_up (a int)")  # makes the temporary schema itself
    before, was = epoch(plain), state(plain)
    analyst.connection.execute("CREATE TEMP TABLE t (a serial PRIMARY KEY, b text DEFAULT 'x' CHECK (b <> ''))")
    analyst.connection.execute("CREATE TEMP VIEW v AS SELECT 1 AS a")
    analyst.connection.execute("CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    assert (epoch(plain), state(plain)) == (before, was)
    analyst.connection.execute("DROP TABLE t, warm_up; DROP VIEW v; DROP FUNCTION pg_temp.f()")
    assert (epoch(plain), state(plain)) == (before, was)


def test_the_first_temporary_table_of_a_session_does_not_either(plain, analyst):
    before, was = epoch(plain), state(plain)
    with psycopg.connect(analyst.connection.info.dsn, autocommit=True) as another:
        another.execute("CREATE TEMP TABLE t (a int)")
        assert (epoch(plain), state(plain)) == (before, was)
    assert (epoch(plain), state(plain)) == (before, was)


def test_every_change_of_a_catalog_moves_the_epoch_and_says_what_it_changed(plain, analyst):
    """One after the other, so that each begins where the last one ended."""
    before, was = epoch(plain), state(plain)
    wrong = []
    try:
        for text, catalog, expected in CHANGES:
            rows, seen = rows_of(plain, catalog), visible(plain)
            analyst.connection.execute(text)
            assert rows_of(plain, catalog) != rows, f"{text}: {catalog} is as it was"
            assert visible(plain) != seen, f"{text}: nobody would look at the epoch"
            now, after = epoch(plain), state(plain)
            assert now != before, text
            found = changes(was, after, path=frozenset(("pg_catalog", "app")))
            named = {(after.relations.get(oid) or was.relations[oid])[1] for oid in found.relations if oid.isdigit()}
            named = {name for name in named if not name.startswith("pg_toast_")}
            if expected is ...:
                expected = {name for name in ("stickers", "epoch_table", "epoch_child") if name in text}
            if (ALL if found.everything else named) != expected:
                wrong.append((text, found.everything, named))
            before, was = now, after
    finally:
        analyst.connection.execute("COMMENT ON ROLE gw_limited IS NULL")
        analyst.connection.execute("ALTER ROLE gw_app RESET search_path; REVOKE gw_limited FROM gw_app")
    assert wrong == []


def test_every_catalog_that_the_meaning_of_a_statement_can_hang_on_is_among_them():
    assert set(OF_ISSUE_3) <= {catalog for _, catalog, _ in CHANGES}
    assert all(f"pg_catalog.{catalog} x" in EPOCH_QUERY for catalog in OF_ISSUE_3)
    assert all(f"pg_catalog.{catalog} x" in STATE_QUERY for catalog in OF_ISSUE_3)


@pytest.mark.parametrize("text", ["VACUUM FULL app.stickers", "CLUSTER app.stickers USING stickers_pkey"])
def test_a_table_that_is_written_anew_changed_alone(plain, analyst, text):
    was = state(plain)
    analyst.connection.execute(text)
    now = state(plain)
    found = changes(was, now, path=frozenset(("pg_catalog", "app")))
    assert not found.everything
    assert "stickers" in {now.relations.get(oid, was.relations.get(oid, ("", "")))[1] for oid in found.relations}
