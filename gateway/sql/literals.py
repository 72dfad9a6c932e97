"""Constants of a stored definition: which of them might be about people, and which are only the definition's structure.

A view, a check or a default is printed to anybody who asks for it, with the literals somebody wrote into it. Nobody can
tell a product's name from a person's, so the rule is by form, and what it does not know stands in the way:

* NULL, truth values, enum labels, names of objects (``regclass`` and its like), times of day and intervals: never;
* numbers of up to six significant digits: never; longer ones may be a telephone number;
* dates and timestamps: never in a partition bound; elsewhere only midnight of the first of a month, in any zone;
* strings: the empty one, one without letters and digits (a separator, ``%``), one of up to three letters (``KR``);
  a single word of plain letters where definitions list them (checks, defaults, partition bounds), and such a word
  elsewhere if one of those lists it too or a column or relation is called that;
* everything else (bytes, addresses, JSON and arrays that are not empty, types of users): always in the way.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import unpack
from typing import Final

_FIELDS: Final = re.compile(
    r":consttype (\d+) :consttypmod -?\d+ :constcollid \d+ :constlen (-?\d+) :constbyval (true|false) "
    r":constisnull (true|false) :location -?\d+ :constvalue (<>|\d+ \[(?: -?\d+)* \])\s*"
)
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_/-]{0,31}[0-9]{0,2}")
_CODE: Final = re.compile(r"[A-Za-z]{1,3}")
_DIGITS: Final = 6

_NEVER: Final = frozenset(
    # bool, "char", time, timetz, interval; oid and the types of names of objects
    "16 18 1083 1266 1186 26 24 2202 2203 2204 2205 2206 3734 3769 4089 4096 4191".split()
)
_INTEGERS: Final = frozenset(("20", "21", "23"))
_STRINGS: Final = frozenset(("25", "1042", "1043"))
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_QUARTER: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of a stored tree. ``data`` None is NULL."""

    type: str
    data: bytes | None


def read_constant(body: str) -> Constant | None:
    """The constant whose node's fields these are, or None where they cannot be read."""
    found = _FIELDS.fullmatch(body)
    if found is None:
        return None
    kind, length, by_value, is_null, datum = found.groups()
    if is_null == "true":
        return Constant(kind, None)
    data = read_datum(datum)
    if data is None:
        return None
    if by_value == "true":
        return Constant(kind, data[: int(length)]) if 0 < int(length) <= len(data) else None
    if length == "-1":
        return _without_header(kind, data)
    return Constant(kind, data)


def read_datum(text: str) -> bytes | None:
    """The bytes of ``4 [ 1 0 0 0 ]`` as a tree prints them, or None."""
    size, *numbers = text.split() or [""]  # a tree in a notice has line ends anywhere
    if not size.isdecimal() or len(numbers) < 2 or numbers[0] != "[" or numbers[-1] != "]":
        return None
    data = bytes(int(number) & 0xFF for number in numbers[1:-1])
    return data if len(data) == max(int(size), len(data) if len(data) == 8 else 0) else None


def _without_header(kind: str, data: bytes) -> Constant | None:
    """A value of variable length without the length it begins with (of a little-endian server, uncompressed)."""
    if len(data) >= 4 and data[0] & 3 == 0 and unpack("<I", data[:4])[0] >> 2 == len(data):
        return Constant(kind, data[4:])
    if data and data[0] & 1 and data[0] >> 1 == len(data):
        return Constant(kind, data[1:])
    return None


def text_of(constant: Constant) -> str | None:
    """A string constant's text, or None where it is none or not text."""
    data = constant.data
    if data is None:
        return None
    if constant.type in ("19", "705"):  # name, unknown
        data = data.split(b"\0", 1)[0]
    elif constant.type not in _STRINGS:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def word_of(constant: Constant) -> str | None:
    """A string constant that is a single plain word, or None."""
    text = text_of(constant)
    return text if text is not None and _WORD.fullmatch(text.strip(" ")) else None


def harmless(constant: Constant, *, lists: bool, bound: bool, words: AbstractSet[str], enums: AbstractSet[str]) -> bool:
    """Whether a constant is only structure. ``lists``: where it stands, words are listed; ``words``: the known ones."""
    kind, data = constant.type, constant.data
    if data is None or kind in _NEVER or kind in enums:
        return True
    text = text_of(constant)
    if text is not None:
        return harmless_text(text, lists=lists, words=words)
    if kind in _INTEGERS:
        return abs(int.from_bytes(data, "little", signed=True)) < 10**_DIGITS
    match kind:
        case "1700":
            return _few_digits(_numeric(data))
        case "700" | "701":
            return _few_digits(repr(unpack("<f" if kind == "700" else "<d", data)[0]).partition("e")[0])
        case "1082":
            return bound or _begins_month(_EPOCH + timedelta(days=_signed(data)))
        case "1114":
            return bound or _begins_month(_moment(data))
        case "1184":
            return bound or any(_begins_month(_moment(data) + _QUARTER * n) for n in range(-14 * 4, 14 * 4 + 1))
        case "114":
            return data in (b"{}", b"[]", b"null", b"")
        case "3802":
            return len(data) == 4  # an empty object or array: nothing but its header
        case _:
            # Of an array without elements nothing follows but where they would be and of which type.
            return len(data) == 12 and data[:8] == bytes(8)


def harmless_text(text: str, *, lists: bool, words: AbstractSet[str]) -> bool:
    """Whether a string is only structure."""
    stripped = text.strip(" ")
    if not any(character.isalnum() for character in stripped) or _CODE.fullmatch(stripped):
        return True
    return bool(_WORD.fullmatch(stripped)) and (lists or stripped in words)


def _few_digits(number: str | None) -> bool:
    if number is None:
        return False
    digits = "".join(character for character in number if character.isdigit()).strip("0")
    return number.count("n") == 0 and len(digits) <= _DIGITS


def _numeric(data: bytes) -> str | None:
    """The digits of a ``numeric`` as it is stored, point left out."""
    if len(data) < 2 or len(data) % 2:
        return None
    header = int.from_bytes(data[:2], "little")
    if header & 0xC000 == 0xC000:
        return "n"  # not a number, infinity
    start = 2 if header & 0x8000 else 4
    return "".join(f"{unpack('<h', data[at : at + 2])[0]:04}" for at in range(start, len(data), 2))


def _signed(data: bytes) -> int:
    """Days since 2000; what is too far for a calendar is given as a day that begins no month."""
    days = int.from_bytes(data, "little", signed=True)
    return days if abs(days) < 700_000 else 1


def _moment(data: bytes) -> datetime:
    microseconds = int.from_bytes(data, "little", signed=True)
    return _EPOCH + timedelta(microseconds=microseconds if abs(microseconds) < 6 * 10**16 else 1)


def _begins_month(moment: datetime) -> bool:
    return (moment.day, moment.hour, moment.minute, moment.second, moment.microsecond) == (1, 0, 0, 0, 0)
