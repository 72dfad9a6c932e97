"""The allow-list of functions, held to what real servers have."""

from __future__ import annotations

import re

import pytest

from gateway.sql.codes import IncompleteCode
from gateway.sql.snapshot import SNAPSHOT_QUERIES
from gateway.sql.vouched import classified, refusal


@pytest.mark.parametrize(
    "identity",
    [
        "lower(text)",
        "count()",
        "sum(integer)",
        "to_jsonb(anyelement)",
        "now()",
        "gen_random_uuid()",
        "textlike(text, text)",
        "current_setting(text)",
        "bernoulli(internal)",
        "format_type(oid, integer)",
    ],
)
def test_harmless_functions_may_be_used(identity):
    assert refusal("pg_catalog", identity) is None


@pytest.mark.parametrize(
    "name",
    [
        "query_to_xml",
        "query_to_xml_and_xmlschema",
        "cursor_to_xml",
        "table_to_xml",
        "schema_to_xml",
        "database_to_xml",
        "ts_stat",
        "pg_read_file",
        "pg_read_binary_file",
        "pg_ls_dir",
        "pg_stat_file",
        "lo_get",
        "lo_import",
        "lo_export",
        "loread",
        "lowrite",
        "set_config",
        "nextval",
        "setval",
        "currval",
        "lastval",
        "pg_advisory_lock",
        "pg_try_advisory_lock",
        "pg_notify",
        "pg_sleep",
        "pg_export_snapshot",
        "pg_logical_slot_get_changes",
        "pg_stat_get_activity",
        "pg_get_viewdef",
        "pg_get_constraintdef",
        "pg_mcv_list_items",
        "pg_cursor",
        "pg_prepared_statement",
        "pg_lock_status",
        "pg_terminate_backend",
        "pg_reload_conf",
        "pg_input_is_valid",
        "domain_in",
        "record_in",
        "array_in",
        "current_query",
    ],
)
def test_no_overload_of_a_dangerous_function_may_be_used(name):
    found = [identity for identity in classified() if identity.startswith(name + "(")]
    assert found
    for identity in found:
        code, detail = refusal("pg_catalog", identity)
        assert code is IncompleteCode.FUNCTION_REFUSED
        assert name in detail


def test_ts_rewrite_is_refused_only_where_it_runs_sql():
    assert refusal("pg_catalog", "ts_rewrite(tsquery, text)") is not None
    assert refusal("pg_catalog", "ts_rewrite(tsquery, tsquery, tsquery)") is None


@pytest.mark.parametrize("schema", ["app", "public", "pg_temp_3", ""])
def test_a_function_of_users_may_not_be_used_whatever_its_name(schema):
    code, detail = refusal(schema, "lower(text)")
    assert code is IncompleteCode.FUNCTION_REFUSED
    assert "lower" in detail


def test_an_overload_nobody_has_looked_at_is_refused():
    code, detail = refusal("pg_catalog", "lower(text, text)")
    assert code is IncompleteCode.FUNCTION_REFUSED
    assert "not classified" in detail


def test_every_function_of_a_real_server_is_classified(analyst):
    rows = analyst.connection.execute(SNAPSHOT_QUERIES["functions"]).fetchall()
    built_in = {identity for oid, schema, identity in rows if schema == "pg_catalog" and int(oid) < 16384}
    assert built_in - set(classified()) == set()


def test_volatile_functions_that_may_be_used_are_a_short_list(analyst):
    rows = analyst.connection.execute(
        "SELECT p.proname || '(' || oidvectortypes(p.proargtypes) || ')' FROM pg_proc p "
        "WHERE p.provolatile = 'v' AND p.oid < 16384 AND p.pronamespace = 'pg_catalog'::regnamespace"
    ).fetchall()
    allowed = {re.sub(r"\(.*", "", row[0]) for row in rows if refusal("pg_catalog", row[0]) is None}
    assert allowed <= {
        "array_sample",
        "array_shuffle",
        "bernoulli",
        "clock_timestamp",
        "gen_random_uuid",
        "pg_advisory_unlock_all",
        "pg_database_size",
        "pg_indexes_size",
        "pg_is_in_recovery",
        "pg_partition_ancestors",
        "pg_partition_tree",
        "pg_relation_size",
        "pg_table_size",
        "pg_tablespace_size",
        "pg_total_relation_size",
        "random",
        "random_normal",
        "system",
        "timeofday",
        "uuidv4",
        "uuidv7",
    }
