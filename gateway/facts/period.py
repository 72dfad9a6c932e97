"""Days and half open periods: [from, to) in UTC days since 1970-01-01."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

DAY: Final = 86_400
FAR_FUTURE: Final = 253_402_300_799  # 9999-12-31T23:59:59Z

_EPOCH: Final = date(1970, 1, 1).toordinal()
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(at: int) -> int:
    """The UTC day a moment lies in."""
    return at // DAY


def parse_day(text: str) -> int | None:
    """``2021-03-17`` as a day, or None. No other form of date is taken."""
    if _ISO_DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        return None


def iso(day: int) -> str:
    """A day as people write it."""
    return date.fromordinal(day + _EPOCH).isoformat()


def age_in_days(day: int | None, today: int) -> int | None:
    """Days since ``day``; None where there is none, or where it had not come yet."""
    return None if day is None or day > today else today - day


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day in force until the first day no longer in force; None = open on that side."""

    start: int | None = None
    end: int | None = None

    def covers(self, day: int) -> bool:
        """True where the day lies in the period."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)

    def meets(self, other: Period) -> bool:
        """True where some day lies in both."""
        return (self.start is None or other.end is None or self.start < other.end) and (
            other.start is None or self.end is None or other.start < self.end
        )

    def edges(self) -> Iterator[int]:
        """The days on which something begins or ceases."""
        if self.start is not None:
            yield self.start
        if self.end is not None:
            yield self.end
