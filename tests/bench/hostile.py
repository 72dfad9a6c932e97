"""What others notice while one person's questions take the rules for ever: new decisions of another, one by one."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from gateway.errors import PolicyUnavailable
from gateway.links.judges import Judges
from gateway.policy.bundle import load_bundle
from tests.bench.figures import Spread, Table, ratio, shown, spread
from tests.golden.policy_cases import document
from tests.packs import add_hostile_rule, copy_policies

_TIMEOUT = 0.5  # seconds a question may take
_PAUSE = 0.005  # between two questions of the other
_AT_ONCE = 4  # hostile questions


def tables(*, seconds: float) -> list[Table]:
    """p50 and p99 of another's decisions, alone and beside."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-hostile-") as directory:
        policies = copy_policies(Path(directory) / "policies")
        add_hostile_rule(policies, "mallory")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            alone, beside, killed = runner.run(_measure(policies, seconds))
    times = ratio(beside.p99, alone.p99)
    rows, data = [], []
    for title, one, more, count in (("alone", alone, 1.0, 0), (f"beside {_AT_ONCE} of them", beside, times, killed)):
        figures = (shown(value / 1000, "{:.2f}") for value in (one.p50, one.p99))
        rows.append((title, *figures, shown(more), str(count)))
        data.append({"what": title, **one.data(), "p99_to_alone": more, "killed": count})
    return [
        Table(
            name="hostile",
            title="New decisions of one person, while another's questions take the rules for ever",
            columns=("", "p50 ms", "p99 ms", "x alone", "killed"),
            rows=tuple(rows),
            data=tuple(data),
            notes=(f"A question may take {_TIMEOUT * 1000:.0f} ms here; then its process is killed and replaced.",),
        )
    ]


async def _measure(policies: Path, seconds: float) -> tuple[Spread, Spread, int]:
    ordinary = document("sato", "users")
    hostile = document("sato", "stickers")
    hostile["principal"]["database_user"] = "mallory"
    hostile["statement"]["relations"] = ["public.stickers"]
    killed = 0

    async with contextlib.aclosing(Judges(load_bundle(policies), timeout=_TIMEOUT)) as judges:
        await judges.start()

        async def abuse() -> None:
            nonlocal killed
            while True:
                try:
                    await judges.judge(hostile, "mallory")
                except PolicyUnavailable:
                    killed += 1

        alone = await _ask(judges, ordinary, seconds)
        async with asyncio.TaskGroup() as group:
            abusers = [group.create_task(abuse()) for _ in range(_AT_ONCE)]
            await asyncio.sleep(2 * _TIMEOUT)
            beside = await _ask(judges, ordinary, seconds)
            for one in abusers:
                one.cancel()
    return alone, beside, killed


async def _ask(judges: Judges, question: Any, seconds: float) -> Spread:
    taken: list[int] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter_ns()
        await judges.judge(question, "ann")
        taken.append(time.perf_counter_ns() - began)
        await asyncio.sleep(_PAUSE)
    return spread(taken)
