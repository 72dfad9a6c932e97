"""Masks: one SQL expression per method, total for every value of the column's type, NULL where the column is NULL.

Built only of functions and operators of pg_catalog, named with their schema, and of syntax. Nothing here may raise for
any value: an error would be an answer to a question about the value. So nothing shorter than twice what it shows is
shown in part, dates outside of four-digit years become NULL, and numbers are never divided where they could overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.sql.catalog import Catalog, Column
from gateway.sql.rewrite.quoting import declared_type, literal, typed
from gateway.sql.rewrite.refused import RewriteRefused

HASH_FUNCTION: Final = '"sekisho"."keyed_hash"'  # what `sekisho provision` installs; its key never stands in SQL text

# Built-in types by their OIDs, which no release changes.
_TEXTS: Final = frozenset({"25", "1043", "1042", "19"})  # text, varchar, bpchar, name
_SMALL, _INTEGER, _BIG, _NUMERIC = "21", "23", "20", "1700"
_FLOATS: Final = frozenset({"700", "701"})
_DATE, _TIMESTAMP, _TIMESTAMPTZ = "1082", "1114", "1184"
_CONSTANTS: Final = {
    "16": literal("false", "bool"),
    _SMALL: literal("0", "int2"),
    _INTEGER: literal("0", "int4"),
    _BIG: literal("0", "int8"),
    _NUMERIC: literal("0", "numeric"),
    "700": literal("0", "float4"),
    "701": literal("0", "float8"),
    _DATE: literal("1970-01-01", "date"),
    _TIMESTAMP: literal("1970-01-01 00:00:00", "timestamp"),
    _TIMESTAMPTZ: literal("1970-01-01 00:00:00+00", "timestamptz"),
    "17": literal("", "bytea"),
    "2950": literal("00000000-0000-0000-0000-000000000000", "uuid"),
    "114": literal("{}", "json"),
    "3802": literal("{}", "jsonb"),
    "869": literal("::", "inet"),
}
_MODULUS: Final = {_SMALL: "int2", _INTEGER: "int4", _BIG: "int8", _NUMERIC: "numeric"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the methods leave to choose."""

    first: int = 0  # characters that `partial` shows at the beginning
    last: int = 4  # and at the end
    stars: str = "***"
    width: int = 10  # of a `bucket`


def masked(catalog: Catalog, column: Column, reference: str, method: str, style: Style) -> str:
    """The expression of a masked column. ``reference`` is the column as SQL text. Raises RewriteRefused."""
    kind = declared_type(catalog, column)
    if kind is None:
        raise RewriteRefused(f"the column {column.name} has a data type that no mask can be given")
    if method == "null":
        return typed("NULL", kind, column)
    value = _value(column, reference, method, style)
    return typed(f"CASE WHEN {reference} IS NULL THEN NULL ELSE {value} END", kind, column)


def blank(catalog: Catalog, column: Column) -> str:
    """NULL of the column's type, or of text where nothing may be converted to that: for columns nobody reads."""
    kind = declared_type(catalog, column)
    return "NULL::pg_catalog.text" if kind is None else typed("NULL", kind, column)


def _value(column: Column, reference: str, method: str, style: Style) -> str:
    """What is shown in place of a value that is there."""
    kind = column.type
    match method:
        case "constant" if kind in _TEXTS:
            return literal(style.stars, "text")
        case "constant" if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        case "partial" if kind in _TEXTS:
            return _partial(f"{reference}::pg_catalog.text", style)
        case "domain" if kind in _TEXTS:
            return _domain(f"{reference}::pg_catalog.text", style)
        case "hash" if kind in _TEXTS:
            return f"{HASH_FUNCTION}({reference}::pg_catalog.text)"
        case "year" if kind in (_DATE, _TIMESTAMP, _TIMESTAMPTZ):
            return _year(kind, reference)
        case "bucket" if kind in _MODULUS:
            return _bucket(_MODULUS[kind], reference, style)
        case "bucket" if kind in _FLOATS:
            return _float_bucket(f"{reference}::pg_catalog.float8", style)
    raise RewriteRefused(
        f"the mask {method} cannot be applied to the column {column.name}, whose type is {column.declared}"
    )


def _partial(text: str, style: Style) -> str:
    enough = 2 * (style.first + style.last)
    stars = literal(style.stars, "text")
    shown = stars
    if style.first:
        shown = f"pg_catalog.left({text}, {style.first}) OPERATOR(pg_catalog.||) {shown}"
    if style.last:
        shown = f"{shown} OPERATOR(pg_catalog.||) pg_catalog.right({text}, {style.last})"
    return (
        f"CASE WHEN pg_catalog.char_length({text}) OPERATOR(pg_catalog.>=) {max(enough, 1)} "
        f"THEN {shown} ELSE {stars} END"
    )


def _domain(text: str, style: Style) -> str:
    at = literal("@", "text")
    last = f"pg_catalog.reverse(pg_catalog.split_part(pg_catalog.reverse({text}), {at}, 1))"
    return (
        f"CASE WHEN pg_catalog.strpos({text}, {at}) OPERATOR(pg_catalog.>) 0 THEN {last} "
        f"ELSE {literal(style.stars, 'text')} END"
    )


def _year(kind: str, reference: str) -> str:
    """January the first; of UTC, so that a change of the session's zone tells nothing about the hour."""
    name = {_DATE: "date", _TIMESTAMP: "timestamp", _TIMESTAMPTZ: "timestamptz"}[kind]
    zone = "+00" if kind == _TIMESTAMPTZ else ""
    start = literal("0002-01-01" if kind == _DATE else f"0002-01-01 00:00:00{zone}", name)
    end = literal("9999-01-01" if kind == _DATE else f"9999-01-01 00:00:00{zone}", name)
    if kind == _DATE:
        year = f"pg_catalog.date_part({literal('year', 'text')}, {reference})"
        value = f"pg_catalog.make_date({year}::pg_catalog.int4, 1, 1)"
    elif kind == _TIMESTAMP:
        value = f"pg_catalog.date_trunc({literal('year', 'text')}, {reference})"
    else:
        value = f"pg_catalog.date_trunc({literal('year', 'text')}, {reference}, {literal('UTC', 'text')})"
    return (
        f"CASE WHEN {reference} OPERATOR(pg_catalog.>=) {start} AND {reference} OPERATOR(pg_catalog.<) {end} "
        f"THEN {value} END"
    )


def _bucket(name: str, reference: str, style: Style) -> str:
    """Towards zero by the remainder, which is exact and never leaves the type."""
    width = literal(str(style.width), name)
    return f"{reference} OPERATOR(pg_catalog.-) pg_catalog.mod({reference}, {width})"


def _float_bucket(value: str, style: Style) -> str:
    """Division is kept to numbers that can neither vanish nor overflow; the rest is 0 or NULL."""
    width = literal(str(style.width), "float8")
    size = f"pg_catalog.abs({value})"
    lowered = f"pg_catalog.trunc({value} OPERATOR(pg_catalog./) {width}) OPERATOR(pg_catalog.*) {width}"
    return (
        f"CASE WHEN {size} OPERATOR(pg_catalog.<) {width} THEN {literal('0', 'float8')} "
        f"WHEN {size} OPERATOR(pg_catalog.<) {literal('1e37', 'float8')} THEN {lowered} END"
    )
