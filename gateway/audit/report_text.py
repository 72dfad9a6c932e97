"""The record in words, for the command line: what ``sekisho audit verify`` found, and an entry as a line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from gateway.audit.damage import Bad, BadKind
from gateway.audit.record import Event
from gateway.audit.verify import Report
from gateway.model import JsonValue

EXIT_WHOLE: Final = 0
EXIT_BROKEN: Final = 1
EXIT_UNJUDGED: Final = 3  # nothing there, or not readable; 2 is for wrong use of the command
EXIT_FUTURE: Final = 4  # written by a later version
EXIT_TRUNCATED: Final = 5  # what is there is good, and its end is missing
EXIT_KEY: Final = 6  # signed with a key that was not given
EXIT_CLOCK: Final = 7  # every entry is there and as it was written; the clock went back
_BY_OPERATORS: Final = frozenset({Event.BLOCK, Event.UNBLOCK, Event.ADMIN})
# What has a code of its own where nothing else is wrong.
_CODES: Final = MappingProxyType(
    {
        BadKind.EMPTY: EXIT_UNJUDGED,
        BadKind.UNREADABLE: EXIT_UNJUDGED,
        BadKind.FUTURE_VERSION: EXIT_FUTURE,
        BadKind.CUT: EXIT_TRUNCATED,
        BadKind.TORN_UNMARKED: EXIT_TRUNCATED,
        BadKind.KEY_UNKNOWN: EXIT_KEY,
        BadKind.CLOCK_BACK: EXIT_CLOCK,
    }
)


def exit_code(report: Report) -> int:
    """0 = whole; 1 = broken; 3 to 7 = one thing alone is wrong, see above."""
    if report.ok:
        return EXIT_WHOLE
    codes = {_CODES.get(bad.kind, EXIT_BROKEN) for bad in report.bad}
    return codes.pop() if len(codes) == 1 else EXIT_BROKEN


def verify_text(report: Report) -> str:
    """The report for a person, several lines."""
    good = _count(report.entries, "entry", "entries")
    size = f"{good} in {_count(report.segments, 'segment', 'segments')}"
    by = f"by {_count(report.writers, 'writer', 'writers')}"
    match exit_code(report):
        case 0:
            lines = [f"whole: {size} {by}; every entry is chained to the one before it"]
        case 1:
            lines = [f"BROKEN: {good} found good before the first bad one"]
        case 5:
            lines = [f"CUT: {good} found good; the end is missing"]
        case 7:
            lines = [f"whole, but the clock went back: {size} {by}"]
        case _:
            lines = ["NOT JUDGED: the record, or a part of it, could not be verified"]
    if report.pruned:
        lines.append(f"  pruned: {_count(report.pruned, 'segment', 'segments')}, each told of by an entry of its own")
    if report.heads:
        heads = _count(report.heads, "head", "heads")
        lines.append(f"  signed: {heads} speak for {report.signed} of these entries; later ones are not signed yet")
    lines.extend(_bad_text(bad) for bad in report.bad)
    for torn in report.torn_tails:
        state = (
            "marked when the writer was opened again"
            if torn.marked
            else "to be marked when the writer is opened again (or an entry is being written just now)"
        )
        lines.append(f"  torn tail: {torn.segment} line {torn.line}, {torn.size} bytes, left by a crash; {state}")
    return "\n".join(lines)


def entry_text(entry: Mapping[str, JsonValue]) -> str:
    """One entry as one readable line."""
    at = _moment(entry)
    when = datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z" if at else "-"
    kind = str(entry.get("kind", "?"))
    match kind:
        case "decision" | "refusal":
            said = _decision_words(entry)
        case "repeat":
            said = [entry.get("decision_id"), f"of {entry.get('of')}"]
        case "completion":
            rows, micros = entry.get("rows"), entry.get("duration_us")
            said = [entry.get("decision_id"), f"{rows} rows", entry.get("sqlstate"), f"{micros} us"]
        case "event":
            said = [entry.get("event"), entry.get("door"), entry.get("principal_id"), entry.get("reason")]
            said += [entry.get("detail")] if entry.get("event") in _BY_OPERATORS else []
        case "unreadable_line":
            said = [f"{entry.get('segment')} line {entry.get('line')} is not an entry; see `sekisho audit verify`"]
        case _:
            said = [f"{name}={entry[name]}" for name in ("writer", "segment", "bytes") if name in entry]
    words = [plain(word) for word in said if word not in (None, "")]
    return "  ".join([when, f"{kind:<10}", *words])


def _decision_words(entry: Mapping[str, JsonValue]) -> list[JsonValue]:
    """Of a statement, or of somebody who reads the record."""
    principal, location, statement = (_mapping(entry.get(name)) for name in ("principal", "location", "statement"))
    employer, countries, reading = _mapping(entry.get("employer")), location.get("countries"), entry.get("reading")
    where = ",".join(map(str, countries)) if isinstance(countries, list) and countries else "unknown"
    findings = entry.get("findings")
    rules = [_mapping(finding).get("rule") for finding in findings] if isinstance(findings, list) else []
    return [
        entry.get("decision_id"),
        str(entry.get("effect")).upper(),
        entry.get("reason"),
        entry.get("person") or principal.get("id"),
        f"in {where}" if location and not reading else None,
        f"of {employer['entity']}" if employer.get("entity") else None,
        entry.get("datasource"),
        statement.get("text"),
        _reading_words(_mapping(reading), entry),
        f"rules {','.join(map(str, rules))}" if rules else None,
    ]


def _reading_words(reading: Mapping[str, JsonValue], entry: Mapping[str, JsonValue]) -> str | None:
    if not reading:
        return None
    about = [f"about {reading[name]}" for name in ("principal", "entity") if reading.get(name)]
    asked = _mapping(entry.get("attribution")).get("asked")
    return " ".join(["reads", str(reading.get("what")), *about, f"({asked})" if asked else ""]).rstrip()


def _bad_text(bad: Bad) -> str:
    place = " ".join(
        part
        for part in (
            bad.segment,
            f"line {bad.line}" if bad.line else "",
            "" if bad.seq is None else f"(entry {bad.seq})",
        )
        if part
    )
    return f"  {bad.kind}: {place + ': ' if place else ''}{bad.explanation}"


def plain(word: JsonValue) -> str:
    """Without control characters: what a client says of itself must not move the cursor of who reads the record."""
    return "".join(char if char.isprintable() else " " for char in str(word))


def _moment(entry: Mapping[str, JsonValue]) -> int:
    at = entry.get("at_us")
    return at if isinstance(at, int) and 0 <= at < 253402300800_000_000 else 0


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
