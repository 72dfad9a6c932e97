"""Relations made of a query's rows: which query that is, what is made, and what runs besides."""

from __future__ import annotations

import pytest

from gateway.model import StatementEffect, StatementFacts, Vouched, VouchedFunction
from gateway.sql.codes import IncompleteCode
from gateway.sql.creating import created
from gateway.sql.gate import Refused, inspect
from gateway.sql.provision import provision_sql
from tests.unit.sql.conftest import Analyst, columns

TEMPORARY = "temporary relations are not let through: what later statements mean by one cannot be seen"


@pytest.mark.parametrize(
    ("text", "kind", "relation", "subject"),
    [
        ("CREATE TABLE s.t AS SELECT 1", "create_table_as", "s.t", "SELECT 1"),
        ("CREATE TABLE t AS SELECT 1", "create_table_as", "t", "SELECT 1"),
        ("CREATE TABLE IF NOT EXISTS s.t (a, b) AS (SELECT 1, 2)", "create_table_as", "s.t", "(SELECT 1, 2)"),
        ('CREATE UNLOGGED TABLE "S"."T" AS TABLE users', "create_table_as", "S.T", "TABLE users"),
        ("CREATE TABLE s.t AS VALUES (1), (2) WITH NO DATA", "create_table_as", "s.t", "VALUES (1), (2) "),
        ("CREATE TABLE s.t AS WITH q AS (SELECT 1) TABLE q WITH  DATA", "create_table_as", "s.t", None),
        ("CREATE MATERIALIZED VIEW s.t AS SELECT 'WITH DATA'", "create_materialized_view", "s.t", "SELECT 'WITH DATA'"),
        ("SELECT a INTO s.t FROM b", "select_into", "s.t", "SELECT a          FROM b"),
        ("SELECT a INTO UNLOGGED TABLE s . t FROM b", "select_into", "s.t", None),
        ("SELECT 'INTO x' AS into1 INTO t UNION SELECT 'y'", "select_into", "t", None),
        ('WITH q AS (SELECT 1) SELECT * INTO "s"."t""" FROM q', "select_into", 's.t"', None),
        ("SELECT 1 INTO t; ", "select_into", "t", "SELECT 1 " + " " * 6),
    ],
)
def test_what_is_made_of_what(text: str, kind: str, relation: str, subject: str | None):
    (statement,) = inspect(text, max_bytes=1000)
    assert (statement.kind, statement.creates, statement.facts) == (kind, relation, None)
    assert statement.shape is None, "the query inside, by itself, is another statement"
    if subject is not None:
        assert statement.subject == subject
    (inner,) = inspect(statement.subject, max_bytes=1000)
    assert inner.kind == "select"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CREATE TEMP TABLE t AS SELECT 1", TEMPORARY),
        ("CREATE LOCAL TEMPORARY TABLE t AS SELECT 1", TEMPORARY),
        ("CREATE TABLE pg_temp.t AS SELECT 1", TEMPORARY),
        ("CREATE TABLE PG_TEMP_3.t AS SELECT 1", TEMPORARY),
        ("SELECT 1 INTO TEMP t", TEMPORARY),
        ("SELECT 1 INTO TABLE pg_temp.t", TEMPORARY),
        ("CREATE TABLE t AS EXECUTE p", "CREATE TABLE AS EXECUTE is not let through"),
        ("CREATE TABLE t USING heap AS SELECT 1", "USING, which names code of its own, is not let through"),
        ("CREATE TABLE t WITH (fillfactor = 10) AS SELECT 1", "WITH (…) is not let through"),
        ("CREATE TABLE t TABLESPACE x AS SELECT 1", "TABLESPACE is not let through"),
        ("CREATE TABLE t ON COMMIT DROP AS SELECT 1", "ON COMMIT is not let through"),
        ("CREATE TABLE d.s.t AS SELECT 1", "making a relation of another database is not let through"),
        ('CREATE TABLE "public.stickers" AS SELECT 1', "a relation's name with a dot in it is not let through"),
        ('SELECT 1 INTO "a.b".c', "a relation's name with a dot in it is not let through"),
        ("SELECT 1 INTO/**/t", "SELECT INTO whose query could not be told apart is not let through"),
        (
            "SELECT 1 UNION SELECT 2 INTO t",
            "SELECT INTO whose relation could not be told apart is not let through",
        ),
        (
            "CREATE TABLE t AS SELECT 1 WITH DATA --",
            "CREATE … AS whose query could not be told apart is not let through",
        ),
    ],
)
def test_what_is_not_let_through_says_why(text: str, words: str):
    with pytest.raises(Refused) as caught:
        inspect(text, max_bytes=1000)
    assert (caught.value.code, caught.value.detail) == (IncompleteCode.KIND_REFUSED, words)


