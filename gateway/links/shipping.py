"""How much is sent to a sink at a time, and how long to wait when that failed. Pure: chance is given.

A batch that is too large is halved until it is not, down to one entry, and the halves grow again when they arrive. Any
other failure is waited out, twice as long each time up to a bound, and never in step with other gateways. Nothing is
given up: an entry that a sink does not take stays the next one, and says so in metrics, until somebody sees to it.
"""

from __future__ import annotations

from typing import Final

from gateway.sink_metrics import Trouble

SHORTEST: Final = 0.1  # seconds
LONGEST: Final = 30.0
LONGEST_REMOTE: Final = 1.0  # where statements wait for the sink: it is found again soon
LONGEST_ASKED: Final = 300.0  # that another end may keep us away for


class Pace:
    """Of one sink."""

    def __init__(self, most: int, *, remote: bool) -> None:
        self._most = most
        self._longest = LONGEST_REMOTE if remote else LONGEST
        self._failures = 0
        self.entries = most  # of the next batch

    @property
    def failing(self) -> bool:
        """Whether the last batch did not arrive."""
        return self._failures > 0

    def arrived(self) -> None:
        """A batch did."""
        self._failures = 0
        self.entries = min(self._most, self.entries * 2)

    def failed(self, trouble: Trouble, sent: int, chance: float, after: float = 0.0) -> float:
        """A batch of so many entries did not: seconds to wait. ``chance``: 0 to 1; ``after``: what it asked for."""
        if trouble is Trouble.TOO_LARGE and sent > 1:
            self.entries = sent // 2
            return 0.0
        self._failures += 1
        wait = min(self._longest, SHORTEST * 2.0 ** min(self._failures - 1, 20)) * (0.5 + chance / 2)
        return max(wait, min(after, LONGEST_ASKED))
