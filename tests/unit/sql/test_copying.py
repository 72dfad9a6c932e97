"""COPY on real servers: what it touches is what the query or the INSERT in its place touches."""

from __future__ import annotations

import pytest

from gateway.model import StatementEffect
from tests.unit.sql.conftest import columns


def test_a_table_is_read_alone_and_a_query_as_itself(analyst):
    facts = analyst.analyse("COPY app.users (id, phone) TO STDOUT (FORMAT csv, HEADER)")
    assert (facts.kind, facts.complete, facts.effect) == ("copy_out", True, StatementEffect.READ)
    assert columns(facts, "output") == {"users.id", "users.phone"}  # and no child's
    facts = analyst.analyse("COPY (SELECT name FROM app.stickers WHERE id IN (1, 2)) TO STDOUT")
    assert columns(facts, "output") == {"stickers.name"}
    assert columns(facts, "predicate") == {"stickers.id"}
    assert "users.email" in columns(analyst.analyse("COPY app.users TO STDOUT"))
    assert columns(analyst.analyse("COPY app.v_contacts TO STDOUT")) >= {"users.phone"}


def test_copy_in_writes_the_columns_listed_or_all(analyst):
    facts = analyst.analyse("COPY app.stickers (id, name) FROM STDIN")
    assert (facts.kind, facts.complete, facts.effect) == ("copy_in", True, StatementEffect.WRITE)
    assert columns(facts) == {"stickers.id", "stickers.name"}
    facts = analyst.analyse("COPY app.users FROM STDIN")
    assert facts.kind == "copy_in"
    assert columns(facts, "write_target") == {
        f"users.{name}" for name in ("id", "display_name", "phone", "email", "country", "created_at")
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("COPY app.ruled FROM STDIN", "target_refused"),  # COPY ignores the rule that makes INSERT something else
        ("COPY app.ruled (id) FROM STDIN", "target_refused"),
        ("COPY app.feature_flags FROM STDIN", "target_refused"),  # has a trigger
        ("COPY pg_class FROM STDIN", "target_refused"),
        ("COPY pg_authid TO STDOUT", "column_refused"),
        ("COPY copy_domain FROM STDIN", "type_refused"),
        ("COPY copy_domain (u) FROM STDIN", "type_refused"),
        ("COPY copy_row FROM STDIN", "type_refused"),
        ("COPY (SELECT app.phone_of(1)) TO STDOUT", "function_refused"),
    ],
)
def test_what_cannot_be_seen_into_is_refused(analyst, text, code):
    analyst.once(
        "CREATE TABLE app.copy_domain (id int, u scratch.guarded); CREATE TYPE app.copy_type AS (u scratch.guarded);"
        "CREATE TABLE app.copy_row (id int, r app.copy_type)"
    )
    facts = analyst.analyse(text.replace("copy_", "app.copy_"))
    assert (facts.complete, facts.incomplete) == (False, code)
