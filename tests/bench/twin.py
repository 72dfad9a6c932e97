"""The analysis twin over its real connection: the server's tree of a statement, there and back."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import uvloop

from gateway.config import Datasource
from gateway.config_load import load
from gateway.doors.postgres import nonce
from gateway.links.server import Credentials
from gateway.links.twin import Twin
from gateway.needs import Analysis
from gateway.world import server_address
from tests.bench.figures import Spread, Table, shown, spread
from tests.bench.registry import NOBODY
from tests.bench.stage import Stage
from tests.bench.statements import SIZES

PROFILE = "engineer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyses:
    """What the twin said of each statement, and how long it took."""

    analyses: dict[str, Analysis]
    round_trips: dict[str, Spread]


def ask(stage: Stage, *, seconds: float) -> Analyses:
    """Ask for each statement again and again."""
    source = next(one for one in load(stage.files.config, {}).datasources if one.id == NOBODY)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_ask(source, seconds))


async def _ask(source: Datasource, seconds: float) -> Analyses:
    twin = Twin(
        source,
        address=server_address(source),
        credentials=Credentials(user=source.twin.role, password=None),
        tree_bytes=8 * 1024 * 1024,
        nonce=nonce,
        changed=lambda: None,
    )
    analyses: dict[str, Analysis] = {}
    round_trips: dict[str, Spread] = {}
    try:
        await twin.start()
        for size, text in SIZES.items():
            taken: list[int] = []
            end = time.perf_counter() + seconds
            while time.perf_counter() < end or len(taken) < 30:
                began = time.perf_counter_ns()
                analyses[size] = await twin.analyse(PROFILE, text, ())
                taken.append(time.perf_counter_ns() - began)
            round_trips[size] = spread(taken[len(taken) // 10 :])
    finally:
        twin.close()
    return Analyses(analyses=analyses, round_trips=round_trips)


def table(found: Analyses) -> Table:
    """The round trips."""
    rows, data = [], []
    small = found.round_trips["small"].p50
    for size, trip in found.round_trips.items():
        kilobytes = sum(map(len, found.analyses[size].trees)) / 1000
        relative = trip.p50 / small
        rows.append(
            (size, shown(kilobytes, "{:.1f}"), shown(trip.p50, "{:.0f}"), shown(trip.p99, "{:.0f}"), shown(relative))
        )
        data.append({"statement": size, "tree_kb": kilobytes, "to_small": relative, **trip.data()})
    return Table(
        name="twin",
        title="Analysis twin: Parse and the server's tree, round trip over the Unix socket",
        columns=("statement", "tree kB", "p50 us", "p99 us", "x small"),
        rows=tuple(rows),
        data=tuple(data),
    )
