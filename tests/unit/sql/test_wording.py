"""Shapes by the words alone: what is seen as a constant, what is left to the parser, and that both ways agree."""

from __future__ import annotations

import time

import pytest

from gateway.sql.gate import inspect
from gateway.sql.wording import Cuts, Scanned, learn, scan, shape

_MAX = 131_072


def scanned(text: str) -> Scanned:
    found = scan(text, max_bytes=_MAX)
    assert found is not None
    return found


def wording(text: str) -> str:
    """``~`` stands for the mark of a class."""
    return scanned(text).wording.replace("\0", "~")


def parsed(text: str) -> bytes:
    """The parser's shape."""
    (statement,) = inspect(text, max_bytes=_MAX)
    assert statement.shape is not None
    return statement.shape


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = ~i"),
        ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = ~s"),
        ("SELECT a FROM t WHERE b = 'it''s -- no /* comment $$'", "SELECT a FROM t WHERE b = ~s"),
        ("SELECT a FROM t WHERE b IN (1,'',1.5,0.5,99999999999)", "SELECT a FROM t WHERE b IN (~i,~s,~n,~n,~l)"),
        ('SELECT "a""b 1", c FROM "t\'1" WHERE d=-7', 'SELECT "a""b 1", c FROM "t\'1" WHERE d=-~i'),
        ("SELECT a1, b_2, c$3, é4 FROM t5 WHERE d=6", "SELECT a1, b_2, c$3, é4 FROM t5 WHERE d=~i"),
        ("SELECT $1, $23 WHERE a[1:2] = 4", "SELECT $1, $23 WHERE a[~i:~i] = ~i"),
        (
            "SELECT 0 , -0, - 0, 00, 007, 7., .7, 1e3, 0x1f, 1_000",
            "SELECT ~i , -0, - ~i, 00, 007, 7., .7, 1e3, 0x1f, 1_000",
        ),
        ("SELECT 1.5.2, 1..2, t.1, 1a, 0.5e1 LIMIT 1", "SELECT 1.5.2, 1..2, t.1, 1a, 0.5e1 LIMIT ~i"),
        ("VALUES (999999999, 2147483647, 2147483648)", "VALUES (~i, ~i, 2147483648)"),
        ("VALUES (2147483649, 999999999999999999)", "VALUES (~l, ~l)"),
        ("VALUES (1, 9223372036854775807)", "VALUES (~i, 9223372036854775807)"),
        ("SELECT '漢字' = 1", "SELECT ~s = ~i"),
    ],
)
def test_constants_and_their_classes(text, wanted):
    assert wording(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t",
        'SELECT "a" FROM t -- 1',
        "SELECT a FROM t WHERE b = 1 -- c",
        "SELECT a FROM t WHERE b = 1 /* c */",
        "SELECT a FROM t WHERE b = '\\'",
        "SELECT a FROM t WHERE b = E'x'",
        "SELECT a FROM t WHERE b = n'x' OR b = 1",
        "SELECT a FROM t WHERE b = B'1'",
        "SELECT a FROM t WHERE b = U&'x'",
        'SELECT U&"x" WHERE b = 1',
        "SELECT a FROM t WHERE b = $$x$$ AND c = 1",
        "SELECT a FROM t WHERE b = $x$1$x$",
        "SELECT date'2025-01-01' = a LIMIT 1",
        "SELECT é'x' = 1",
        "SELECT a FROM t WHERE b = 'x",
        'SELECT a FROM t WHERE b = 1 AND "x',
        "SELECT 1 = 1'x'",
        "SELECT '\0' = 1",
        "SELECT '\ud800' = 1",
        "SELECT 'x' = '" + "x" * 16_384 + "'",
    ],
)
def test_what_is_left_to_the_parser(text):
    assert scan(text, max_bytes=_MAX) is None


def test_a_text_over_the_bound_is_the_gates_to_refuse():
    text = "SELECT a FROM t WHERE b = 'é'"
    assert scan(text, max_bytes=len(text.encode())) is not None
    assert scan(text, max_bytes=len(text)) is None


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        ("SELECT a FROM t WHERE b = 1", Cuts((), (), 0)),
        ("SELECT a FROM t WHERE b = 1 ; ", Cuts((), (), 2)),
        ("SELECT g(1) FROM t WHERE b = -1 ORDER BY 2;", Cuts((1, 5), (2,), 1)),
        ("SELECT a - 1 FROM t WHERE b = - 5 OR c = -5", Cuts((1, 3), (4,), 0)),
        ("INSERT INTO t VALUES (-1, 'x', f('x'))", Cuts((5,), (0,), 0)),
        ("SELECT a FROM t WHERE b = 'x'\n'y' AND c = 'z'", Cuts((1, 3), (), 0)),
        ('SELECT "1" FROM t WHERE b = 1', Cuts((), (), 0)),
    ],
)
def test_what_is_learnt_of_the_parser(text, cuts):
    assert learn(scanned(text), parsed(text)) == cuts
    assert shape(scanned(text), cuts) == parsed(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT a FROM t WHERE b = 1 AND c = 'x';", "SELECT a FROM t WHERE b = 77 AND c = 'it''s; 5';"),
        ("SELECT a FROM t WHERE b = -1", "SELECT a FROM t WHERE b = -23"),
        ("SELECT a FROM t WHERE b BETWEEN 1.5 AND 2.5 LIMIT 1", "SELECT a FROM t WHERE b BETWEEN 0.25 AND 9.0 LIMIT 0"),
        ("SELECT g(1) FROM t WHERE b = 1", "SELECT g(2) FROM t WHERE b = 3"),
        ("SELECT a FROM t WHERE b = 1 ORDER BY 1", "SELECT a FROM t WHERE b = 1 ORDER BY 2"),
    ],
)
def test_the_other_text_gets_the_parsers_shape(one, other):
    cuts = learn(scanned(one), parsed(one))
    assert cuts is not None
    assert wording(one) == wording(other)
    assert shape(scanned(other), cuts) == parsed(other)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t WHERE b = .5 AND c = 1",  # the parser cuts what is no constant here
        "SELECT a FROM t WHERE b = 2147483648 AND c = 1",
        "; SELECT a FROM t WHERE b = 1",
    ],
)
def test_a_shape_that_words_cannot_tell_teaches_nothing(text):
    assert learn(scanned(text), parsed(text)) is None


@pytest.mark.parametrize(
    "known", [b"", b"SELECT a FROM t WHERE b = \0s", b"SELECT a FROM t", b"SELECT a FROM t WHERE b = \0i x"]
)
def test_a_shape_of_another_text_teaches_nothing(known):
    assert learn(scanned("SELECT a FROM t WHERE b = 1"), known) is None


def test_it_takes_linear_time():
    """Texts made of what the scanner looks back and ahead for; the bound leaves room for a slow machine."""
    for piece in ("'", '"', "''", "1", "1.", "0", ".0", "-0", "a1", "'x'", '"x"', "$1", "1 "):
        text = piece * (16_000 // len(piece))
        start = time.perf_counter()
        scan(text, max_bytes=_MAX)
        assert time.perf_counter() - start < 1, piece
