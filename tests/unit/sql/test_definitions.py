"""Stored definitions on real servers: printed where every literal is structure, refused by name where one is not."""

from __future__ import annotations

import pytest

from gateway.model import Vouched
from gateway.sql.catalog import Catalog
from gateway.sql.definitions import COLUMNS, UNSEEN, Stored
from tests.golden.make_trees import snapshot
from tests.unit.sql import golden

LITERAL = "'+81-90-5550-0001'"
WAYS = {
    Stored.DEFAULT: ("ALTER TABLE app.d ALTER b SET DEFAULT {}", "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"),
    Stored.CONSTRAINT: ("ALTER TABLE app.d ADD CHECK (b <> {})", "SELECT pg_get_constraintdef(oid) FROM pg_constraint"),
    Stored.INDEX: ("CREATE INDEX ON app.d (a) WHERE b > {}", "SELECT pg_get_indexdef(indexrelid) FROM pg_index"),
    Stored.RULE: ("CREATE VIEW app.dv AS SELECT a FROM app.d WHERE b = {}", "SELECT pg_get_viewdef(oid) FROM pg_class"),
    Stored.BOUND: (
        "CREATE TABLE app.dp PARTITION OF app.dl FOR VALUES IN ({})",
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class",
    ),
    Stored.KEY: (
        "CREATE TABLE app.dk (b text) PARTITION BY HASH ((b || {}))",
        "SELECT pg_get_partkeydef(oid) FROM pg_class",
    ),
    Stored.POLICY: (
        "CREATE POLICY p ON app.d USING (b = {})",
        "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy",
    ),
    Stored.TRIGGER: (
        "CREATE TRIGGER t AFTER INSERT ON app.d FOR EACH ROW EXECUTE FUNCTION app.tg_copy({})",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger",
    ),
    Stored.ARGUMENT: (
        "CREATE FUNCTION app.df(a text DEFAULT {}) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT pg_get_function_arguments(oid) FROM pg_proc",
    ),
    Stored.TYPE: ("CREATE DOMAIN app.dd AS text DEFAULT {}", "SELECT typdefault FROM pg_type"),
    Stored.OPTION: (
        "CREATE FOREIGN DATA WRAPPER dw OPTIONS (a {})",
        "SELECT fdwoptions, (SELECT count(attfdwoptions) FROM pg_attribute) FROM pg_foreign_data_wrapper",
    ),
    Stored.DICTIONARY: (
        "CREATE TEXT SEARCH DICTIONARY app.dt (TEMPLATE = simple, STOPWORDS = english)",
        "SELECT dictinitoption FROM pg_ts_dict",
    ),
    Stored.SETTING: ("ALTER FUNCTION app.ds() SET app.secret = {}", "SELECT setconfig FROM pg_db_role_setting"),
    Stored.MISSING: (
        "ALTER TABLE app.d ADD c text DEFAULT {}; ALTER TABLE app.d ALTER c DROP DEFAULT",
        "SELECT attmissingval FROM pg_attribute",
    ),
    Stored.COMMENT: ("COMMENT ON COLUMN app.d.b IS {}", "SELECT col_description(oid, 2) FROM pg_class"),
}


@pytest.fixture
def tables(analyst):
    analyst.run(
        "DROP VIEW app.v_filter; CREATE TABLE app.d (a int, b text); CREATE TABLE app.dl (b text) PARTITION BY LIST (b)"
    )
    analyst.run("CREATE FUNCTION app.ds() RETURNS int LANGUAGE sql SET search_path = app AS 'SELECT 1'")
    yield analyst
    analyst.run("DROP FOREIGN DATA WRAPPER IF EXISTS dw; DROP TEXT SEARCH DICTIONARY IF EXISTS app.dt")
    analyst.run("DROP FUNCTION app.ds()")
    analyst.run(
        "DROP TABLE app.d, app.dl CASCADE; DROP TABLE IF EXISTS app.dk; DROP FUNCTION IF EXISTS app.df(text); "
        "DROP DOMAIN IF EXISTS app.dd; CREATE VIEW app.v_filter AS SELECT id, display_name FROM app.users "
        "WHERE phone LIKE '+81%'"
    )


@pytest.mark.parametrize("stored", WAYS)
def test_one_literal_stands_in_the_way_of_its_class(tables, stored):
    make, ask = WAYS[stored]
    assert tables.analyse(ask).incomplete is None
    tables.run(make.format(LITERAL))
    facts = tables.analyse(ask)
    assert facts.incomplete == "definition_refused"
    assert "app.d" in facts.detail or "wrapper dw" in facts.detail
    assert "5550" not in facts.detail
    others = [one for other, (_, one) in WAYS.items() if other is not stored]
    refused = [one for one in others if not tables.analyse(one).complete]
    assert refused == (["SELECT pg_get_constraintdef(oid) FROM pg_constraint"] if stored is Stored.INDEX else [])


def test_an_owner_vouches(tables):
    tables.run(WAYS[Stored.RULE][0].format(LITERAL))
    ask = WAYS[Stored.RULE][1]
    assert not tables.analyse(ask).complete
    vouched = Vouched(definitions={"app.dv": "catalog.yaml:1"})
    tables.catalog = Catalog.from_rows(tables.major, snapshot(tables.connection), vouched=vouched)
    assert tables.analyse(ask).complete


def test_a_relation_that_is_written_out_is_looked_at_alone(analyst):
    assert not analyst.analyse("SELECT pg_get_viewdef(oid) FROM pg_class").complete
    assert analyst.analyse("SELECT pg_get_viewdef('app.v_directory'::regclass, true)").complete
    assert not analyst.analyse("SELECT pg_get_viewdef('app.v_filter'::regclass)").complete
    assert not analyst.analyse("SELECT pg_get_viewdef(99999999::oid)").complete  # newer than the snapshot, perhaps
    assert not analyst.analyse("SELECT pg_get_viewdef('app.v_directory')").complete  # by name: that is text


def test_a_partitions_constraint_prints_the_key_of_what_is_above_it(tables):
    tables.run(WAYS[Stored.KEY][0].format(LITERAL))
    tables.run("CREATE TABLE app.dk0 PARTITION OF app.dk FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    assert not tables.analyse("SELECT pg_get_partition_constraintdef('app.dk0'::regclass)").complete


def test_bodies_of_functions_are_never_printed(analyst):
    for ask in (
        "SELECT prosrc FROM pg_proc",
        "SELECT prosqlbody FROM pg_proc",
        "SELECT pg_get_functiondef(oid) FROM pg_proc",
        "SELECT pg_get_expr(prosqlbody, 0) FROM pg_proc",
    ):
        assert not analyst.analyse(ask).complete


def test_without_a_look_everything_is_in_the_way():
    rows = {name: found for name, found in golden.rows(18).items() if name != "definitions"}
    catalog = Catalog.from_rows(18, rows)
    assert catalog.definitions is UNSEEN
    assert all(catalog.definitions.class_problem((stored,)) for stored in Stored)
    assert all(catalog.definitions.column_problem(*column) for column in COLUMNS)
