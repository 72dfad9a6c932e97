"""The figures as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.figures import Table


def heading(machine: Mapping[str, Any], rounds: int, seconds: int) -> str:
    """What it was measured on."""
    servers = "; ".join(machine[name] or f"no {name}" for name in ("postgresql", "pgbench", "pgbouncer"))
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return "\n".join(
        [
            f"Sekisho {machine['sekisho']}: benchmark ({rounds} interleaved rounds, pgbench runs of {seconds} s)",
            f"  machine   {machine['cores']} cores, {machine['processor']}; {machine['system']}; "
            f"load at start {machine['load_at_start']}",
            f"  software  {machine['python']}, {packages}",
            f"            {servers}",
            f"  gateway   {machine['gateway']}",
            "  ways      client -> TCP loopback -> (pooler or gateway) -> Unix socket -> server; direct: TCP loopback",
            "  server    fsync off; client, gateway and server share the cores: compare ratios, not figures",
        ]
    )


def text(table: Table) -> str:
    """One table."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    out = [table.title]
    for line in lines:
        first = line[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        out.append(f"  {'  '.join((first, *rest))}".rstrip())
    return "\n".join([*out, *(f"  {note}" for note in table.notes)])


def document(machine: Mapping[str, Any], tables: Sequence[Table], seconds: float) -> dict[str, Any]:
    """Everything, for ``--json``."""
    sections: dict[str, list[Any]] = {}
    for table in tables:
        sections.setdefault(table.name, []).append({"title": table.title, "figures": list(table.data)})
    return {"machine": dict(machine), "seconds": round(seconds, 1), "sections": sections}
