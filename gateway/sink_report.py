"""How the record's sinks stand, read from the folder: a running gateway is not asked, and need not be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.audit.follow import Follower
from gateway.config import Record
from gateway.links.positions import Failing, SinkState, read_state
from gateway.links.sinks.make import kind_of
from gateway.links.sinks.sink import at_us, readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One sink. ``lag_seconds``: age of the oldest entry it does not have."""

    sink: str
    kind: str
    entries: int
    spool_bytes: int
    lag_seconds: float
    acknowledged_at: str | None
    positions: dict[str, int]
    refused: int
    failing: Failing | None
    remote: bool  # statements wait for it


def standings(record: Record, now: float) -> list[Standing]:
    """Of every sink configured. Raises OSError."""
    found = []
    for settings in record.sinks:
        state = read_state(record.directory, settings.name)
        state = state or SinkState(sink=settings.name, kind=kind_of(settings))
        follower = Follower(record.directory, state.writers)
        spool = follower.unread()
        # Of each chain the next one; what a writer has just written is on its way.
        nexts = [at_us(readable(line)) for line in follower.nexts()]
        oldest = min((at for at in nexts if at), default=0)
        found.append(
            Standing(
                sink=settings.name,
                kind=kind_of(settings),
                entries=state.entries,
                spool_bytes=spool,
                lag_seconds=max(0.0, round(now - oldest / 1e6, 3)) if oldest else 0.0,
                acknowledged_at=_when(state.at) if state.at else None,
                positions={writer: position.seq for writer, position in sorted(state.writers.items())},
                refused=state.refused,
                failing=state.failing,
                remote=record.remote is not None and record.remote.sink == settings.name,
            )
        )
    return found


def as_json(found: Sequence[Standing]) -> list[dict[str, Any]]:
    """For programs."""
    return [asdict(one) for one in found]


def text(found: Sequence[Standing]) -> str:
    """For people: a table, and below it what goes wrong."""
    head = ("SINK", "KIND", "HAS", "SPOOL", "LAG", "ACKNOWLEDGED", "STATE")
    rows = [head, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for one in found:
        if one.failing is not None:
            times = f"{one.failing.attempts} attempts" if one.failing.attempts > 1 else "one attempt"
            lines.append(
                f"{one.sink}: {one.failing.reason}, {times} since {_when(one.failing.since)}: {one.failing.detail}"
            )
        if one.refused:
            lines.append(f"{one.sink}: {one.refused} entries were in batches of which it took only a part")
        if one.positions:
            places = ", ".join(f"{writer} {seq}" for writer, seq in one.positions.items())
            lines.append(f"{one.sink}: last entry of each chain: {places}")
    return "\n".join(lines)


def _row(one: Standing) -> tuple[str, ...]:
    state = "failing" if one.failing is not None else "good" if one.entries else "nothing yet"
    return (
        one.sink,
        one.kind,
        str(one.entries),
        _bytes(one.spool_bytes),
        _age(one.lag_seconds),
        one.acknowledged_at or "never",
        f"{state}, statements wait for it" if one.remote else state,
    )


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _bytes(size: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} GiB"


def _age(seconds: float) -> str:
    for unit, length in (("s", 60), ("min", 60), ("h", 48)):
        if seconds < length:
            return f"{seconds:.0f} {unit}"
        seconds /= 60 if unit != "h" else 24
    return f"{seconds:.0f} d"
