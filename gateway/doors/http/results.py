"""Rows of a SELECT in the formats that /v1/query answers in: JSON, lines of JSON, CSV, Arrow.

Values come as PostgreSQL's text. JSON gets numbers, booleans and documents of those types; what JSON would change
(numeric, dates, NaN) stays text. Arrow needs the extra `arrow`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gateway.doors.inside import Column, Selected
from gateway.errors import Reason, SekishoError
from gateway.links.asker import Row

_BOOL: Final = 16
_WHOLE: Final = frozenset({20, 21, 23, 26})  # int8, int2, int4, oid
_REAL: Final = frozenset({700, 701})  # float4, float8
_DOCUMENTS: Final = frozenset({114, 3802})  # json, jsonb
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
_SPECIAL: Final = frozenset(',"\r\n')

Written = Callable[[Selected], bytes]


def as_json(selected: Selected) -> bytes:
    """One document: what the columns are, and the rows in their order."""
    columns = json.dumps([{"name": column.name, "type_oid": column.type_oid} for column in selected.columns])
    rows = ",\n".join("[" + ", ".join(_texts(selected.columns, row)) + "]" for row in selected.rows)
    limited = "true" if selected.limited else "false"
    return f'{{"columns": {columns}, "limited": {limited}, "rows": [{rows}]}}\n'.encode()


def as_lines(selected: Selected) -> bytes:
    """An object for each row."""
    names = [json.dumps(name) for name in _distinct(selected.columns)]
    lines = []
    for row in selected.rows:
        fields = zip(names, _texts(selected.columns, row), strict=True)
        lines.append("{" + ", ".join(f"{name}: {text}" for name, text in fields) + "}\n")
    return "".join(lines).encode()


def as_csv(selected: Selected) -> bytes:
    """RFC 4180, with a line of names. As with PostgreSQL's COPY a NULL is nothing at all, an empty text is quoted."""
    lines = [[column.name for column in selected.columns], *selected.rows]
    return "".join(",".join(map(_cell, line)) + "\r\n" for line in lines).encode()


def as_arrow(selected: Selected) -> bytes:
    """A stream of Arrow's IPC format."""
    try:
        import pyarrow as arrow
    except ImportError:
        raise SekishoError(Reason.REQUEST_INVALID, "this gateway was installed without the extra `arrow`") from None

    types = {_BOOL: arrow.bool_(), 20: arrow.int64(), 21: arrow.int16(), 23: arrow.int32(), 26: arrow.uint32()}
    types |= {700: arrow.float32(), 701: arrow.float64()}
    schema = arrow.schema([(name, types.get(column.type_oid, arrow.string())) for name, column in _named(selected)])
    arrays = [
        arrow.array([_exact(column, row[place]) for row in selected.rows], type=schema.field(place).type)
        for place, column in enumerate(selected.columns)
    ]
    sink = io.BytesIO()
    with arrow.ipc.new_stream(sink, schema) as stream:
        if arrays:
            stream.write_batch(arrow.record_batch(arrays, schema=schema))
    return sink.getvalue()


FORMATS: Final[Mapping[str, Written]] = MappingProxyType(
    {
        "application/json": as_json,
        "application/x-ndjson": as_lines,
        "text/csv": as_csv,
        "application/vnd.apache.arrow.stream": as_arrow,
    }
)
"""By media type; the first is what somebody gets who has no wish."""


def _texts(columns: Sequence[Column], row: Row) -> list[str]:
    return [_text(column.type_oid, value) for column, value in zip(columns, row, strict=True)]


def _text(type_oid: int, value: str | None) -> str:
    """A value as JSON. PostgreSQL writes numbers and documents as JSON does, digit by digit: they go on as they are."""
    if value is None:
        return "null"
    if type_oid == _BOOL:
        return "true" if value == "t" else "false"
    if type_oid in _DOCUMENTS:
        return value.replace("\n", " ").replace("\r", " ")  # between its parts: none can stand within a string
    if type_oid in _WHOLE or (type_oid in _REAL and _NUMBER.fullmatch(value)):
        return value
    return json.dumps(value, ensure_ascii=False)


def _exact(column: Column, value: str | None) -> Any:
    if value is None:
        return None
    if column.type_oid == _BOOL:
        return value == "t"
    if column.type_oid in _WHOLE:
        return int(value)
    return float(value) if column.type_oid in _REAL else value


def _named(selected: Selected) -> list[tuple[str, Column]]:
    return list(zip(_distinct(selected.columns), selected.columns, strict=True))


def _distinct(columns: Sequence[Column]) -> list[str]:
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise SekishoError(Reason.REQUEST_INVALID, "two columns have one name: give them names of their own (AS)")
    return names


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    if value == "" or not _SPECIAL.isdisjoint(value):
        return '"' + value.replace('"', '""') + '"'
    return value
