"""``python -m tests.bench``: see the package's docstring."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time

from tests.bench import goals, report, sections
from tests.bench.figures import Table
from tests.bench.machine import describe
from tests.bench.stage import Stage, stage
from tests.servers import ROOT


def main() -> int:
    """Measure what was asked for; 0, or a traceback where something did not run at all."""
    options = _options()
    names = frozenset(options.only or sections.NAMES)
    effort = sections.Effort(seconds=options.seconds, rounds=options.rounds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then, too
    os.chdir(ROOT)  # the gateway that is started is the one of this checkout
    began = time.monotonic()

    def say(what: str) -> None:
        if not options.json:
            print(f"... {what}", file=sys.stderr, flush=True)

    tables: list[Table] = []
    with contextlib.ExitStack() as cleanup:
        running: Stage | None = None
        if sections.needs_database(names):
            say("starting PostgreSQL 18, PgBouncer and the gateway")
            running = cleanup.enter_context(stage(gateway=sections.needs_gateway(names)))
        machine = describe(
            pgbouncer=running.pgbouncer if running is not None else None,
            pgbench=running.pgbench if running is not None else None,
            postgres=running.postgres.bin / "postgres" if running is not None else None,
        )
        if not options.json:
            print(report.heading(machine, effort.rounds, effort.seconds))
        for table in sections.run(names, running, effort, say):
            tables.append(table)
            if not options.json:
                print(f"\n{report.text(table)}", flush=True)
    reached = goals.table(tables)
    if reached is not None:
        tables.append(reached)
        if not options.json:
            print(f"\n{report.text(reached)}", flush=True)
    seconds = time.monotonic() - began
    if options.json:
        print(json.dumps(report.document(machine, tables, seconds), indent=2))
    else:
        print(f"\n{seconds:.0f} s in all")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What the gateway costs, as ratios.")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--only", action="append", choices=sections.NAMES, metavar="NAME", help="one section; repeat")
    parser.add_argument("--seconds", type=_positive, default=1, metavar="N", help="length of one pgbench run")
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="interleaved rounds")
    return parser.parse_args()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
