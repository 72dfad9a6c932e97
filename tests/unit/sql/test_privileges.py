"""Facts are never narrower than what real servers check privileges for."""

from __future__ import annotations

import psycopg
import pytest

from tests.unit.sql.conftest import columns

CASES = [
    # a column that is given its DEFAULT and has none stands in no tree
    (
        "INSERT INTO app.users (id, country, phone) VALUES (1, DEFAULT, DEFAULT)",
        set(),
        {"users.id", "users.country", "users.phone", "users.created_at"},
    ),
    # of the row that could not be inserted the server checks SELECT, as if it were read
    (
        "INSERT INTO app.stickers AS s (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET price_yen = excluded.price_yen",
        {"stickers.id", "stickers.price_yen"},
        {"stickers.id", "stickers.price_yen"},
    ),
]


@pytest.mark.parametrize(("text", "read", "written"), CASES, ids=[text for text, *_ in CASES])
def test_what_no_tree_holds_is_claimed(analyst, text, read, written):
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert read <= columns(facts, "output", "predicate", "arrange", "whole_row")
    assert columns(facts, "write_target") == written


@pytest.mark.parametrize("text", ["UPDATE app.stickers SET name = DEFAULT", "INSERT INTO app.stickers DEFAULT VALUES"])
def test_defaults_alone(analyst, text):
    facts = analyst.analyse(text)
    assert columns(facts, "write_target") == ({"stickers.name"} if text.startswith("UPDATE") else set())


def test_a_field_of_a_row_is_checked_as_the_row(analyst):
    """The tree holds the column alone, and the server asks for all of them: so do the facts."""
    text = "SELECT (s).name FROM app.stickers s"
    every = {"stickers.id", "stickers.name", "stickers.price_yen"}
    assert columns(analyst.analyse(text), "whole_row") == every
    analyst.connection.execute("REVOKE ALL ON app.stickers FROM gw_app; GRANT SELECT (name) ON app.stickers TO gw_app")
    analyst.connection.execute("SET ROLE gw_app")
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.connection.execute(text)
        analyst.connection.execute("SELECT s.name FROM app.stickers s")
    finally:
        analyst.connection.execute("RESET ROLE")
        analyst.connection.execute("GRANT ALL ON app.stickers TO gw_app")


def test_a_view_is_asked_for_as_its_owner(analyst):
    facts = analyst.analyse("SELECT display_name FROM app.v_directory")
    assert columns(facts) == {"users.display_name", "users_vip.display_name"}


def test_the_servers_own_catalogs_are_asked_by_column_too(analyst):
    assert analyst.analyse("SELECT relname FROM pg_class").complete
    assert not analyst.analyse("SELECT (a).rolname FROM pg_authid a").complete  # the row holds the password
