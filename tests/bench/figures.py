"""Values: medians of interleaved rounds, percentiles of many single calls, and one line of the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the report. ``rows`` hold text for people; ``data`` the same as numbers."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    data: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Percentiles of many calls, in microseconds."""

    calls: int
    p50: float
    p99: float

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"calls": self.calls, "p50_us": round(self.p50, 2), "p99_us": round(self.p99, 2)}


@dataclass(slots=True)
class Samples:
    """What the rounds gave for one subject."""

    rates: list[float] = field(default_factory=list)  # per second
    cpu_us: list[float] = field(default_factory=list)  # of the process in between, per item

    @property
    def rate(self) -> float:
        """The median rate; 0 where there is none."""
        return median(self.rates) if self.rates else 0.0

    @property
    def cpu(self) -> float | None:
        """The median of processor time per item, where it is known."""
        return median(self.cpu_us) if self.cpu_us else None


def spread(nanoseconds: Sequence[int]) -> Spread:
    """Percentiles of single calls."""
    ordered = sorted(nanoseconds)
    last = len(ordered) - 1
    return Spread(
        calls=len(ordered), p50=ordered[last // 2] / 1000, p99=ordered[min(last, int(last * 0.99 + 0.5))] / 1000
    )


def timed(call: Callable[[int], object], *, seconds: float, least: int = 30, most: int = 20_000) -> Spread:
    """Call again and again, each call timed by itself; ``call`` gets its number. The first tenth only warms up."""
    taken: list[int] = []
    clock = time.perf_counter_ns
    end = clock() + int(seconds * 1e9)
    number = 0
    while (clock() < end or number < least) and number < most:
        began = clock()
        call(number)
        taken.append(clock() - began)
        number += 1
    return spread(taken[len(taken) // 10 :])


def ratio(value: float, base: float) -> float | None:
    """``value / base``, where both are known."""
    return value / base if value and base else None


def shown(value: float | None, form: str = "{:.2f}") -> str:
    """A number for people; a dash where there is none."""
    return form.format(value) if value is not None else "-"


def count(value: float) -> str:
    """A rate for people: 12 345."""
    return f"{value:,.0f}".replace(",", " ") if value else "-"
