"""Functions whose arguments decide whether they may be called."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "text",
    [
        "SELECT set_config('jit', 'off', false), current_setting('jit')",
        "SELECT set_config('jit', $1, false)",
        "SELECT set_config('application_name', 'a', true)",
        "SELECT set_config('TimeZone', $1, $2)",
        "SELECT set_config('row_security', 'off', false)",
        "SELECT set_config('search_path', 'app', false)",
        "SELECT pg_catalog.set_config('search_path', $1, true) AS path",
        "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings "
        "WHERE name = 'restrict_nonsystem_relation_kind'",
    ],
)
def test_a_harmless_setting_may_be_made(analyst, text):
    assert analyst.analyse(text).incomplete is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT set_config('search_path', 'app', false), 1", "setting_refused"),
        ("SELECT set_config('search_path', 'a' || 'pp', false)", "setting_refused"),
        ("SELECT set_config('search_path', 'app', false) FROM app.users", "setting_refused"),
        ("SELECT set_config('search_path', setting, false) FROM pg_settings WHERE name = 'jit'", "setting_refused"),
        ("SELECT set_config('role', $1, false)", "setting_refused"),
        ("SELECT set_config('client_encoding', 'SJIS', false)", "setting_refused"),
        ("SELECT set_config('standard_conforming_strings', 'off', false)", "setting_refused"),
        ("SELECT set_config('app.user', 'x', false)", "setting_refused"),
        ("SELECT set_config($1, 'off', false)", "setting_refused"),
        ("SELECT set_config('j' || 'it', 'off', false)", "setting_refused"),
        ("SELECT set_config(name, 'off', false) FROM pg_settings", "setting_refused"),
        ("SELECT set_config('application_name', phone, false) FROM app.users", "setting_refused"),
        ("SELECT set_config('application_name', (SELECT phone FROM app.users LIMIT 1), false)", "setting_refused"),
        ("SELECT set_config('jit', 'off', (SELECT phone IS NULL FROM app.users LIMIT 1))", "setting_refused"),
        ("UPDATE pg_settings SET setting = 'off' WHERE name = 'jit'", "setting_refused"),
    ],
)
def test_another_or_a_computed_one_may_not(analyst, text, code):
    facts = analyst.analyse(text)
    assert (facts.complete, facts.incomplete) == (False, code)


def test_what_a_refused_call_is_given_is_still_reported(analyst):
    facts = analyst.analyse("SELECT set_config('application_name', phone, false) FROM app.users")
    assert "phone" in {column.column for column in facts.columns}


@pytest.fixture
def numbered(analyst):
    analyst.once("CREATE SEQUENCE IF NOT EXISTS scratch.numbers")
    return analyst


def test_a_sequences_next_number_is_a_write_of_it(numbered):
    facts = numbered.analyse("SELECT nextval('scratch.numbers')")
    assert (facts.complete, str(facts.effect), facts.relations) == (True, "write", ("scratch.numbers",))


def test_its_last_number_is_a_read(numbered):
    facts = numbered.analyse("SELECT currval('scratch.numbers'::regclass)")
    assert (facts.complete, str(facts.effect), facts.relations) == (True, "read", ("scratch.numbers",))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT nextval($1)",
        "SELECT nextval('scratch.' || 'numbers')",
        "SELECT nextval(c.oid) FROM pg_class c WHERE relkind = 'S'",
        "SELECT nextval('app.users')",
        "SELECT nextval(99999999)",
        "SELECT lastval()",
        "SELECT setval('scratch.numbers', 7)",
        "SELECT pg_sequence_last_value('scratch.numbers')",
    ],
)
def test_a_sequence_that_is_not_written_out_is_not_known(numbered, text):
    facts = numbered.analyse(text)
    assert (facts.complete, facts.incomplete) == (False, "function_refused")
