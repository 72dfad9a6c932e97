"""pgbench, select-only: the same transactions directly, through PgBouncer, and through the gateway."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.bench.figures import Samples, Table, count, ratio, shown
from tests.bench.stage import SCALE, Stage, Way

# The text of `pgbench -S`; as a file, because the built-in script first asks the catalogs for partitions.
SELECT_ONLY = "\\set aid random(1, 100000 * :scale)\nSELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
_LOGIN = "SELECT 1;\n"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE = re.compile(r"^number of transactions actually processed: ([0-9]+)", re.MULTILINE)
NAMES: Mapping[str, str] = {
    "direct": "direct",
    "pgbouncer": "PgBouncer (session pool)",
    "relay": "a relay that looks at nothing",
    "gateway": "Sekisho, table about nobody",
    "labelled": "Sekisho, table about people (synced)",
    "masked": "Sekisho, through a mask",
}
_LOGIN_CLIENTS = 4


def run(stage: Stage, *, seconds: int, rounds: int) -> list[Table]:
    """One table for each number of clients and protocol."""
    cells = [(clients, mode) for clients in (8, 1) for mode in ("simple", "prepared")]
    ways = {name: way for name, way in stage.ways.items() if name != "masked"}
    found = {(cell, way): Samples() for cell in cells for way in ways}
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-script-") as folder:
        script = Path(folder) / "select.sql"
        script.write_text(SELECT_ONLY)
        for _ in range(rounds):
            for clients, mode in cells:
                options = ["-M", mode, "-c", str(clients), "-j", "1", "-T", str(seconds), "-D", f"scale={SCALE}"]
                for name, way in ways.items():
                    pgbench(stage.pgbench, way, script, options, found[(clients, mode), name])
    notes = _notes(stage)
    return [_table(clients, mode, {way: found[(clients, mode), way] for way in ways}, notes) for clients, mode in cells]


def logins(stage: Stage, *, seconds: int, rounds: int) -> list[Table]:
    """Connections per second, each with one statement. PgBouncer logs in at the server once, the others each time."""
    found = {way: Samples() for way in stage.ways}
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-script-") as folder:
        script = Path(folder) / "login.sql"
        script.write_text(_LOGIN)
        options = ["-C", "-c", str(_LOGIN_CLIENTS), "-j", "1", "-T", str(seconds)]
        for _ in range(rounds):
            for name, way in stage.ways.items():
                if name not in ("labelled", "masked"):
                    pgbench(stage.pgbench, way, script, options, found[name])
    rows, data = [], []
    for name, samples in found.items():
        if not samples.rates:
            continue
        against = ratio(samples.rate, found["direct"].rate)
        per_core = 1e6 / samples.cpu if samples.cpu else None
        cells = (count(samples.rate), shown(against), shown(samples.cpu, "{:.0f}"), shown(per_core, "{:.0f}"))
        rows.append((NAMES[name].split(",")[0], *cells))
        data.append(
            {
                "way": name,
                "per_second": samples.rate,
                "to_direct": against,
                "cpu_us": samples.cpu,
                "per_second_of_a_core": per_core,
            }
        )
    return [
        Table(
            name="login",
            title=f"Logins: connect, log in, SELECT 1, leave; {_LOGIN_CLIENTS} clients",
            columns=("", "logins/s", "x direct", "cpu us", "logins/s of a core"),
            rows=tuple(rows),
            data=tuple(data),
            notes=(
                "Sekisho: an ES256 token checked, a session at the server opened, the login's entry synced.",
                "Direct: SCRAM. PgBouncer: no check, and server connections are kept. Relay: no check.",
                "Of a core: what the processor time of what stands in between would allow, if it had a core to itself.",
            ),
        )
    ]


def pgbench(program: Path, way: Way, script: Path, options: list[str], samples: Samples) -> None:
    before = way.cpu()
    done = subprocess.run(
        [program, "-n", "-f", script, *options], env=way.environment(), capture_output=True, text=True, cwd="/"
    )
    after = way.cpu()
    tps, transactions = _TPS.search(done.stdout), _DONE.search(done.stdout)
    if done.returncode != 0 or tps is None or transactions is None:
        raise RuntimeError(f"pgbench, {way.name}: {done.stderr.strip()[-2000:]}")
    samples.rates.append(float(tps[1]))
    if before is not None and after is not None and int(transactions[1]):
        samples.cpu_us.append((after - before) * 1e6 / int(transactions[1]))


def _table(clients: int, mode: str, found: Mapping[str, Samples], notes: tuple[str, ...]) -> Table:
    direct = found["direct"].rate
    pooler = found["pgbouncer"].rate if "pgbouncer" in found else 0.0
    added_by_pooler = clients * 1e6 / pooler - clients * 1e6 / direct if pooler else 0.0
    rows, data = [], []
    for name, samples in found.items():
        rate = samples.rate
        added = clients * 1e6 / rate - clients * 1e6 / direct
        rows.append(
            (
                NAMES[name],
                count(rate),
                shown(ratio(rate, direct)),
                shown(ratio(rate, pooler)),
                shown(clients * 1e6 / rate, "{:.0f}"),
                shown(added if name != "direct" else None, "{:+.0f}"),
                shown(_times(added, added_by_pooler) if name != "direct" else None, "{:.1f}"),
                shown(samples.cpu, "{:.1f}"),
            )
        )
        data.append(
            {
                "way": name,
                "clients": clients,
                "protocol": mode,
                "per_second": rate,
                "rounds": samples.rates,
                "to_direct": ratio(rate, direct),
                "to_pgbouncer": ratio(rate, pooler),
                "added_us": added,
                "added_to_pgbouncer": _times(added, added_by_pooler),
                "latency_to_pgbouncer": ratio(pooler, rate),
                "cpu_us": samples.cpu,
            }
        )
    return Table(
        name="wire",
        title=f"pgbench select-only, {mode} protocol, {clients} client{'s' if clients > 1 else ''}",
        columns=("", "tps", "x direct", "x PgBouncer", "latency us", "added us", "x its added", "cpu us"),
        rows=tuple(rows),
        data=tuple(data),
        notes=notes if (clients, mode) == (1, "prepared") else (),
    )


def _times(added: float, by_pooler: float) -> float | None:
    """How many times what the pooler adds; None where it adds nothing (its server connections are warm, and a run has
    its noise): then a quotient says nothing."""
    return added / by_pooler if by_pooler > 0 else None


def _notes(stage: Stage) -> tuple[str, ...]:
    notes = [
        "tps: median of the rounds. cpu us: processor time of what stands in between, per statement, all its threads.",
        "Simple: every text is another one (its constant).",
        "The relay: Python on uvloop that hands bytes on. What it costs, nothing in Python can do without.",
    ]
    if "pgbouncer" not in stage.ways:
        notes.append("PgBouncer is not installed (Debian package pgbouncer): skipped.")
    return tuple(notes)
