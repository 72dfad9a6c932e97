"""An answer as a table for people; as CSV, JSON and NDJSON for programs, row by row as it comes."""

from __future__ import annotations

import csv
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TextIO

from gateway.audit.report_text import plain
from gateway.reports.query.ask import Answer

MOST_ROWS: Final = 1000  # of a table: more is for a program to read
_GAP: Final = "  "
_LEAST: Final = 12  # columns of text are not made narrower than this
_NOTHING: Final = "-"


def table(answer: Answer, *, width: int) -> str:
    """Aligned columns. A long text goes on in the next line; it is never cut."""
    rows = [[_cell(value) for value in row] for row in islice(answer.rows, MOST_ROWS)]
    more = next(answer.rows, None) is not None
    total = [] if answer.total is None else [[_cell(value) for value in answer.total]]
    for line in total:  # under names of groups the sums have none
        line[: _names_before_numbers(answer)] = ["in all", *[""] * (len(line) - 1)][: _names_before_numbers(answer)]
    numbers = [_is_number([row[place] for row in rows]) for place in range(len(answer.names))]
    widths = _widths([list(answer.names), *rows, *total], numbers, width)
    lines = [
        line for row in ([list(answer.names)], rows, total) for one in row for line in _lines(one, widths, numbers)
    ]
    if not rows:
        lines = ["Nothing in these entries."]
    notes = [*answer.notes, *([f"only the first {MOST_ROWS:,} rows: --format csv has all"] if more else [])]
    return "\n".join([*lines, *(["", *(f"note: {note}" for note in notes)] if notes else [])])


def write_csv(answer: Answer, out: TextIO) -> None:
    """A line of names, then the rows; a list is one field, its parts apart by commas."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.names)
    writer.writerows([_flat(value) for value in row] for row in answer.rows)


def write_json(answer: Answer, out: TextIO) -> None:
    """One document: the rows, their sums, and what has to be said of them."""
    out.write('{"rows": [')
    for number, row in enumerate(answer.rows):
        out.write(("," if number else "") + "\n  " + _json(answer, row))
    total = "null" if answer.total is None else _json(answer, answer.total)
    notes = json.dumps(list(answer.notes), ensure_ascii=False)
    out.write(f'\n], "total": {total}, "notes": {notes}}}\n')


def write_ndjson(answer: Answer, out: TextIO) -> None:
    """One document a row."""
    for row in answer.rows:
        out.write(_json(answer, row) + "\n")


WRITERS: Final[Mapping[str, Callable[[Answer, TextIO], None]]] = {
    "csv": write_csv,
    "json": write_json,
    "ndjson": write_ndjson,
}


def _json(answer: Answer, row: Sequence[Any]) -> str:
    return json.dumps(dict(zip(answer.names, row, strict=True)), ensure_ascii=False, default=_as_json)


def _as_json(value: object) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


def _moment(value: datetime) -> str:
    """DuckDB's timestamps have no zone: those of a record are UTC."""
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat().replace("+00:00", "Z")


def _flat(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return ", ".join(str(_flat(part)) for part in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=_as_json)
    return _moment(value) if isinstance(value, datetime) else value


def _cell(value: Any) -> str:
    if value is None or value == "" or value == []:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return plain(_flat(value))


def _names_before_numbers(answer: Answer) -> int:
    """How many columns name a group: they are empty in the sums."""
    return next((place for place, value in enumerate(answer.total or ()) if value is not None), 0)


def _is_number(cells: Sequence[str]) -> bool:
    return any(cell != _NOTHING for cell in cells) and all(
        cell == _NOTHING or cell.replace(",", "").lstrip("-").isdigit() for cell in cells
    )


def _widths(rows: Sequence[Sequence[str]], numbers: Sequence[bool], width: int) -> list[int]:
    """As wide as needed; where that is too much, the widest texts give way."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(numbers))]
    texts = [place for place, number in enumerate(numbers) if not number]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width and texts:
        widest = max(texts, key=lambda place: widths[place])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    return widths


def _lines(cells: Sequence[str], widths: Sequence[int], numbers: Sequence[bool]) -> Iterator[str]:
    wrapped = [textwrap.wrap(cell, size) or [""] for cell, size in zip(cells, widths, strict=True)]
    for number in range(max(map(len, wrapped), default=0)):
        parts = [cell[number] if number < len(cell) else "" for cell in wrapped]
        aligned = [
            part.rjust(size) if right else part.ljust(size)
            for part, size, right in zip(parts, widths, numbers, strict=True)
        ]
        yield _GAP.join(aligned).rstrip()
