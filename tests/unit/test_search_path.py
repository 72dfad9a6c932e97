"""Search paths as the server reads and writes them, and under which one a session's statements are asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.search_path import (
    Asking,
    PathState,
    assignment,
    listed,
    newcomer,
    permitted,
    pinned,
    rests_on,
    schemas,
    written,
)
from tests.servers import Postgres

OWN = '"public", pg_temp'


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("  \t", ()),
        ('""', ("",)),
        ("a, b", ("a", "b")),
        (' "A b" ,c,"d""e"', ("A b", "c", 'd"e')),
        ("MiXed, \u00c4b", ("mixed", "\u00c4b")),
        ('"$user", public, pg_temp', ("$user", "public", "pg_temp")),
        ("a.b", ("a.b",)),
        ("a,", None),
        (",a", None),
        ("a b", None),
        ('"a', None),
        ('"a"b', None),
        ("a\vb", None),
    ],
)
def test_a_list_is_read_as_the_server_reads_it(text, names):
    assert listed(text) == names


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5))
def test_what_is_written_is_read_again(names):
    assert listed(written(names)) == (tuple(names) or ("",))


@pytest.mark.parametrize("names", [("a",), (), ("",), ("A b", 'd"e', "it's", "\\x"), ("$user", "x", "pg_temp")])
def test_the_server_takes_the_assignment_for_the_same_list(postgres: Postgres, names):
    with postgres.admin() as connection:
        connection.execute(assignment(written(names)))
        shown = connection.execute("SHOW search_path").fetchall()[0][0]
    assert listed(shown) == (names or ("",))


@pytest.mark.parametrize(
    ("names", "good"),
    [
        ((), True),
        (("",), True),
        (("app", "pg_catalog", "information_schema"), True),
        (("public", "pg_temp"), True),
        (("pg_temp", "public"), False),
        (("pg_temp",), True),
        (("pg_temp_3",), False),
        (("pg_toast",), False),
        (("a\nb",), False),
        (("a" * 63,), True),
        (("a" * 64,), False),
        (tuple("abcdefgh") * 5, False),
    ],
)
def test_plain_schemas_may_be_set(names, good):
    assert permitted(names) is good


def test_the_path_is_pinned_with_temporary_objects_last():
    assert pinned(("public", 'odd"name')) == '"public", "odd""name", pg_temp'
    assert schemas(("a", "", "pg_temp")) == ("a",)


def test_what_rests_on_a_path_rests_on_what_its_schemas_do_not_hold_yet():
    assert rests_on(frozenset({"20001"}), '"a", "b", pg_temp') == {"20001", newcomer("a"), newcomer("b")}
    assert rests_on(None, '"a"') is None
    assert rests_on(frozenset(), '"$user", "a"') is None, "whose schema that is hangs on who asks"


def test_a_path_is_asked_about_in_one_way_and_the_datasources_own_without_a_word():
    asking = Asking(own=OWN, began=OWN)
    assert asking.under(None) == (None, PathState.SETTLED)
    assert asking.under("public, pg_temp") == (None, PathState.SETTLED)
    assert asking.under("other,  PUBLIC", PathState.OPEN) == ('"other", "public"', PathState.OPEN)
    assert asking.under("") == ('""', PathState.SETTLED)
    for odd in ("pg_temp, public", "a,,b", "pg_toast_temp_1"):
        assert asking.under(odd, PathState.OPEN) == (None, PathState.UNKNOWN)
    assert asking.under(None) == (None, PathState.SETTLED)
    assert Asking(own=OWN, began='"a", pg_temp').under(None) == ('"a", pg_temp', PathState.SETTLED)
