"""Tokens as the server's own reader cuts them."""

from __future__ import annotations

import pytest

from gateway.sql.tree.tokens import tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("({A :b 1})", ["(", "{", "A", ":b", "1", "}", ")"]),
        (":c <>", [":c", "<>"]),
        (r":alias a\ b\(c\)\{d\}\\e", [":alias", r"a\ b\(c\)\{d\}\\e"]),
        ('("id" "a\\ b" "")', ["(", '"id"', '"a\\ b"', '""', ")"]),
        (":constvalue 4 [ 1 0 -1 127 ]", [":constvalue", "4 [ 1 0 -1 127 ]"]),
        (":constvalue 4 [ 1\n0 ] :x 1", [":constvalue", "4 [ 1\n0 ]", ":x", "1"]),
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
