"""What the hot path counts with: one addition each. What a scrape makes of it is `gateway.tallies`.

Counted on the loop alone, and read from any thread.
"""

from __future__ import annotations

from bisect import bisect_left


class Tally:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        """Count so many more."""
        self.value += amount


class Times:
    """One series of a histogram."""

    __slots__ = ("_bounds", "counts", "examples", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.examples: dict[int, tuple[str, float]] = {}  # of a bucket: the last decision that came with its id

    def observe(self, seconds: float, times: int = 1, example: str = "") -> None:
        """That took so long, ``times`` times over."""
        bucket = bisect_left(self._bounds, seconds)
        self.counts[bucket] += times
        self.total += seconds * times
        if example:
            self.examples[bucket] = example, seconds


class Repetitions:
    """Of further executions under decisions that stand, at one door and recorded in one way."""

    __slots__ = ("_took", "_within")

    def __init__(self, within: tuple[Tally, ...], took: tuple[Times, ...]) -> None:
        """``within``: the series that each is counted in; ``took``: those of the time it needed."""
        self._within = within
        self._took = took

    def count(self, seconds: float, times: int) -> None:
        """So many more, each recorded within this time."""
        for tally in self._within:
            tally.value += times
        for took in self._took:
            took.observe(seconds, times)


class Endings:
    """Of statements that ended at the server without an error, at one door."""

    __slots__ = ("_rows", "_statements")

    def __init__(self, statements: Tally, rows: Tally) -> None:
        self._statements = statements
        self._rows = rows

    def count(self, rows: int) -> None:
        """One more, after so many rows."""
        self._statements.value += 1
        self._rows.value += rows


class Traffic:
    """Of accesses to data about people under one decision: who sees whose, of what kind."""

    __slots__ = ("_accesses", "_bytes", "_rows")

    def __init__(self, accesses: tuple[Tally, ...], rows: tuple[Tally, ...], sent_bytes: tuple[Tally, ...]) -> None:
        self._accesses = accesses
        self._rows = rows
        self._bytes = sent_bytes

    def passed(self) -> None:
        """One more access, allowed or denied."""
        for tally in self._accesses:
            tally.value += 1

    def returned(self, rows: int, sent_bytes: int) -> None:
        """So much of it went out."""
        for tally in self._rows:
            tally.value += rows
        for tally in self._bytes:
            tally.value += sent_bytes