def test_facts_are_the_querys_and_a_write():
    query = StatementFacts(kind="select", effect=StatementEffect.READ, complete=True, relations=("s.a", "s.z"))
    found = created(query, "s.m")
    assert (found.effect, found.relations) == (StatementEffect.WRITE, ("s.a", "s.m", "s.z"))


def test_the_query_is_read_as_itself(analyst: Analyst):
    facts = analyst.analyse("CREATE TABLE scratch.made AS SELECT phone AS name FROM ONLY app.users WHERE email <> ''")
    assert (facts.kind, facts.complete) == ("create_table_as", True)
    assert columns(facts, "output") == {"users.phone"}
    assert columns(facts, "predicate") == {"users.email"}
    facts = analyst.analyse("SELECT app.phone_of(1) INTO scratch.made")
    assert (facts.complete, facts.incomplete) == (False, "function_refused")


EVENT = """
CREATE FUNCTION scratch.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE EVENT TRIGGER watched ON {} EXECUTE FUNCTION scratch.on_event();
"""
HARMLESS = "CREATE TABLE scratch.made AS SELECT 1 AS one"


@pytest.mark.parametrize(
    ("event", "complete"), [("ddl_command_start", False), ("ddl_command_end", False), ("sql_drop", True)]
)
def test_event_triggers_are_code_that_runs_besides(analyst: Analyst, event: str, complete: bool):
    epoch = analyst.epoch()
    analyst.run(EVENT.format(event))
    try:
        assert analyst.epoch() != epoch
        facts = analyst.analyse(HARMLESS)
        assert facts.complete is complete
        if not complete:
            words = "making a relation runs the event trigger watched"
            assert (facts.incomplete, facts.detail) == ("target_refused", words)
        assert analyst.analyse("SELECT 1 AS one").complete, "nothing is made here"
        analyst.refresh(Vouched(functions={"scratch.on_event()": VouchedFunction(place="f:1")}))
        assert analyst.analyse(HARMLESS).complete, "somebody looked into it"
        analyst.refresh()
        epoch = analyst.epoch()
        analyst.run("ALTER EVENT TRIGGER watched DISABLE")
        assert analyst.epoch() != epoch
        assert analyst.analyse(HARMLESS).complete
    finally:
        analyst.run("DROP EVENT TRIGGER watched; DROP FUNCTION scratch.on_event()")


def test_the_wake_up_call_is_known_by_its_source(analyst: Analyst):
    script = provision_sql(database="sql_unit", twin_role="t", profiles=[], epoch_trigger=True)
    analyst.run(script[script.index("CREATE SCHEMA IF NOT EXISTS sekisho") : script.index("-- Left to decide")])
    try:
        assert analyst.analyse(HARMLESS).complete
        analyst.run(
            "CREATE OR REPLACE FUNCTION sekisho.epoch_changed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
        )
        facts = analyst.analyse(HARMLESS)
        assert facts.detail == "making a relation runs the event trigger sekisho_epoch_changed"
    finally:
        analyst.run(
            "DROP EVENT TRIGGER sekisho_epoch_changed; DROP EVENT TRIGGER sekisho_epoch_dropped;"
            "DROP FUNCTION sekisho.epoch_changed(); DROP FUNCTION sekisho.epoch_dropped(); DROP SCHEMA sekisho"
        )
