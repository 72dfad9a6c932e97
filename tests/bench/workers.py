"""Two workers against one: the same transactions through a gateway of each kind, on the same server."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.bench import registry, wire
from tests.bench.figures import Samples, Table, count, ratio, shown
from tests.bench.stage import SCALE, Stage, Way, start_gateway

_CLIENTS = 16  # so many that connections are spread over two workers about evenly
_WORKERS = 2
_GOAL = 1.7


def run(stage: Stage, *, seconds: int, rounds: int) -> list[Table]:
    """One table for each protocol."""
    with contextlib.ExitStack() as cleanup:
        root = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="sekisho-bench-workers-", dir="/tmp")))
        ways = {"direct": stage.ways["direct"], "one": stage.ways["gateway"], "two": _two(stage, root, cleanup)}
        script = root / "select.sql"
        script.write_text(wire.SELECT_ONLY)
        found = {(mode, name): Samples() for mode in ("simple", "prepared") for name in ways}
        for _ in range(rounds):
            for (mode, name), samples in found.items():
                options = ["-M", mode, "-c", str(_CLIENTS), "-j", "2", "-T", str(seconds), "-D", f"scale={SCALE}"]
                wire.pgbench(stage.pgbench, ways[name], script, options, samples)
    return [_table(mode, {name: found[mode, name] for name in ways}) for mode in ("simple", "prepared")]


def _two(stage: Stage, root: Path, cleanup: contextlib.ExitStack) -> Way:
    """A second gateway with files of its own: a record's folder is one gateway's."""
    folder = root / "gateway"
    folder.mkdir()
    files = registry.write(folder, stage.postgres.socket_directory, stage.postgres.port)
    files.jwks.write_bytes(stage.files.jwks.read_bytes())
    process, workers = start_gateway(files, cleanup, _WORKERS)
    return replace(stage.ways["gateway"], name="two", port=files.port, pid=process.pid, workers=workers)


def _table(mode: str, found: dict[str, Samples]) -> Table:
    names = {"direct": "direct", "one": "Sekisho, one process", "two": f"Sekisho, {_WORKERS} workers"}
    one = found["one"].rate
    cores = len(os.sched_getaffinity(0))
    return Table(
        name="workers",
        title=f"pgbench select-only, {mode} protocol, {_CLIENTS} clients: {_WORKERS} workers",
        columns=("", "tps", "x one process", "cpu us"),
        rows=tuple(
            (names[name], count(each.rate), shown(ratio(each.rate, one)), shown(each.cpu, "{:.1f}"))
            for name, each in found.items()
        ),
        data=tuple(
            {
                "way": name,
                "protocol": mode,
                "per_second": each.rate,
                "rounds": each.rates,
                "to_one": ratio(each.rate, one),
                "cpu_us": each.cpu,
            }
            for name, each in found.items()
        ),
        notes=(
            f"Goal: {_GOAL} x one, where cores allow. {cores} here, which pgbench and the server's sessions share: "
            + ("too few to show it." if cores < 2 * _WORKERS else "one for each worker, and as many for the rest."),
        ),
    )
