"""Drafts of tables -> catalog.yaml, every guess with its confidence in a comment; or the same as a JSON document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.draft.guess import quoted
from gateway.draft.seen import ColumnDraft, TableDraft
from gateway.model import Unit

_PLAIN: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*")
_YAML_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_HEAD: Final = """\
# A first draft by `sekisho catalog draft`: guesses from names, types, keys, comments and a sample of values, each with
# how sure it is. Read every line. What has no label is denied until it has one; whose data it is, only you know.
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """What no database says of itself."""

    datasource: str
    controller: str
    storage_countries: tuple[str, ...]


def yaml_text(owner: Owner, tables: Sequence[TableDraft]) -> str:
    """The whole file."""
    lines = [
        "datasources:",
        f"  - id: {owner.datasource}",
        f"    storage_countries: [{', '.join(owner.storage_countries)}]",
        f"    controller: {owner.controller}",
        "    unlabelled: deny",
    ]
    about = [table for table in tables if _is_listed(table)]
    lines.append("    tables:" if about else "    tables: {}")
    for table in about:
        lines.extend(_table(table))
    rest = [table for table in tables if not _is_listed(table)]
    if rest:
        lines.append(
            "    # Nothing points at people in these tables, which is no proof. If that is so, move them above:"
        )
    for table in rest:
        lines.append(f"    #   {_key(table.name)}: {{about: nobody}}{_unread(table)}")
        lines.extend(f"    #     {_suggested(column)}" for column in table.columns if column.guesses)
    return _HEAD + "\n".join(lines) + "\n"


def _is_listed(table: TableDraft) -> bool:
    return table.about_people and any(column.labelled for column in table.columns)


def _table(table: TableDraft) -> Iterator[str]:
    yield f"      {_key(table.name)}: # about people: {table.why}{_unread(table)}"
    if table.subject_key is not None:
        yield f"        subject_key: {_key(table.subject_key)} # {table.key_sure.word}: {table.key_why}"
    if table.unit is not Unit.PERSON:
        yield f"        unit: {table.unit}"
    if table.subjects:
        yield f"        subjects: [{', '.join(table.subjects)}]"
    if table.country_column is not None:
        yield f"        # subject_country_column: {_key(table.country_column)} # if it says whose data the row is"
    yield "        # subject_countries: [] # whose data it is; until then it counts as of an unknown country"
    yield "        columns:"
    for column in table.columns:
        if column.labelled:
            types = ", ".join(sorted(guess.data_type for guess in column.sure))
            yield f"          {_key(column.name)}: [{types}] # {_why(column)}"
        else:
            yield f"          # {_suggested(column)}"


def _suggested(column: ColumnDraft) -> str:
    """A column without a label, as a comment."""
    types = ", ".join(sorted(guess.data_type for guess in column.guesses))
    return f"{_key(column.name)}: [{types}] # {_why(column)}"


def _why(column: ColumnDraft) -> str:
    if column.guesses:
        return "; ".join(f"{guess.sure.word}: {guess.why}" for guess in column.guesses)
    kind = quoted(column.type)
    return f"medium: technical ({kind})" if column.technical else f"nothing known ({kind})"


def _unread(table: TableDraft) -> str:
    return f" (no values read: SQLSTATE {table.unread})" if table.unread else ""


def _key(name: str) -> str:
    """A name as YAML has it. Quoted, none of its characters can end the line or begin something else."""
    if _PLAIN.fullmatch(name) and name not in _YAML_WORDS:
        return name
    return '"' + "".join(_escaped(one) for one in name) + '"'


def _escaped(one: str) -> str:
    if one in '"\\':
        return f"\\{one}"
    return one if one.isprintable() else f"\\U{ord(one):08X}"


def document(owner: Owner, tables: Sequence[TableDraft]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "datasource": owner.datasource,
        "controller": owner.controller,
        "storage_countries": list(owner.storage_countries),
        "tables": [
            {
                "table": table.name,
                "about_people": table.about_people,
                "why": table.why,
                "subject_key": table.subject_key,
                "subject_key_confidence": table.key_sure.word if table.subject_key is not None else None,
                "unit": str(table.unit),
                "subjects": list(table.subjects),
                "subject_country_column": table.country_column,
                "not_sampled": table.unread or None,
                "columns": [_column(column, about_people=table.about_people) for column in table.columns],
            }
            for table in tables
        ],
    }


def _column(column: ColumnDraft, *, about_people: bool) -> dict[str, Any]:
    return {
        "column": column.name,
        "type": column.type,
        "labelled": column.labelled and about_people,
        "technical": column.technical,
        "guesses": [
            {"data_type": guess.data_type, "confidence": guess.sure.word, "why": guess.why} for guess in column.guesses
        ],
    }
