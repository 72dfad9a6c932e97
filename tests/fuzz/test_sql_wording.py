"""Shapes by the words alone are the parser's: over statements of the whole grammar with the lexer's own pieces in them.

A text's constants are replaced by others of their class, full of what could be taken for something else. Where the
scanner calls both texts one wording, the parser must make one tree of them but for constants, and one shape.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.sql.gate import Refused, inspect, syntax
from gateway.sql.wording import Scanned, learn, scan, shape
from tests.property.oracle.writes import Statements

_LIMIT = 100_000
_SEEDS = st.integers(0, 2**64 - 1)
_BETWEEN = (
    "' '' \" \"\" $$ $a$ $1 E' e' N' B' X' U&' U&\" -- /* */ ; : :: := . .. 1 1. .1 1e 0 00 007 -0 -1 - 0x1F 1_0 a a1 "
    "é \u00a0 ( ) [ ] , + = <= & 'x' '1' \"b\" 'x'\n'y' date'x' LIMIT float(5) interval(3) UESCAPE \n \t \v \f \r"
).split(" ")
_INSIDE = (
    *"0123456789",
    "''",
    "--",
    "/*",
    "*/",
    "$$",
    "$1",
    ";",
    '"',
    " ",
    "\n",
    "é",
    "漢",
    "E''",
    "\u00a0",
    ",",
    ")",
    "a",
)

_SIZES = (range(1, 10), range(10, 11), range(11, 19), range(19, 21))  # digits of int4, of either, of int8, of none


def constant(chance: random.Random, old: str) -> str:
    """Another constant, nine times of ten of the class of the one it replaces."""
    if old.startswith("'"):
        return "'" + "".join(chance.choices(_INSIDE, k=chance.randrange(5))) + "'"
    if old.startswith('"'):
        return old
    same = next(sizes for sizes in _SIZES if len(old) in sizes or sizes is _SIZES[-1])
    size = chance.choice(same if chance.randrange(10) else range(1, 21))
    digits = "".join(chance.choices("0123456789", k=size))
    if "." in old:
        return f"{digits.lstrip('0') or '0'}.{digits}"
    if size == 10:
        digits = chance.choice((digits, "2147483647", "2147483648", "2147483649", "1000000000"))
    return digits.lstrip("0") or "0"


def tree(text: str) -> Any:
    """The parser's tree without places and without the values of constants."""

    def bare(node: Any) -> Any:
        if isinstance(node, list):
            return [bare(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "A_Const" in node:
            return {"A_Const": sorted(key for key in node["A_Const"] if key != "location")}
        return {key: bare(value) for key, value in node.items() if not key.endswith("location")}

    return bare(syntax(text))


def parsed(text: str) -> bytes | None:
    """The parser's shape of a text of one statement."""
    statements = inspect(text, max_bytes=_LIMIT)
    return statements[0].shape if len(statements) == 1 else None


def written(chance: random.Random) -> str:
    """A statement, broken in one text of two."""
    text = Statements(chance, 17, size=chance.choice((4, 12, 25))).statement()
    if chance.randrange(2):
        text = text.replace(" WHERE ", " WHERE id = 7 AND 'x' <> country AND ")
    for _ in range(chance.choice((0, 0, 0, 0, 1, 2, 4))):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(_BETWEEN) + text[at:]
    if not chance.randrange(4):
        text += chance.choice((";", " ; ", "\n", "; SELECT 1", " LIMIT 5", " OFFSET '3'"))
    return text


def changed(chance: random.Random, first: Scanned, places: list[int]) -> str:
    parts = list(first.parts)
    for place in places:
        parts[place] = constant(chance, parts[place])
    return "".join(parts)


@settings(max_examples=max(500, settings.default.max_examples if settings.default else 0))
@given(_SEEDS)
def test_one_wording_is_one_tree_and_one_shape(seed: int) -> None:
    chance = random.Random(seed)
    one = written(chance)
    first = scan(one, max_bytes=_LIMIT)
    if first is None:
        event("left to the parser")
        return
    try:
        known = parsed(one)
    except Refused:
        event("refused")
        return
    cuts = None if known is None else learn(first, known)
    if cuts is None or known is None:
        event("nothing learnt")
        return
    assert shape(first, cuts) == known
    constants = range(1, len(first.parts), 2)
    cut = [place for place in constants if place not in cuts.kept]
    for places in (cut, list(constants)):
        other = changed(chance, first, places)
        second = scan(other, max_bytes=_LIMIT)
        if second is None or second.wording != first.wording:
            event("another wording")
            continue
        made = shape(second, cuts)
        if places is cut:
            event("one shape")
            assert made == known == parsed(other), (one, other)
            assert tree(one) == tree(other), (one, other)
            continue
        try:
            theirs = parsed(other)
        except Refused:
            assert made != known, (one, other)  # a value that is kept is refused: then no text of it is known
        else:
            assert made == theirs, (one, other)


@settings(max_examples=max(500, settings.default.max_examples if settings.default else 0))
@given(_SEEDS)
def test_any_two_texts_of_one_wording(seed: int) -> None:
    """The same, with texts made of nothing but pieces: most are no SQL, and those that are must agree."""
    chance = random.Random(seed)
    pieces = chance.choices(("'x'", "1", "0.5", "a", '"b"', " ", "=", "-", *_BETWEEN), k=chance.randrange(1, 8))
    one = "SELECT " + chance.choice(("", " ")).join(pieces) + chance.choice((" FROM t WHERE a = 1", " = 1", " LIMIT 2"))
    first = scan(one, max_bytes=_LIMIT)
    if first is None:
        return
    other = changed(chance, first, list(range(1, len(first.parts), 2)))
    second = scan(other, max_bytes=_LIMIT)
    if second is None or second.wording != first.wording:
        return
    try:
        known = parsed(one)
    except Refused:
        return
    cuts = None if known is None else learn(first, known)
    if cuts is not None:
        event("learnt")
        try:
            assert shape(second, cuts) == parsed(other), (one, other)
        except Refused:
            assert shape(second, cuts) != known, (one, other)
