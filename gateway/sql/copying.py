"""COPY: what the server is to be asked about in its place, since it prints no tree for COPY itself.

``COPY (query) TO STDOUT`` is judged as the query inside; ``COPY t TO STDOUT`` as a SELECT of those columns from only
that table, which is all that COPY reads; ``COPY t FROM STDIN`` as an INSERT of one parameter for each column, so that
defaults, checks, triggers and the types that the data are converted to are seen. Without a list of columns the INSERT
names none, and `facts` adds every column of the table.

Options are allowed by name: how values are written, never what is done with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.sql.inner import same_tree
from gateway.sql.settings import UTF8_NAMES

COPY_OUT: Final = "copy_out"
COPY_IN: Final = "copy_in"
COPY_IN_WHOLE: Final = "copy_in_whole"  # no columns listed: all of them

_OPTIONS: Final = frozenset({"format", "header", "delimiter", "null", "quote", "escape", "encoding"})
_FORCED: Final = frozenset({"force_quote", "force_null", "force_not_null"})
_FORMATS: Final = frozenset({"text", "csv", "binary"})
_MAX_TRIES: Final = 32


@dataclass(frozen=True, slots=True)
class Copy:
    """What stands for a COPY: a part of its text, or a text made for it."""

    kind: str
    begin: int = 0
    end: int = 0
    asked: str = ""


def read_copy(text: str, body: Mapping[str, Any], parse: Callable[[str], list[dict[str, Any]]]) -> Copy | str:
    """What stands for this COPY, or what of it is not let through. ``parse`` gives [] for what fails."""
    problem = _problem(body)
    if problem:
        return f"COPY {problem} is not let through"
    query = body.get("query")
    if query is not None:
        found = _between(text, query, parse)
        return Copy(COPY_OUT, *found) if found else "COPY whose query could not be told apart is not let through"
    relation = body.get("relation", {})
    table = ".".join(_quoted(relation[part]) for part in ("schemaname", "relname") if relation.get(part))
    columns = [_quoted(str(item.get("String", {}).get("sval", ""))) for item in body.get("attlist", [])]
    if not body.get("is_from"):
        return Copy(COPY_OUT, asked=f"SELECT {', '.join(columns) or '*'} FROM ONLY {table}")  # noqa: S608 - quoted
    if not columns:
        return Copy(COPY_IN_WHOLE, asked=f"INSERT INTO {table} DEFAULT VALUES")
    values = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return Copy(COPY_IN, asked=f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})")  # noqa: S608 - quoted


def _problem(body: Mapping[str, Any]) -> str:
    """What of a COPY is not let through, in SQL's words; empty where nothing is."""
    if body.get("is_program"):
        return "with PROGRAM"
    if body.get("filename"):
        return "with a file of the server"
    if body.get("whereClause"):
        return "with WHERE"
    if body.get("relation", {}).get("catalogname"):
        return "of another database"
    for option in body.get("options", []):
        element = option.get("DefElem", {}) if isinstance(option, dict) else {}
        name, argument = str(element.get("defname", "")), element.get("arg", {})
        value = str(argument.get("String", {}).get("sval", "")).lower() if isinstance(argument, dict) else ""
        if name not in _OPTIONS | _FORCED:
            return f"with {_shown(name)}"
        if name == "format" and value not in _FORMATS:
            return "in that format"
        if name == "encoding" and value not in UTF8_NAMES:
            return "in an encoding other than UTF8"
    return ""


def _between(text: str, query: Any, parse: Callable[[str], list[dict[str, Any]]]) -> tuple[int, int] | None:
    """From and to of the query inside: after a parenthesis that opens, before one that closes, proved by parsing."""
    opened = text.find("(")
    for _ in range(_MAX_TRIES):
        if opened < 0:
            return None
        closed = text.rfind(")")
        for _ in range(_MAX_TRIES):
            if closed <= opened:
                break
            if same_tree(text[opened + 1 : closed], query, parse):
                return opened + 1, closed
            closed = text.rfind(")", 0, closed)
        opened = text.find("(", opened + 1)
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(name: str) -> str:
    """An option as it may be repeated to the person."""
    return "".join(c if c.isalnum() or c == "_" else "?" for c in name[:63]).upper()
