"""What the others notice while one person sends statements that nobody knows, at full rate over several connections."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from tests.bench.figures import Spread, Table, ratio, shown, spread
from tests.bench.registry import DATABASE
from tests.bench.stage import Stage, Way

_KNOWN = "SELECT abalance FROM pgbench_accounts WHERE aid = 815"
_UNKNOWN = "SELECT abalance AS m{} FROM pgbench_accounts WHERE aid = 815"
_PAUSE = 0.004  # between two statements: a person, and within the rate of unknown statements
_ABUSES: Mapping[str, tuple[str, str, int]] = {
    "alone": ("nobody else", "", 0),
    "new": ("new statements, 8 connections", "new", 8),
    "new_many": ("new statements, 80 connections", "new", 80),
    "refused": ("refused texts of 4 kB, 8 connections", "refused", 8),
    "refused_many": ("refused texts of 4 kB, 80 connections", "refused", 80),
    "long": ("new texts of 100 kB, 4 connections", "long", 4),
    "locked": ("statements on a locked table, 8 connections", "locked", 8),
}


def run(stage: Stage, *, seconds: int, rounds: int) -> list[Table]:
    """p50 and p99 of a known and of an unknown statement, with and without each kind of abuse."""
    if stage.abuser is None:
        raise RuntimeError("there is no gateway to abuse")
    taken: dict[tuple[str, str], list[int]] = {(name, what): [] for name in _ABUSES for what in ("known", "unknown")}
    abuse: dict[str, dict[str, int]] = {}
    numbers = itertools.count(1)
    with psycopg.connect(**stage.ways["gateway"].conninfo(), autocommit=True) as connection:  # type: ignore[arg-type]
        for _ in range(rounds):
            for name, (_, kind, connections) in _ABUSES.items():
                with _locked(stage, kind), _abuser(stage.abuser, kind, connections) as counts:
                    _measure(connection, seconds, numbers, taken[name, "known"], taken[name, "unknown"])
                for key, count in counts.items():
                    abuse.setdefault(name, {}).setdefault(key, 0)
                    abuse[name][key] += count
    return [_table(taken, abuse, seconds * rounds)]


def _measure(
    connection: psycopg.Connection[Any], seconds: int, numbers: Iterator[int], known: list[int], unknown: list[int]
) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _ask(connection, _KNOWN, known)
        time.sleep(_PAUSE)
        _ask(connection, _UNKNOWN.format(next(numbers)), unknown)
        time.sleep(2 * _PAUSE)


def _ask(connection: psycopg.Connection[Any], text: str, taken: list[int]) -> None:
    began = time.perf_counter_ns()
    result = connection.pgconn.exec_(text.encode())
    taken.append(time.perf_counter_ns() - began)
    if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
        raise RuntimeError(f"refused although it is another's abuse: {result.error_message.decode()}")


@contextlib.contextmanager
def _abuser(way: Way, kind: str, connections: int) -> Iterator[dict[str, int]]:
    """While this lasts, somebody else abuses the gateway; afterwards the counts say how often."""
    counts: dict[str, int] = {}
    if not connections:
        yield counts
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.abuser"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        how = {"conninfo": way.conninfo(), "kind": kind, "connections": connections}
        process.stdin.write(json.dumps(how) + "\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("the abuser could not connect")
        yield counts
        process.stdin.close()
        counts.update(json.loads(process.stdout.read()))


@contextlib.contextmanager
def _locked(stage: Stage, kind: str) -> Iterator[None]:
    if kind != "locked":
        yield
        return
    with psycopg.connect(stage.postgres.dsn(DATABASE)) as admin:
        admin.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        yield
        admin.rollback()


def _table(taken: Mapping[tuple[str, str], list[int]], abuse: Mapping[str, dict[str, int]], seconds: int) -> Table:
    spreads: dict[tuple[str, str], Spread] = {key: spread(values) for key, values in taken.items()}
    rows, data = [], []
    for name, (title, _, _) in _ABUSES.items():
        known, unknown = spreads[name, "known"], spreads[name, "unknown"]
        alone = spreads["alone", "known"], spreads["alone", "unknown"]
        ratios = ratio(known.p99, alone[0].p99), ratio(unknown.p99, alone[1].p99)
        counts = abuse.get(name, {})
        rows.append(
            (
                title,
                *(shown(value / 1000, "{:.2f}") for value in (known.p50, known.p99)),
                shown(ratios[0]),
                *(shown(value / 1000, "{:.2f}") for value in (unknown.p50, unknown.p99)),
                shown(ratios[1]),
                shown(counts["run"] / seconds if counts else None, "{:.0f}"),
                shown(counts["refused"] / seconds if counts else None, "{:.0f}"),
            )
        )
        data.append(
            {
                "abuse": name,
                "known": known.data(),
                "unknown": unknown.data(),
                "known_p99_to_alone": ratios[0],
                "unknown_p99_to_alone": ratios[1],
                **counts,
            }
        )
    return Table(
        name="abuse",
        title="One person at full rate, and what another notices (a known and an unknown statement in turn)",
        columns=("", "known p50 ms", "p99 ms", "x alone", "unknown p50 ms", "p99 ms", "x alone", "abuser's/s", "no/s"),
        rows=tuple(rows),
        data=tuple(data),
        notes=(
            "abuser's/s: statements of the abuser that were run; no/s: those that were refused.",
            "The abuser, the gateway, its reading process and the server share the cores.",
        ),
    )
