"""What a session that does nothing costs in memory: of what stands in between, not of the server."""

from __future__ import annotations

import contextlib

import psycopg

from tests.bench.figures import Table, shown
from tests.bench.machine import memory_kb
from tests.bench.stage import Stage, Way
from tests.bench.wire import NAMES

SESSIONS = 1000


def run(stage: Stage) -> list[Table]:
    """Resident memory before and with so many sessions, each of which has run one statement."""
    rows, data = [], []
    for name in ("pgbouncer", "gateway"):
        way = stage.ways.get(name)
        if way is None or way.pid is None or memory_kb(way.pid) is None:
            continue
        before, after = _measure(way, way.pid)
        each = (after - before) / SESSIONS
        shown_each = (shown(each, "{:.1f}"), shown((after - before) / 1024, "{:.0f}"))
        label = NAMES[name].split(",")[0]
        rows.append((label, shown(before / 1024, "{:.0f}"), shown(after / 1024, "{:.0f}"), *shown_each))
        data.append({"way": name, "sessions": SESSIONS, "before_kb": before, "after_kb": after, "each_kb": each})
    return [
        Table(
            name="memory",
            title=f"Memory of {SESSIONS} idle sessions",
            columns=("", "MB before", "MB with them", "kB each", "MB of them"),
            rows=tuple(rows),
            data=tuple(data),
            notes=("Resident memory of the process. PgBouncer's idle sessions hold no connection to the server.",),
        )
    ]


def _measure(way: Way, pid: int) -> tuple[int, int]:
    before = memory_kb(pid) or 0
    with contextlib.ExitStack() as sessions:
        for _ in range(SESSIONS):
            session = psycopg.connect(**way.conninfo(), autocommit=True)  # type: ignore[arg-type]
            sessions.enter_context(contextlib.closing(session))
            if way.name != "pgbouncer":
                session.execute("SELECT 1")
        return before, memory_kb(pid) or 0
