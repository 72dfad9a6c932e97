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
    ],
)
def test_a_harmless_setting_may_be_made(analyst, text):
    assert analyst.analyse(text).incomplete is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT set_config('search_path', 'app', false)", "setting_refused"),
        ("SELECT set_config('role', $1, false)", "setting_refused"),
        ("SELECT set_config('client_encoding', 'SJIS', false)", "setting_refused"),
        ("SELECT set_config('row_security', 'off', false)", "setting_refused"),
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
