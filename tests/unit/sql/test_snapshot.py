"""The snapshot's SQL and the epoch, on real servers, as a role without rights."""

from __future__ import annotations

import psycopg
import pytest

from gateway.sql.snapshot import EPOCH_QUERY, SNAPSHOT_QUERIES

CHANGES = [
    "CREATE TABLE scratch.epoch_table (a int)",
    "ALTER TABLE app.stickers ADD COLUMN epoch_column int",
    "ALTER TABLE app.stickers RENAME COLUMN epoch_column TO epoch_renamed",
    "CREATE VIEW scratch.epoch_view AS SELECT 1 AS a",
    "CREATE OR REPLACE VIEW scratch.epoch_view AS SELECT 2 AS a",
    "CREATE FUNCTION scratch.epoch_function() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION scratch.epoch_function() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    "CREATE OPERATOR scratch.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
    "CREATE DOMAIN scratch.epoch_domain AS int",
    "ALTER DOMAIN scratch.epoch_domain ADD CHECK (VALUE > 0)",
    "CREATE CAST (app.uref AS int) WITH INOUT",
    "CREATE TRIGGER epoch_trigger BEFORE INSERT ON app.stickers FOR EACH ROW EXECUTE FUNCTION app.tg_copy()",
    "ALTER TABLE app.stickers ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY epoch_policy ON app.stickers USING (true)",
    "ALTER TABLE app.stickers ALTER name SET DEFAULT 'x'",
    "ALTER TABLE app.stickers ADD CHECK (price_yen > 0)",
    "CREATE TABLE scratch.epoch_child () INHERITS (scratch.epoch_table)",
    "ALTER TABLE scratch.epoch_child NO INHERIT scratch.epoch_table",
    "COMMENT ON COLUMN app.stickers.name IS 'what it is called'",
    "COMMENT ON ROLE gw_limited IS 'of tests'",
    "CREATE STATISTICS scratch.epoch_statistics ON id, name FROM app.stickers",
    "GRANT SELECT (id) ON app.stickers TO gw_limited",
    "GRANT gw_limited TO gw_app",
    "ALTER ROLE gw_app SET search_path = app",
    "ALTER SCHEMA scratch RENAME TO scratch2",
    "DROP SCHEMA scratch2 CASCADE",
]


@pytest.fixture
def plain(analyst):
    """A connection of a role without any right of its own."""
    parameters = analyst.connection.info.get_parameters()
    connection = psycopg.connect(
        host=parameters["host"],
        port=analyst.connection.info.port,
        dbname=parameters["dbname"],
        user="gw_limited",
        autocommit=True,
    )
    yield connection
    connection.close()


def epoch(connection: psycopg.Connection) -> str:
    (row,) = connection.execute(EPOCH_QUERY).fetchall()
    return row[0]


@pytest.mark.parametrize("name", SNAPSHOT_QUERIES)
def test_an_ordinary_role_may_ask_and_gets_text(plain, name):
    rows = plain.execute(SNAPSHOT_QUERIES[name]).fetchall()
    assert rows
    assert all(value is None or isinstance(value, str) for row in rows[:50] for value in row)


def test_the_epoch_is_one_row_of_one_text(plain):
    rows = plain.execute(EPOCH_QUERY).fetchall()
    assert len(rows) == 1
    assert isinstance(rows[0][0], str)


def test_the_epoch_stands_still_while_nothing_changes(plain, analyst):
    before = epoch(plain)
    analyst.connection.execute("INSERT INTO app.stickers VALUES (77, 'x', 1)")
    analyst.connection.execute("ANALYZE app.stickers")
    analyst.connection.execute("VACUUM app.stickers")
    assert epoch(plain) == before


def test_temporary_objects_do_not_move_the_epoch(plain, analyst):
    analyst.connection.execute("CREATE TEMP TABLE warm_up (a int)")  # makes the temporary schema itself
    before = epoch(plain)
    analyst.connection.execute("CREATE TEMP TABLE t (a serial PRIMARY KEY, b text DEFAULT 'x' CHECK (b <> ''))")
    analyst.connection.execute("CREATE TEMP VIEW v AS SELECT 1 AS a")
    assert epoch(plain) == before
    analyst.connection.execute("DROP TABLE t, warm_up; DROP VIEW v")
    assert epoch(plain) == before


def test_every_change_of_a_catalog_moves_the_epoch(plain, analyst):
    seen = [epoch(plain)]
    for change in CHANGES:
        analyst.connection.execute(change)
        now = epoch(plain)
        assert now not in seen, change
        seen.append(now)
    analyst.connection.execute("COMMENT ON ROLE gw_limited IS NULL")
    analyst.connection.execute("ALTER ROLE gw_app RESET search_path; REVOKE gw_limited FROM gw_app")
