"""What the analysis stands on may not be set."""

from __future__ import annotations

import pytest

from gateway.sql.settings import SETTABLE, SHOWABLE, TRANSACTION_OPTIONS, VALUES

PINNED = [
    "search_path",
    "role",
    "session_authorization",
    "client_min_messages",
    "debug_print_rewritten",
    "debug_pretty_print",
    "session_replication_role",
]


@pytest.mark.parametrize("name", PINNED)
def test_a_setting_the_analysis_stands_on_cannot_be_set(name):
    assert name not in SETTABLE


def test_what_is_pinned_may_only_be_said_again():
    assert {name: values[0] for name, values in VALUES.items()} == {
        "client_encoding": "utf8",
        "standard_conforming_strings": "on",
    }
    assert VALUES.keys() <= SETTABLE


def test_whatever_may_be_set_may_be_shown():
    assert SETTABLE <= SHOWABLE
    assert TRANSACTION_OPTIONS <= SETTABLE


def test_names_are_lower_case_as_they_are_looked_up():
    assert all(name == name.lower() for name in SHOWABLE)
