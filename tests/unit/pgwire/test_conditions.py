"""Words for SQLSTATEs: what PostgreSQL itself calls its conditions, on every server at hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pgwire.conditions import condition, conditions
from tests.golden.make_sqlstates import DATA, read_errcodes, written
from tests.majors import MAJORS, errcodes, require_major


@pytest.mark.parametrize(
    ("sqlstate", "words"),
    [
        ("23505", "unique violation"),
        ("23514", "check violation"),
        ("22P02", "invalid text representation"),
        ("22012", "division by zero"),
        ("25P02", "in failed sql transaction"),
        ("57P05", "idle session timeout"),  # since 14
        ("72000", "snapshot too old"),  # up to 16
        ("58P03", "file name too long"),  # since 18
        ("00000", "successful completion"),
        ("P0001", "raise exception"),
    ],
)
def test_a_condition_has_its_own_name(sqlstate: str, words: str) -> None:
    assert condition(sqlstate) == words


@pytest.mark.parametrize(
    ("sqlstate", "words"),
    [
        ("23XYZ", "integrity constraint violation"),
        ("HV999", "foreign data wrapper error"),
        ("44999", "WITH CHECK OPTION violation"),
        ("02999", "no data"),
        ("P0999", "PL/pgSQL error"),
        ("XX", "internal error"),
    ],
)
def test_an_unknown_condition_has_the_words_of_its_class(sqlstate: str, words: str) -> None:
    assert condition(sqlstate) == words


@pytest.mark.parametrize("sqlstate", ["ZZ000", "", "2", "99999", "errors"])
def test_an_unknown_class_is_an_error(sqlstate: str) -> None:
    assert condition(sqlstate) == "error"


@given(st.text(max_size=8))
def test_there_are_always_words_and_they_are_of_the_file(sqlstate: str) -> None:
    assert condition(sqlstate) in {*conditions().values(), "error"}


def test_the_file_is_what_its_maker_writes() -> None:
    assert DATA.read_text(encoding="utf-8") == written(conditions())
    assert all(re.fullmatch(r"[0-9A-Z]{2}([0-9A-Z]{3})?", code) for code in conditions())
    assert all(re.fullmatch(r"[\w /-]+", words, re.ASCII) for words in conditions().values())
    assert {code[:2] for code in conditions() if len(code) == 5} == {code for code in conditions() if len(code) == 2}


@pytest.mark.parametrize("major", MAJORS)
def test_every_condition_of_a_server_has_the_servers_name(major: int, tmp_path: Path) -> None:
    origin = require_major(major)
    named = read_errcodes(errcodes(major, origin, tmp_path).read_text(encoding="utf-8"))
    assert len(named) > 250
    assert {code: words for code, words in named.items() if conditions().get(code) != words} == {}
