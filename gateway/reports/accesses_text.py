"""The report of accesses in words: an aligned table that reads well in 100 columns, and a document for ``--json``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from gateway.model import JsonValue
from gateway.reports.accesses import Access, AccessReport, Filter, Key

WIDTH: Final = 100
_GAP: Final = "  "
_INDENT: Final = "  "
_MIN_TYPES: Final = 16
_HEADS: Final = ("effect", "decisions", "executions", "rows", "people", "first", "last")
_LEFT: Final = frozenset({"effect", "first", "last"})


def accesses_text(report: AccessReport, *, width: int = WIDTH) -> str:
    """The report for a person, several lines. A data type is never cut; a long one goes on in the next line."""
    lines = ["Who could read what, from where, under whose law", f"{_INDENT}{_filter_text(report.filter)}"]
    cells = [_cells(one) for one in report.accesses]
    sums = ("", *(f"{n:,}" for n in (report.decisions, report.executions, report.rows, report.people)), "", "")
    table = [_HEADS, *cells, sums]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADS))]
    room = max(_MIN_TYPES, width - len(_INDENT) - sum(widths) - len(_GAP) * len(widths))
    if not report.accesses:
        lines += ["", "No access in these entries."]
    else:
        head = _line("data types", _HEADS, widths, room)
        rows = zip(report.accesses, cells, strict=True)
        for (origin, entity, name), group in groupby(rows, key=lambda pair: _place(pair[0].key)):
            law = f"{entity}, {_plain(name)}" if name else entity
            lines += ["", f"origin {', '.join(origin) or 'unknown'}; employer {_plain(law)}", head]
            for access, row in group:
                first, *rest = _types(access.key, room)
                lines.append(_line(first, row, widths, room))
                lines += [f"{_INDENT}{more}" for more in rest]
        lines += ["", _line("in all", sums, widths, room)]
    return "\n".join([*lines, *_remarks(report)])


def accesses_document(report: AccessReport) -> dict[str, JsonValue]:
    """The report as plain values."""
    wanted = report.filter
    return {
        "filter": {
            "since": wanted.since.isoformat() if wanted.since else None,
            "until": wanted.until.isoformat() if wanted.until else None,
            "country": wanted.country,
            "entity": wanted.entity,
            "person": wanted.person,
            "data_type": wanted.data_type,
            "effect": wanted.effect,
        },
        "accesses": [
            {
                "origin": list(one.key.origin),
                "entity": one.key.entity,
                "entity_name": one.key.entity_name,
                "data_types": list(one.key.data_types),
                "about_people": one.key.about_people,
                "unlabelled": one.key.unlabelled,
                "effect": one.key.effect,
                "decisions": one.decisions,
                "executions": one.executions,
                "rows": one.rows,
                "people": one.people,
                "first": _iso(one.first_us),
                "last": _iso(one.last_us),
            }
            for one in report.accesses
        ],
        "totals": {
            "decisions": report.decisions,
            "executions": report.executions,
            "rows": report.rows,
            "people": report.people,
        },
        "refusals": dict(report.refusals),
        "stray_executions": report.stray_executions,
        "stray_rows": report.stray_rows,
        "unreadable_lines": report.unreadable,
    }


def _place(key: Key) -> tuple[tuple[str, ...], str, str]:
    return key.origin, key.entity, key.entity_name


def _cells(one: Access) -> tuple[str, ...]:
    numbers = (f"{number:,}" for number in (one.decisions, one.executions, one.rows, one.people))
    return (one.key.effect, *numbers, _day(one.first_us), _day(one.last_us))


def _line(types: str, row: Sequence[str], widths: Sequence[int], room: int) -> str:
    cells = [
        cell.ljust(width) if head in _LEFT else cell.rjust(width)
        for head, cell, width in zip(_HEADS, row, widths, strict=True)
    ]
    return f"{_INDENT}{_GAP.join([types.ljust(room), *cells])}".rstrip()


def _types(key: Key, room: int) -> list[str]:
    """One data type to a line, with a comma where more follow; broken at a dot where it must be."""
    words = list(key.data_types)
    if key.unlabelled:
        words.append("(columns without a label)")
    if not words:
        words = ["(people, no column)"] if key.about_people else ["(nothing about people)"]
    more = [f"{_plain(word)}," for word in words[:-1]]
    return [piece for word in (*more, _plain(words[-1])) for piece in _broken(word, room)]


def _broken(word: str, room: int) -> Iterable[str]:
    indent = ""
    while len(indent + word) > room:
        cut = word.rfind(".", 1, room - len(indent)) + 1 or room - len(indent)
        yield indent + word[:cut]
        word, indent = word[cut:], _INDENT
    yield indent + word


def _filter_text(wanted: Filter) -> str:
    since = f"since {wanted.since.isoformat()}" if wanted.since else "from the first entry"
    until = f"until {wanted.until.isoformat()}" if wanted.until else "to the last"
    only = {
        "country": wanted.country,
        "entity": wanted.entity,
        "person": wanted.person,
        "data type": wanted.data_type,
        "effect": wanted.effect,
    }
    words = [f"{name} {_plain(value)}" for name, value in only.items() if value is not None]
    return f"{since} {until} (days in UTC)" + (f"; only {', '.join(words)}" if words else "")


def _remarks(report: AccessReport) -> list[str]:
    """What is in no row, said all the same."""
    found = []
    if report.refusals:
        reasons = ", ".join(f"{_plain(reason)} {number:,}" for reason, number in report.refusals.items())
        found.append(f"Refused before a rule was asked, so in no row above: {reasons}.")
    if report.stray_executions or report.stray_rows:
        stray = f"{report.stray_executions:,} executions and {report.stray_rows:,} rows"
        found.append(f"NOT COUNTED ABOVE: {stray} of decisions that are not in these entries.")
    if report.unreadable:
        found.append(f"NOT COUNTED ABOVE: {report.unreadable:,} lines that are no entry; see `sekisho audit verify`.")
    return ["", *found] if found else []


def _day(at_us: int | None) -> str:
    return "-" if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d")


def _iso(at_us: int | None) -> str | None:
    return None if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(word: str) -> str:
    """Without control characters: what lies in a record must not move the cursor of who reads it."""
    return "".join(char if char.isprintable() else " " for char in word)
