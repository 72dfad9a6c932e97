"""What a tracing application ends its statements with is white space, and nothing else is taken for that."""

from __future__ import annotations

from typing import Any

import pgparse
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from gateway.sql.remark import bare

REMARK = "/*action='%2Fa~b.c',traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/"
PIECES = (
    *(
        "SELECT 1",
        "SELECT ",
        "a",
        "b = ",
        "1",
        " ",
        "\n",
        ";",
        ",",
        "'",
        "''",
        '"',
        "$$",
        "$a$",
        "E'",
        "U&'",
        "\\",
        "--",
    ),
    *("--", "/*", "*/", "*", "/", "-", "+", "/*a='b'*/", "/*a='b',c=''*/", REMARK, "/* x */", "x='y'", "/*+ a='b' */"),
)
WORDS = "ab%2F-=" * 4 + "',*/$\"\\ \n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"SELECT 1 {REMARK}", "SELECT 1  "),
        (f"SELECT 1{REMARK};\n", "SELECT 1 ;\n"),
        (f"SELECT 1; {REMARK}", "SELECT 1;  "),
        (f"SELECT 1 /* first */ {REMARK}", "SELECT 1 /* first */  "),
        (f"SELECT 1 {REMARK}{REMARK}", f"SELECT 1 {REMARK} "),
    ],
)
def test_another_trace_is_no_other_text(text: str, left: str) -> None:
    assert bare(text) == left
    assert _tree(text) == _tree(left) is not None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        f"{REMARK} SELECT 1",
        f"SELECT 1 {REMARK} FROM users",
        "SELECT 1 /* a='b' */",
        "SELECT 1 /*+ a='b'*/",
        "SELECT 1 /*a='it\\'s'*/",
        "SELECT 1 /*a='b*/",
        "SELECT 1 /*a='$$'*/",
        "SELECT 1 /*a='\"'*/",
        "SELECT 1 /*a='b\nc'*/",
        "SELECT 1 /*words*/",
        "SELECT 1 /**/",
        f"SELECT 1 /*/**{REMARK}",
        REMARK,
        "/*a='b'*",
        f"SELECT 1 /*a='{'x' * 3000}'*/",
        "",
    ],
)
def test_nothing_else_is_taken_for_one(text: str) -> None:
    assert bare(text) is text


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(["", ";", " ", "\n;"]))
def test_whatever_is_before_it_a_whole_text_means_the_same_without(before: str, after: str) -> None:
    text = f"{before}{REMARK}{after}"
    left = bare(text)
    assume(left is not text)
    whole, without = _tree(text), _tree(left)
    event("whole" if whole is not None else "not whole")
    assert (whole is None) == (without is None)
    assert whole == without
    other = f"{before}/*a='b'*/{after}"
    assert _tree(other) == whole


@given(st.sampled_from(["SELECT a", "SELECT 'x', \"y\", $$z$$", "SELECT 1 -- x"]), st.text(WORDS, max_size=20))
def test_what_somebody_puts_into_one_hides_nothing(before: str, words: str) -> None:
    text = f"{before} /*a='{words}'*/"
    left = bare(text)
    event("as it is" if left is text else "without")
    assert _tree(left) == _tree(text)


def _tree(text: str) -> object:
    """The parser's, without places; None: it is no whole text."""
    try:
        return _placeless(pgparse.parse(text))
    except Exception:
        return None


def _placeless(node: Any) -> Any:
    if isinstance(node, dict):
        places = ("location", "stmt_len", "stmt_location")
        return {name: _placeless(one) for name, one in node.items() if name not in places}
    return [_placeless(one) for one in node] if isinstance(node, list) else node
