"""When to ask somebody who fails again, and when not to ask at all. No clock of its own: time is given.

``Breaker`` opens when several in a row failed: whoever asks then is answered at once, and not after another timeout.
Each further failure doubles the pause. ``Budget`` bounds retries to a share of what is asked, so that retries never are
what keeps a struggling server down.
"""

from __future__ import annotations

from typing import Final

FAILURES: Final = 5  # in a row, of different kinds or people
SHORTEST: Final = 0.5  # seconds it stays open
LONGEST: Final = 15.0
SHARE: Final = 0.1  # retries for each question
MOST: Final = 10.0  # retries saved up


class Breaker:
    """Closed, open, or half open: then one question finds out."""

    def __init__(self) -> None:
        self._failed: set[str] = set()
        self._failures = 0
        self._pause = SHORTEST
        self._closed_again: float | None = None  # when one may ask; None = it is closed
        self._probing = False

    def refuses(self, now: float) -> float:
        """0 where the question may be asked, else the seconds until one may."""
        if self._closed_again is None:
            return 0.0
        if now < self._closed_again:
            return self._closed_again - now
        if self._probing:
            return self._pause
        self._probing = True
        return 0.0

    def good(self) -> None:
        """An answer came."""
        self._failed.clear()
        self._failures, self._pause, self._closed_again, self._probing = 0, SHORTEST, None, False

    def unknown(self) -> None:
        """Nobody waited for the answer: another may find out."""
        self._probing = False

    def bad(self, now: float, about: str) -> None:
        """None came. ``about``: failures about one thing count as one, as the thing may be what is wrong."""
        self._failures += 1
        self._failed.add(about or str(self._failures))
        if self._closed_again is not None:
            self._pause = min(LONGEST, 2 * self._pause)
        elif len(self._failed) < FAILURES:
            return
        self._closed_again, self._probing = now + self._pause, False


class Budget:
    """So many retries for what is asked, and no more."""

    def __init__(self) -> None:
        self._left = MOST

    def asked(self) -> None:
        """A question was asked for the first time."""
        self._left = min(MOST, self._left + SHARE)

    def retry(self) -> bool:
        """Whether one may be asked again; then it counts."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
