"""The shape of a text by its words alone, once the parser has shown of another text of these words where it is cut.

``scan`` replaces every plain constant of a text by its lexical class. Two texts with the same *wording* differ in
nothing but the values of constants; the server's grammar goes by the classes of words and never by the value of a
constant that stands in an expression, so the parser makes the same tree of both, and cuts both in the same places.
``learn`` keeps those places (``Cuts``) from one text whose shape the parser told; ``shape`` makes the shape of another
with them. What is not cut stands in the shape as it is written, so it is the same, too.

That holds only where this module sees words as the server's scanner does. It knows a plain subset and leaves everything
else to the parser: no backslashes, comments, dollar quotes, prefixed strings (``E''``, ``U&''``, ``N''``), no long
texts. Numbers in other forms than ``7`` and ``7.5`` (``1e3``, ``0x1f``, ``1_000``, ``007``, ``.5``) are no constants
here but wording. Property tests hold it to the parser's own shapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 16_384  # bytes; the gate refuses nothing this short for what it could become
_MARK: Final = "\0"  # as in shapes
_STRING: Final = _MARK + "s"
_INT4: Final = _MARK + "i"
_INT8: Final = _MARK + "l"
_NUMERIC: Final = _MARK + "n"

# The server's identifiers hold letters, digits, _, $ and everything beyond ASCII. One class first, for speed; what
# stands before the constant is looked at after that.
_NAME: Final = r"A-Za-z0-9_$\x80-\U0010ffff"
_CONSTANT: Final = re.compile(
    rf"""(['"0-9](?:
        (?<=')(?<![{_NAME}&]')[^']*'(?:'[^']*')*      # a string: before it no prefix
      | (?<=")(?<![{_NAME}&]")[^"]*"(?:"[^"]*")*      # a quoted name: no constant, but quotes may stand in it
      | (?<=[1-9])(?<![{_NAME}.][0-9])[0-9]*(?:\.[0-9]+)?(?![{_NAME}.])
      | (?<=0)(?<![{_NAME}.]0)\.[0-9]+(?![{_NAME}.])
      | (?<=0)(?<![{_NAME}.-]0)(?![{_NAME}.])         # -0 is not cut by the parser's shapes
    ))""",
    re.VERBOSE,
)
_DOLLAR_QUOTE: Final = re.compile(r"\$(?![0-9])")
_LAST_INT4: Final = "2147483647"
_FIRST_INT8: Final = "2147483648"  # with a sign before it an integer, without one none: left as it is written


@dataclass(slots=True, eq=False)
class Scanned:
    """A text in words. At odd places of ``parts`` stand constants and quoted names, at even ones what is between.

    Not frozen, though nobody changes one: that takes thrice the time."""

    wording: str  # the key: the text with constants replaced by their classes
    parts: list[str]
    classes: list[str]  # the same with constants replaced


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where a shape differs from its wording."""

    kept: tuple[int, ...]  # places of constants that stay as they are written
    signed: tuple[int, ...]  # places that end with the sign of the number after them, which is cut with it
    tail: int  # characters after the statement: a semicolon, white space


def scan(text: str, *, max_bytes: int) -> Scanned | None:
    """The words of a text; None where it holds no constant, or something that is told apart by other rules."""
    if text.isascii():
        size = len(text)
    else:
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            return None
    if size > max_bytes or size > _LONGEST or "\\" in text or _MARK in text:
        return None
    parts = _CONSTANT.split(text)
    if len(parts) == 1 or _other_rules("\n".join(parts[::2])):
        return None
    classes = parts.copy()
    for place in range(1, len(parts), 2):
        classes[place] = _class(parts[place])
    return Scanned("".join(classes), parts, classes)


def _other_rules(between: str) -> bool:
    """Whether anything begins between constants in which words would be told apart by other rules."""
    return (
        "'" in between
        or '"' in between
        or "--" in between
        or "/*" in between
        or ("$" in between and _DOLLAR_QUOTE.search(between) is not None)
    )


def _class(constant: str) -> str:
    first, size = constant[0], len(constant)
    if first == "'":
        return _STRING
    if first == '"':
        return constant
    if "." in constant:
        return _NUMERIC
    if size < 10:
        return _INT4
    if size == 10:
        if constant == _FIRST_INT8:
            return constant
        return _INT4 if constant <= _LAST_INT4 else _INT8
    return _INT8 if size < 19 else constant


def shape(scanned: Scanned, cuts: Cuts) -> bytes:
    """The shape of a text, cut where another text of its wording is."""
    made = scanned.classes.copy()
    for place in cuts.kept:
        made[place] = scanned.parts[place]
    for place in cuts.signed:
        made[place] = made[place][:-1]
    if cuts.tail:
        made[-1] = made[-1][: -cuts.tail]
    return "".join(made).encode()


def learn(scanned: Scanned, known: bytes) -> Cuts | None:
    """Where the parser's shape of this very text is cut; None where that is not what these words can tell."""
    text = known.decode()
    kept: list[int] = []
    signed: list[int] = []
    tail = at = 0
    last = len(scanned.parts) - 1
    for place, part in enumerate(scanned.parts):
        if place % 2:
            made = scanned.classes[place]
            if not text.startswith(made, at):
                made = part
                kept.append(place)
        elif text.startswith(part, at):
            made = part
        elif place < last:
            made = part[:-1]
            signed.append(place)
        else:
            made = text[at:]
            tail = len(part) - len(made)
        at += len(made)
    cuts = Cuts(tuple(kept), tuple(signed), tail)
    return cuts if shape(scanned, cuts) == known and _only_signs(scanned, cuts) else None


def _only_signs(scanned: Scanned, cuts: Cuts) -> bool:
    """Whether nothing but a number's sign and what follows the statement was left out."""
    return all(scanned.parts[place].endswith("-") for place in cuts.signed) and not (
        cuts.tail and scanned.parts[-1][-cuts.tail :].strip(" \t\r\n\f\v;")
    )
