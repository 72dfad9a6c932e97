"""Removes segments whose time is over, and tells how long the disk will last.

A segment goes when it has ended, every regime's period for what is in it is over, no hold is on it, every sink has
shipped it and every anchor speaks for it. Before it goes, a tombstone is on disk. The chain of operators stays: holds
and tombstones are in it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.columns import forget
from gateway.audit.heads import Signer, load_signer
from gateway.audit.holds import Hold, read_holds
from gateway.audit.retention import Kept, Periods, SegmentUnreadable, kept_until
from gateway.audit.segments import FileCalls, Segment, list_segments, sync_folder
from gateway.audit.tombstones import KEEPER, Tombstone
from gateway.audit.writer import RecordWriter
from gateway.config import Config
from gateway.errors import ConfigError, RecordUnavailable
from gateway.links.anchors import anchored_everywhere
from gateway.links.positions import shipped_everywhere
from gateway.links.retention_table import retention_table
from gateway.links.siblings import Siblings
from gateway.model import Durability
from gateway.record_metrics import RecordMetrics

_log = logging.getLogger(__name__)
_SEGMENT_BYTES: Final = 64 * 1024 * 1024
_MEASURE: Final = 15.0  # seconds between two looks at the disk
_WINDOW: Final = 240  # looks from which the growth is taken: an hour


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a segment that has ended. ``keep``: why it stays; empty: it goes."""

    segment: Segment
    keep: str
    tombstone: Tombstone | None = None
    why: str = ""  # it may go


def plan(config: Config, now_us: int) -> Iterator[Fate]:
    """Every segment that has ended, but for operators' ones, each writer's in order. Raises ConfigError, OSError."""
    directory, record = config.record.directory, config.record
    table = retention_table(config)
    holds = list(read_holds(directory).values())
    shipped = _shipped(config)
    for writer, segments in sorted(list_segments(directory).items()):
        if writer == KEEPER:
            continue
        anchors = [anchor.name for anchor in record.anchors]
        anchored = anchored_everywhere(directory, anchors, writer) if anchors else None
        periods, blocked = Periods(table), ""
        for segment in segments[:-1]:
            if blocked:  # a chain is cut at its beginning only
                yield Fate(segment, blocked)
                continue
            try:
                known = kept_until(segment, periods)
            except SegmentUnreadable as error:
                yield Fate(segment, str(error))
                blocked = "one before it stays"
                continue
            keep = _keep(known, now_us, holds, anchored, shipped(writer))
            blocked = "one before it stays" if keep else ""
            yield Fate(segment, keep, known.tombstone, f"{known.regime}: its time is over")


def _keep(known: Kept, now_us: int, holds: Sequence[Hold], anchored: int | None, shipped: int | None) -> str:
    if known.until_us > now_us:
        days = -(-(known.until_us - now_us) // 86_400_000_000)
        return f"{known.regime}: {days} more days"
    stone = known.tombstone
    if held := [hold.id for hold in holds if hold.covers(stone.from_us, stone.until_us)]:
        return f"held: {', '.join(held)}"
    if shipped is not None and shipped < stone.last_seq:
        return "not every sink has it"
    if anchored is not None and anchored < stone.last_seq:
        return "not every anchor speaks for it"
    return ""


def _shipped(config: Config) -> Callable[[str], int | None]:
    """How far every sink has each writer; None where there are no sinks. Raises OSError."""
    if not config.record.sinks:
        return lambda _: None
    reached = shipped_everywhere(config.record.directory, [sink.name for sink in config.record.sinks])
    return lambda writer: reached.get(writer, -1)


def prune(
    config: Config,
    now_us: int,
    by: str,
    *,
    told: Callable[[Fate], object],
    dry: bool = False,
    owner: AbstractContextManager[None] | None = None,
) -> int:
    """Remove what may go; how many segments did. Each fate is ``told``. Raises ConfigError, OSError, RecordUnavailable;
    what has been told of in a tombstone by then is gone, or goes the next time."""
    directory = config.record.directory
    signer = load_signer(config.record.signing.key) if config.record.signing is not None and not dry else None
    going: list[Fate] = []
    for fate in plan(config, now_us):
        told(fate)
        if not fate.keep and fate.tombstone is not None:
            going.append(fate)
    if not dry and going:
        with owner or nullcontext():
            _bury(directory, going, now_us, by, signer)
            for fate in going:
                forget(directory, fate.segment.writer, fate.segment.number)  # what was laid out of it goes first
                fate.segment.path.unlink()
            sync_folder(directory, FileCalls())
    return len(going)


def _bury(directory: Path, going: Sequence[Fate], now_us: int, by: str, signer: Signer | None) -> None:
    keeper = RecordWriter.open(directory, segment_bytes=_SEGMENT_BYTES, writer=KEEPER, beside=True)
    try:
        for fate in going:
            if fate.tombstone is not None:
                entry = fate.tombstone.entry(now_us, by, fate.why, signer)
                keeper.append(entry, Durability.SYNCED, _nobody_waits)
    finally:
        keeper.close()  # when all is on disk, or with what went wrong


def _nobody_waits(error: BaseException | None) -> None:
    """Closing says it."""


class Caretaker:
    """Measures the disk, and prunes where configuration says how often. Lives on the loop; works in a thread."""

    def __init__(self, config: Config, metrics: RecordMetrics) -> None:
        self._config, self._metrics = config, metrics
        self._directory = config.record.directory
        self._grown = 0
        self._last = -1
        self._looks: deque[tuple[float, int]] = deque(maxlen=_WINDOW)

    async def run(self) -> None:
        """Until cancelled."""
        every = self._config.record.prune_interval
        due = time.monotonic() + every
        while True:
            await asyncio.to_thread(self.measure, time.monotonic())
            if every and time.monotonic() >= due:
                due = time.monotonic() + every
                await asyncio.to_thread(self.prune)
            await asyncio.sleep(min(_MEASURE, every or _MEASURE))

    def measure(self, now: float) -> None:
        """Look how large the record is, how it grew, and what is left."""
        try:
            sizes = [path.stat().st_size for path in self._directory.glob("*.jsonl")]
            disk = os.statvfs(self._directory)
        except OSError as error:  # one was pruned just now, or the disk is gone: the next look tells
            _log.warning("record_not_measured", extra={"detail": error.strerror})
            return
        size = sum(sizes)
        self._grown += max(0, size - self._last) if self._last >= 0 else 0  # what was pruned does not count
        self._last = size
        self._looks.append((now, self._grown))
        (then, grown), seconds = self._looks[0], now - self._looks[0][0]
        rate = (self._grown - grown) / seconds if seconds > 0 and now > then else 0.0
        self._metrics.measured(size, disk.f_bavail * disk.f_frsize / rate if rate else math.inf)

    def prune(self) -> None:
        """Remove what may go."""
        try:
            count = prune(self._config, time.time_ns() // 1000, "gateway", told=lambda _: None)
        except (ConfigError, OSError, RecordUnavailable) as error:
            _log.error("record_not_pruned", extra={"detail": str(error)})
        else:
            if count:
                _log.info("record_pruned", extra={"segments": count})


def begin_caretaker(config: Config, siblings: Siblings | None, metrics: RecordMetrics) -> Caretaker | None:
    """In the first process of a gateway only: the record's folder is the gateway's as a whole."""
    return Caretaker(config, metrics) if siblings is None or siblings.number == 1 else None
