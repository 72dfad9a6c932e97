"""The row limit as text: appended where the statement has none, put in place of a number, or beside a parameter.

``LIMIT ALL`` and ``LIMIT NULL`` are no limit. Anything else (an expression, WITH TIES) is refused: how many rows it
lets through is not known before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.sql import gate
from gateway.sql.rewrite.places import Cut, spliced
from gateway.sql.rewrite.quoting import literal
from gateway.sql.rewrite.refused import RewriteRefused

_NUMBER: Final = re.compile(rb"[0-9]+(?![0-9A-Za-z_.$\x80-\xff])")
_NOTHING: Final = re.compile(rb"(?:ALL|NULL)(?![0-9A-Za-z_.$\x80-\xff])", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb"\$[0-9]+(?![0-9A-Za-z_.$\x80-\xff])")
_MAX_TRIES: Final = 32


def limited(source: bytes, select: Mapping[str, Any], cuts: list[Cut], rows: int, kind: str) -> bytes:
    """The source with all cuts made and at most so many rows. ``kind`` is the outermost statement's."""
    if select.get("limitOption") == "LIMIT_OPTION_WITH_TIES":
        raise RewriteRefused("FETCH FIRST … WITH TIES cannot be limited; write LIMIT")
    count = select.get("limitCount")
    if count is not None:
        return spliced(source, [*cuts, _replaced(source, count, rows)])
    clause = f"\nLIMIT {_constant(rows)}".encode()
    text = spliced(source, cuts)
    if kind != "CopyStmt":
        return text + clause
    for place in [place for place, byte in enumerate(text) if byte == 0x29][: -_MAX_TRIES - 1 : -1]:
        tried = text[:place] + clause + text[place:]
        try:
            statement = gate.syntax(tried.decode())
        except (gate.Refused, UnicodeDecodeError):
            continue
        if "limitCount" in statement.get("CopyStmt", {}).get("query", {}).get("SelectStmt", {}):
            return tried
    raise RewriteRefused("the end of the query in COPY was not found")


def _replaced(source: bytes, count: Mapping[str, Any], rows: int) -> Cut:
    constant, parameter = count.get("A_Const"), count.get("ParamRef")
    if constant is not None:
        start = int(constant.get("location", -1))
        if constant.get("isnull"):
            word = _NOTHING.match(source, start) if start >= 0 else None
            if word is not None:
                return Cut(start, word.end(), f"({_constant(rows)})".encode())
        elif "ival" in constant:
            asked = int(constant["ival"].get("ival", 0))
            word = _NUMBER.match(source, start) if start >= 0 else None
            if word is not None and int(word.group()) == asked:
                return Cut(start, word.end(), f"({_constant(min(asked, rows))})".encode())
            if start < 0 and asked == 1 and rows >= 1:  # FETCH FIRST ROW ONLY
                return Cut(0, 0, b"")
    elif parameter is not None:
        start = int(parameter.get("location", -1))
        word = _PARAMETER.match(source, start) if start >= 0 else None
        if word is not None:
            least = f"(LEAST({word.group().decode()}, {_constant(rows)}))"
            return Cut(start, word.end(), least.encode())
    raise RewriteRefused("the LIMIT of the statement is neither a number nor a parameter")


def _constant(rows: int) -> str:
    return literal(str(rows), "int8")
