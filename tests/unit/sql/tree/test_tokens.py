"""Tokens as the server's own reader cuts them."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.tree.tokens import _TOKEN, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("({A :b 1})", ["(", "{", "A", ":b", "1", "}", ")"]),
        (":c <>", [":c", "<>"]),
        (r":alias a\ b\(c\)\{d\}\\e", [":alias", r"a\ b\(c\)\{d\}\\e"]),
        ('("id" "a\\ b" "")', ["(", '"id"', '"a\\ b"', '""', ")"]),
        (":constvalue 4 [ 1 0 -1 127 ]", [":constvalue", "4", "[", "1", "0", "-1", "127", "]"]),
        (":constvalue 4 [ 1\n0 ] :x 1", [":constvalue", "4", "[", "1", "0", "]", ":x", "1"]),
        ("(b)", ["(", "b", ")"]),
        ("(i 1\n2)", ["(", "i", "1", "2", ")"]),
        ("\\\n(", ["\\\n", "("]),
    ],
)
def test_tokens(text, tokens):
    assert tokenize(text) == tokens


@pytest.mark.parametrize("space", ["\u00a0", "\v", "\f", "\r", "\u2003", "\x1c"])
def test_only_the_servers_own_white_space_separates(space):
    assert tokenize(f":colname a{space}b") == [":colname", f"a{space}b"]


def test_every_space_of_python_that_is_none_of_the_servers():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if character.isspace() and character not in " \n\t":
            assert tokenize(f":a x{character}y (b)") == [":a", f"x{character}y", "(", "b", ")"], hex(number)


@given(
    st.lists(st.sampled_from([*" \n\t(){}\\\\\\", "a", "é", ":b", '"', "\u00a0", "\v", "[", "12", "<>"])).map("".join)
)
def test_both_ways_cut_alike(text):
    assert tokenize(text) == _TOKEN.findall(text)


def test_many_escapes_take_linear_time():
    assert tokenize("\\a" * 200_000 + " \\b" * 200_000)[1:] == ["\\b"] * 200_000
