"""One large result, and one large COPY: as the server sends them, and relayed by the gateway."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import psycopg

from tests.bench.figures import Samples, Table, count, ratio, shown
from tests.bench.registry import BULK_ROWS, COPY_ROWS
from tests.bench.stage import Stage, Way
from tests.bench.wire import NAMES

_QUERY = "SELECT id, station, taken, note FROM readings"
_COPY = "COPY events TO STDOUT"


def run(stage: Stage, *, rounds: int) -> list[Table]:
    """Rows per second, and their bytes' processor time in between."""
    ways = {name: way for name, way in stage.ways.items() if name != "labelled"}
    found = {name: Samples() for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            _read(way, found[name])
    rows, data = [], []
    for name, samples in found.items():
        against = ratio(samples.rate, found["direct"].rate)
        milliseconds = BULK_ROWS / samples.rate * 1000
        cpu = samples.cpu * BULK_ROWS / 1000 if samples.cpu is not None else None
        rows.append(
            (NAMES[name], shown(milliseconds, "{:.0f}"), count(samples.rate), shown(against), shown(cpu, "{:.0f}"))
        )
        data.append({"way": name, "rows_per_second": samples.rate, "to_direct": against, "cpu_ms": cpu})
    return [
        Table(
            name="bulk",
            title=f"One SELECT of {count(BULK_ROWS)} rows about nobody; and with its text column masked",
            columns=("", "ms", "rows/s", "x direct", "cpu ms"),
            rows=tuple(rows),
            data=tuple(data),
            notes=(
                "The client (libpq) takes in the whole result; server, gateway and client share the cores.",
                "Through a mask, the server works out an expression for every row: most of what it costs is there.",
            ),
        )
    ]


def _read(way: Way, samples: Samples) -> None:
    with psycopg.connect(**way.conninfo(), autocommit=True) as connection:  # type: ignore[arg-type]
        before, began = way.cpu(), time.perf_counter()
        result = connection.pgconn.exec_(_QUERY.encode())
        taken, after = time.perf_counter() - began, way.cpu()
        if result.ntuples != BULK_ROWS:
            raise RuntimeError(f"{way.name}: {result.ntuples} rows, {result.error_message!r}")
    samples.rates.append(BULK_ROWS / taken)
    if before is not None and after is not None:
        samples.cpu_us.append((after - before) * 1e6 / BULK_ROWS)


def copy(stage: Stage, psql: Path, *, rounds: int) -> list[Table]:
    """COPY out: rows per second of the whole, by psql, which throws them away."""
    ways = {name: way for name, way in stage.ways.items() if name not in ("labelled", "masked")}
    found = {name: Samples() for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            _copy(psql, way, found[name])
    rows, data = [], []
    for name, samples in found.items():
        against = ratio(samples.rate, found["direct"].rate)
        cpu = samples.cpu * COPY_ROWS / 1000 if samples.cpu is not None else None
        cells = (shown(COPY_ROWS / samples.rate * 1000, "{:.0f}"), count(samples.rate), shown(against))
        rows.append((NAMES[name], *cells, shown(cpu, "{:.0f}")))
        data.append({"way": name, "rows_per_second": samples.rate, "to_direct": against, "cpu_ms": cpu})
    return [
        Table(
            name="copy",
            title=f"COPY of {count(COPY_ROWS)} rows about nobody",
            columns=("", "ms", "rows/s", "x direct", "cpu ms"),
            rows=tuple(rows),
            data=tuple(data),
            notes=("A message a row. psql, server and what stands in between share the cores.",),
        )
    ]


def _copy(psql: Path, way: Way, samples: Samples) -> None:
    before, began = way.cpu(), time.perf_counter()
    done = subprocess.run(
        [psql, "-X", "-q", "-c", _COPY],
        env=way.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
    )
    taken, after = time.perf_counter() - began, way.cpu()
    if done.returncode != 0:
        raise RuntimeError(f"{way.name}: {done.stderr.decode(errors='replace')}")
    samples.rates.append(COPY_ROWS / taken)
    if before is not None and after is not None:
        samples.cpu_us.append((after - before) * 1e6 / COPY_ROWS)
