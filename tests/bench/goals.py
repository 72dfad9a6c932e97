"""What was aimed at, and what this run gave; beside it what a relay gave that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.bench import access, envoy, facts, rest
from tests.bench.figures import Table, shown

_Row = Mapping[str, Any]


def table(tables: Sequence[Table]) -> Table | None:
    """The goals that the sections of this run say something about; None where there are none."""
    rows = []
    data = []
    for title, goal, at_most, section, fits, field, form in _GOALS:
        rows_of = [row for one in tables if one.name == section for row in one.data if fits(row)]
        value, floor = _of(rows_of, "gateway", field), _of(rows_of, "relay", field)
        if value is None and field == _ADDED:
            # PgBouncer was no slower than a direct connection: so all of the latency is compared, not what is added.
            value, floor = _of(rows_of, "gateway", _WHOLE), _of(rows_of, "relay", _WHOLE)
            title, form = title.replace("added latency", "latency, as it adds none:"), _TWO
        if value is None:
            continue
        met = value <= goal if at_most else value >= goal
        sign = "<=" if at_most else ">="
        rows.append(
            (title, f"{sign} {form.format(goal)}", form.format(value), shown(floor, form), "yes" if met else "no")
        )
        data.append({"goal": title, "aim": goal, "value": value, "relay": floor, "met": met})
    if not rows:
        return None
    return Table(
        name="goals",
        title="Goals",
        columns=("", "goal", "here", "a relay", "met"),
        rows=tuple(rows),
        data=tuple(data),
        notes=("A relay: Python on uvloop that hands bytes on and looks at nothing. Nothing here can be faster.",),
    )


def _of(rows: Sequence[_Row], way: str, field: str) -> float | None:
    return next((row[field] for row in rows if row["way"] == way), None)


def _wire(clients: int, protocol: str) -> Callable[[_Row], bool]:
    return lambda row: row["clients"] == clients and row["protocol"] == protocol


def _what(what: str) -> Callable[[_Row], bool]:
    return lambda row: row["what"] == what


def _entry(entry: str) -> Callable[[_Row], bool]:
    return lambda row: row["entry"] == entry


def _any(row: _Row) -> bool:
    return True


_POOLED, _ADDED, _WHOLE = "to_pgbouncer", "added_to_pgbouncer", "latency_to_pgbouncer"
_TWO, _ONE, _NONE = "{:.2f}", "{:.1f}", "{:.0f}"

# title, goal, whether it is a most, section, which of its rows, field, form
_GOALS: tuple[tuple[str, float, bool, str, Callable[[_Row], bool], str, str], ...] = (
    ("prepared, 8 clients: x PgBouncer", 1.0, False, "wire", _wire(8, "prepared"), _POOLED, _TWO),
    ("simple, 8 clients: x PgBouncer", 0.8, False, "wire", _wire(8, "simple"), _POOLED, _TWO),
    ("prepared, 1 client: added latency x PgBouncer's", 1.2, True, "wire", _wire(1, "prepared"), _ADDED, _ONE),
    ("simple, 1 client: added latency x PgBouncer's", 1.2, True, "wire", _wire(1, "simple"), _ADDED, _ONE),
    ("COPY out: x direct", 0.97, False, "copy", _any, "to_direct", _TWO),
    ("logins per second of a core", 300, False, "login", _any, "per_second_of_a_core", _NONE),
    ("memory of an idle session, kB", 100, True, "memory", _any, "each_kb", _NONE),
    (
        "a further execution's entry, 16 a turn: cpu us",
        3,
        True,
        "record-cost",
        _entry("repeat_16"),
        "cpu_us",
        _ONE,
    ),
    ("entries synced in a second", 20_000, False, "record", _entry("groups"), "per_second", _NONE),
    ("wait for one, 5000 in a second: p99 x the disk's", 3, True, "record", _entry("synced"), "to_disk_p99", _ONE),
    ("/v1/authorize: answers of a core x OPA's", 2, False, "rest", _what(rest.REUSED), "per_core_to_opa", _ONE),
    (
        "Check: answers of a core x opa-envoy-plugin's",
        2,
        False,
        "envoy",
        _what(envoy.REUSED),
        "per_core_to_plugin",
        _ONE,
    ),
    ("Check at one load: p99 x the plugin's", 1, True, "envoy", _what(envoy.REUSED), "p99_to_plugin", _TWO),
    (
        "Authorize over gRPC: answers of a core x OPA's",
        2,
        False,
        "access",
        _what(access.REUSED),
        "per_core_to_opa",
        _ONE,
    ),
    ("a hundred questions in one request: x one", 10, True, "batch", _any, "times", _ONE),
    ("a registry of a million entities: CPU s", 10, True, "registry-load", _what(facts.WHOLE), "cpu_seconds", _ONE),
    ("a chain in it, once computed: us", 20, True, "registry-lookup", _what(facts.CHAIN), "p99_us", _ONE),
)
