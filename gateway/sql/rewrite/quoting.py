"""Names, constants and types as SQL text that means the same whatever the search_path is."""

from __future__ import annotations

import re
from typing import Final

from gateway.sql.catalog import Catalog, Column

# Types that the grammar itself knows, with their modifiers: no schema can shadow these words.
_KEYWORDS: Final = re.compile(
    r"(?:smallint|integer|bigint|real|double precision|boolean|numeric|interval|character varying|bit varying"
    r"|time|timestamp|character(?=\()|bit(?=\())(?: ?\([0-9, -]+\)| (?:with|without) time zone"
    r"| (?:year|month|day|hour|minute|second|to))*(?:\[\])*"
)


def identifier(name: str) -> str:
    """A name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str, kind: str) -> str:
    """A constant of a built-in type, read by that type's own input."""
    if "\\" in text or "\0" in text:
        raise ValueError("a constant with a backslash or NUL depends on the session's settings")
    quoted = "'" + text.replace("'", "''") + "'"
    return f"{quoted}::pg_catalog.{kind}"


def declared_type(catalog: Catalog, column: Column) -> str | None:
    """The column's type with its modifier, or None where nothing may be converted to it: domains, unknown types."""
    kind = catalog.types.get(column.type)
    if kind is None or not column.declared or catalog.type_problem(column.type, converted=True) is not None:
        return None
    if kind.kind == "d" and not kind.built_in:
        return None  # it may refuse what a mask makes, NULL too
    if _KEYWORDS.fullmatch(column.declared):
        return column.declared
    if "(" in column.declared:
        return None  # a modifier of a type that is not known here
    return f"{identifier(kind.schema)}.{identifier(kind.name)}"


def typed(expression: str, kind: str, column: Column) -> str:
    """An expression converted to a column's type, with the column's collation where that is not the database's."""
    converted = f"CAST({expression} AS {kind})"
    return f"({converted} COLLATE {column.collation})" if column.collation else converted
