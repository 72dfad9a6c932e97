"""What a write does besides is seen, or the write is refused."""

from __future__ import annotations

import pytest

from gateway.sql.codes import IncompleteCode
from gateway.sql.targets import check_target
from gateway.sql.touched import Touched

CHECKED = """
CREATE TABLE scratch.checked (a int, b text);
CREATE TABLE scratch.parent (a int PRIMARY KEY);
CREATE TABLE scratch.child (a int REFERENCES scratch.parent ON DELETE CASCADE, b text);
CREATE TABLE scratch.grandchild (a int);
CREATE FUNCTION scratch.f(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION scratch.n() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION scratch.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
"""
INSERT = "INSERT INTO scratch.checked (b) VALUES ('x')"


@pytest.fixture
def scratch(analyst):
    """Tables of the test's own, gone afterwards."""
    analyst.run("BEGIN")
    analyst.run(CHECKED)
    yield analyst
    analyst.run("ROLLBACK")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE scratch.checked ADD CHECK (scratch.f(b))",
        "ALTER TABLE scratch.checked ADD COLUMN c bool GENERATED ALWAYS AS (scratch.f(b)) STORED",
        "CREATE INDEX ON scratch.checked (scratch.f(b))",
        "CREATE INDEX ON scratch.checked (a) WHERE scratch.f(b)",
        "ALTER TABLE scratch.checked ADD CHECK (query_to_xml('SELECT 1', true, false, '') IS NOT NULL)",
        "CREATE TRIGGER t BEFORE INSERT ON scratch.checked FOR EACH ROW EXECUTE FUNCTION scratch.t()",
    ],
)
def test_code_behind_a_target_is_refused(scratch, change):
    assert scratch.analyse(INSERT).complete
    scratch.run(change)
    facts = scratch.analyse(INSERT)
    assert (facts.complete, facts.incomplete) == (False, IncompleteCode.TARGET_REFUSED)
    assert "scratch.checked" in facts.detail


def test_a_function_in_a_default_is_seen_where_the_default_is_used(scratch):
    scratch.run("ALTER TABLE scratch.checked ALTER a SET DEFAULT scratch.n()")
    assert scratch.analyse(INSERT).incomplete == IncompleteCode.FUNCTION_REFUSED
    assert scratch.analyse("INSERT INTO scratch.checked VALUES (1, 'x')").complete


@pytest.mark.parametrize("kind", ["serial", "bigserial", "int GENERATED ALWAYS AS IDENTITY"])
def test_the_next_number_of_a_sequence_is_no_reason(scratch, kind):
    scratch.run(f"ALTER TABLE scratch.checked ADD COLUMN c {kind}")
    assert scratch.analyse(INSERT).complete
    assert scratch.analyse("INSERT INTO scratch.checked (b) VALUES ('x'), ('y')").complete
    assert scratch.analyse("INSERT INTO scratch.checked (b) SELECT name FROM app.stickers").complete


def test_harmless_checks_and_defaults_are_no_reason(scratch):
    scratch.run("ALTER TABLE scratch.checked ADD CHECK (length(b) > 0 AND b ~ '^x'), ALTER a SET DEFAULT 3")
    scratch.run("CREATE INDEX ON scratch.checked (lower(b)) WHERE a > 1")
    assert scratch.analyse(INSERT).complete


def test_a_disabled_trigger_is_no_reason(scratch):
    scratch.run("CREATE TRIGGER t BEFORE INSERT ON scratch.checked FOR EACH ROW EXECUTE FUNCTION scratch.t()")
    scratch.run("ALTER TABLE scratch.checked DISABLE TRIGGER t")
    assert scratch.analyse(INSERT).complete


def test_a_trigger_of_a_partition_counts(scratch):
    scratch.run("CREATE TRIGGER t BEFORE INSERT ON app.payments_2025 FOR EACH ROW EXECUTE FUNCTION scratch.t()")
    facts = scratch.analyse("INSERT INTO app.payments (id, paid_on) VALUES (1, '2025-05-05')")
    assert facts.incomplete == IncompleteCode.TARGET_REFUSED


def test_an_insert_does_not_reach_children_by_inheritance(scratch):
    scratch.run("CREATE TRIGGER t BEFORE INSERT ON app.users_vip FOR EACH ROW EXECUTE FUNCTION scratch.t()")
    insert = scratch.analyse("INSERT INTO app.users (id, display_name, country) VALUES (5, 'x', 'JP')")
    assert (insert.complete, insert.relations) == (True, ("app.users",))
    assert scratch.analyse("DELETE FROM app.users").incomplete == IncompleteCode.TARGET_REFUSED


def test_a_cascade_makes_the_other_relation_a_target(scratch):
    facts = scratch.analyse("DELETE FROM scratch.parent")
    assert (facts.complete, facts.relations) == (True, ("scratch.child", "scratch.parent"))
    scratch.run("CREATE TRIGGER t BEFORE DELETE ON scratch.child FOR EACH ROW EXECUTE FUNCTION scratch.t()")
    assert scratch.analyse("DELETE FROM scratch.parent").incomplete == IncompleteCode.TARGET_REFUSED
    assert scratch.analyse("UPDATE scratch.parent SET a = 1").complete


def test_a_view_with_an_instead_of_trigger_is_refused(scratch):
    scratch.run("CREATE VIEW scratch.v AS SELECT a FROM scratch.checked")
    scratch.run("CREATE TRIGGER t INSTEAD OF INSERT ON scratch.v FOR EACH ROW EXECUTE FUNCTION scratch.t()")
    facts = scratch.analyse("INSERT INTO scratch.v VALUES (1)")
    assert facts.incomplete == IncompleteCode.TARGET_REFUSED


def test_a_writable_view_writes_its_table(scratch):
    scratch.run("CREATE VIEW scratch.v AS SELECT a FROM scratch.checked WHERE b = 'x' WITH CHECK OPTION")
    facts = scratch.analyse("INSERT INTO scratch.v VALUES (1)")
    assert (facts.complete, facts.relations) == (True, ("scratch.checked",))


def test_an_unknown_target_was_refused_where_it_was_found(analyst):
    touched = Touched(analyst.catalog)
    check_target(analyst.catalog, touched, "4000000000", "3")
    assert touched.problem is None
