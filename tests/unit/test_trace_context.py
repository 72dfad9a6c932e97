"""The trace a caller says it is in: read strictly, within bounds, and where it stands."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.trace_context import LONGEST_COMMENT, Context, commented, context_of

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"
FOUND = Context(ID, SPAN, True)
COMMENT = f"/*traceparent='{PARENT}'*/"


@pytest.mark.parametrize(
    ("parent", "found"),
    [
        (PARENT, FOUND),
        (f"00-{ID}-{SPAN}-00", Context(ID, SPAN, False)),
        (f"00-{ID}-{SPAN}-03", FOUND),
        (f"cc-{ID}-{SPAN}-01-what-is-to-come", FOUND),  # a later version: what is known of it counts
        (f"cc-{ID}-{SPAN}-01", FOUND),
        (f"00-{ID}-{SPAN}-01-more", None),
        (f"cc-{ID}-{SPAN}-01more", None),
        (f"ff-{ID}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{ID}-{'0' * 16}-01", None),
        (PARENT.upper(), None),
        (f" {PARENT}", None),
        (PARENT + "\n", None),
        (f"cc-{ID}-{SPAN}-01-{'x' * 1000}", None),
        ("", None),
        (PARENT.replace("4", "٤"), None),  # a digit elsewhere
    ],
)
def test_a_traceparent_is_what_its_specification_says_or_nothing(parent: str, found: Context | None) -> None:
    assert context_of([parent]) == found


def test_two_of_them_are_none() -> None:
    assert context_of([]) is None
    assert context_of([PARENT, PARENT]) is None


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        (["congo=t61 , rojo=1", "", "fw529a3039@dt=x"], "congo=t61,rojo=1,fw529a3039@dt=x"),
        (["congo=1,congo=2"], ""),
        (["congo"], ""),
        (["Congo=1"], ""),
        (["congo=a=b"], ""),
        (["congo=a\x00b"], ""),
        ([",".join(f"k{number}=1" for number in range(33))], ""),
        (["congo=" + "x" * 600], ""),
        ([], ""),
    ],
)
def test_a_tracestate_that_is_none_leaves_the_context(states: list[str], state: str) -> None:
    assert context_of([PARENT], states) == Context(ID, SPAN, True, state)


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT 1 {COMMENT}",
        f"SELECT 1 {COMMENT};",
        f"SELECT 1; {COMMENT} \n",
        f"{COMMENT} SELECT 1",
        f"\n{COMMENT}SELECT 1",
        f"/* hello */ SELECT 1 /*action='%2Fa*d',controller='index',traceparent='{PARENT}'*/",
        f"SELECT 1 /*a='it\\'s', traceparent='{quote(PARENT)}' */",
        f"SELECT 1 /* first */ {COMMENT}",
        f"{COMMENT} SELECT 1 /* last */",
    ],
)
def test_a_comment_at_either_end_is_read(text: str) -> None:
    assert commented(text) == FOUND


def test_its_state_is_decoded() -> None:
    text = f"SELECT 1 /*traceparent='{PARENT}',tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7'*/"
    assert commented(text) == Context(ID, SPAN, True, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT '{COMMENT.replace(chr(39), chr(39) * 2)}'",
        f"SELECT '{COMMENT}' AS a",
        f"SELECT $${COMMENT}$$",
        f'SELECT "{COMMENT}"',
        f"SELECT 1 {COMMENT} FROM users",  # in the middle: nobody looks for it
        f"SELECT 1 /* outer {COMMENT} */",
        f"SELECT 1 /*traceparent='{PARENT}',traceparent='{PARENT}'*/",
        f"SELECT 1 /*traceparent='{PARENT}',%74raceparent='{PARENT}'*/",
        f"SELECT 1 /*traceparent={PARENT}*/",
        f"SELECT 1 /*traceparent='{PARENT}*/",
        f"SELECT 1 /*traceparent='{PARENT}' x*/",
        "SELECT 1 /*traceparent=''*/",
        "SELECT 1 /*/",
        "/*/",
        "/**/",
        "*/",
        "/*",
        "",
        f"SELECT 1 {COMMENT} -- {PARENT}",
        "SELECT 1 /*" + ",".join(f"k{number}='1'" for number in range(40)) + f",traceparent='{PARENT}'*/",
        f"SELECT 1 /*a='{'x' * LONGEST_COMMENT}',traceparent='{PARENT}'*/",
    ],
)
def test_what_is_not_exactly_that_is_not_there(text: str) -> None:
    assert commented(text) is None


@given(st.text(st.sampled_from("/*'\\=,-%;0f a\n") | st.characters(), max_size=300), st.text(max_size=40))
@example("/*" * 150, "")
def test_whatever_is_sent_is_read_without_complaint(text: str, value: str) -> None:
    for sent in (text, f"/*{text}*/", f"SELECT 1 /*traceparent='{text}'*/", f"/*traceparent='{PARENT}',{text}*/"):
        found = commented(sent)
        assert found is None or (len(found.trace_id) == 32 and len(found.span_id) == 16)
    context_of([text], [value])


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
)
def test_what_a_sqlcommenter_writes_comes_back(value: str, trace: int, span: int, sampled: bool) -> None:
    parent = f"00-{trace:032x}-{span:016x}-{int(sampled):02x}"
    text = f"SELECT 1 /*action='{quote(value, safe='')}',traceparent='{quote(parent)}'*/"
    assert commented(text) == Context(f"{trace:032x}", f"{span:016x}", sampled)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 " + COMMENT * 100_000,
        "/*" * 1_000_000,
        "SELECT 1" + "*/" * 1_000_000,
        "SELECT 1 /*traceparent='" + "\\'" * 1_000_000 + "'*/",
        "SELECT 1 /*" + "a='" * 1_000_000 + "*/",
        " " * 3_000_000 + COMMENT,
    ],
)
def test_a_huge_one_costs_nothing(text: str) -> None:
    began = time.process_time()
    for _ in range(100):
        commented(text)
    assert time.process_time() - began < 0.5  # 5 ms each would be a thousand times too much
