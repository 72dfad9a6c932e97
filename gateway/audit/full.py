"""A disk without room: what a write that failed has left in its segment, and what the record owes until there is room.

A write that fails may have come half-way. What landed stays, since a reader may have shipped it already: whole lines
are entries, though nobody was told that they are written, and what is behind the last of them is a torn tail, which the
next segment marks. Everything else of that write is refused, and whoever waited for it is told so. Entries that nobody
waits for (how a statement ended, who left) are owed, and written later. The first entry after it says for how long
there was no room, and how many entries were refused.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.audit.chain import canonical, read_line
from gateway.audit.damage import CLOCK_BACK, CLOCK_TOLERANCE_US, GAP, TornTail
from gateway.audit.record import SCHEMA_VERSION
from gateway.errors import Reason, RecordUnavailable
from gateway.model import JsonValue

MAX_OWED: Final = 100_000  # entries kept in memory; those beyond are counted, and the entry says how many were lost
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_log = logging.getLogger(__name__)

OnDurable = Callable[[BaseException | None], None]


def is_full(error: OSError) -> bool:
    """Whether the disk, or our part of it, is full: what passes by itself when somebody makes room."""
    return error.errno in _NO_ROOM


@dataclass(slots=True)
class Batch:
    """What goes with one write before that which is asked for now, in this order: marks of the writer's own, what
    nobody waits for, who was patient. So times go forward in it, too."""

    noted: list[str]
    first: list[str] = field(default_factory=list)
    patient: list[str] = field(default_factory=list)

    @property
    def bodies(self) -> list[str]:
        """All of it."""
        return self.first + self.noted + self.patient

    def begin(self, latest_us: int, at_us: int, full: Full | None) -> None:
        """What has to be said before: that the clock went back, that there was no room."""
        marks: list[dict[str, JsonValue]] = []
        if at_us and latest_us - at_us > CLOCK_TOLERANCE_US:
            marks.append({"kind": CLOCK_BACK, "at_us": at_us, "latest_us": latest_us})
        if full is not None:
            marks.append(full.gap())
            self.patient = [body for body, _ in full.patient]
        self.first = [canonical({**mark, "schema_version": SCHEMA_VERSION}) for mark in marks]


@dataclass(slots=True)
class Full:
    """From the first write that found no room to the first that found some."""

    why: str
    since_us: int
    until_us: int = 0
    refused: int = 0
    lost: int = 0
    patient: list[tuple[str, OnDurable]] = field(default_factory=list)

    def gap(self) -> dict[str, JsonValue]:
        """The entry that says so. Its time is when it began: what was owed is of later, and is written after it."""
        return {
            "kind": GAP,
            "at_us": self.since_us,
            "until_us": self.until_us,
            "reason": self.why,
            "refused": self.refused,
            "lost": self.lost,
        }

    def wait(self, body: str, on_durable: OnDurable) -> None:
        """Somebody is patient. Raises RecordUnavailable where too many are."""
        if len(self.patient) >= MAX_OWED:
            raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, self.why)
        self.patient.append((body, on_durable))

    def withdraw(self, on_durable: OnDurable) -> bool:
        """Somebody is patient no more. False: they are not, or not any more."""
        kept = [one for one in self.patient if one[1] is not on_durable]
        withdrawn = len(kept) < len(self.patient)
        self.patient = kept
        return withdrawn

    def taken(self, count: int) -> list[OnDurable]:
        """The first of those who are patient: their entries are written, or they wait no more."""
        taken, self.patient = self.patient[:count], self.patient[count:]
        return [on_durable for _, on_durable in taken]

    def stumbled(self, batch: Batch, queued: int, lines: int, at_us: int) -> tuple[list[str], list[OnDurable]]:
        """A write failed, of these and so many that were asked for, of which so many lines landed: what is owed, and
        who was patient long enough."""
        self.until_us = max(self.until_us, at_us)
        lines = max(0, lines - len(batch.first))
        owed = batch.noted[lines:]
        lines = max(0, lines - len(batch.noted))
        written = self.taken(min(lines, len(batch.patient)))
        self.refused += queued - max(0, lines - len(batch.patient))
        self.lost += max(0, len(owed) - MAX_OWED)
        return owed[:MAX_OWED], written


@dataclass(frozen=True, slots=True)
class Landed:
    """What is there of a write that failed: whole lines, their bytes, and the torn rest."""

    lines: int = 0
    size: int = 0
    hash: str = ""  # of the last whole line
    torn: TornTail | None = None


def landed(path: Path, size: int, made: list[bytes]) -> Landed | None:
    """What of these lines lies in the segment behind ``size`` bytes. None where something else lies there. Raises
    OSError where it cannot be read."""
    if not made:
        return Landed()
    with path.open("rb") as file:
        before = file.read(size).count(b"\n")
        rest = file.read(sum(map(len, made)) + 1)
    if not b"".join(made).startswith(rest):
        return None
    whole = rest.count(b"\n")
    torn = rest[rest.rfind(b"\n") + 1 :]
    last = read_line(made[whole - 1]) if whole else None
    return Landed(
        lines=whole,
        size=len(rest) - len(torn),
        hash="" if last is None else last.hash,
        torn=TornTail(
            segment=path.name, line=before + whole + 1, size=len(torn), sha256=sha256(torn).hexdigest(), marked=False
        )
        if torn
        else None,
    )


def tell(callback: OnDurable, failure: BaseException | None) -> None:
    """Tell who waits."""
    try:
        callback(failure)
    except Exception:  # an edge: one caller's fault must not keep the others waiting for ever
        _log.exception("record_callback_failed")
