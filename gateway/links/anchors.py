"""Puts signed heads where whoever rules this machine cannot change them, and finds them there again.

Each anchor is a task of its own: it reads the heads beside the record, puts them into its store one after the other,
and keeps how far it came (``<writer>.<anchor>.anchor``). An anchor that begins later than the record begins behind the
last head that is not there any more beside it, so that its own have no gap. What cannot be put now is put later, with
growing pauses; the lag is measured, and no statement ever waits for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.heads import HeadInvalid, SignedHead, heads_path, list_heads, parse_head, read_heads
from gateway.audit.segments import FileCalls, list_segments, sync_folder
from gateway.config import Anchor, Config
from gateway.config_draft import address_problem
from gateway.errors import ConfigError
from gateway.links.siblings import Siblings
from gateway.links.stores import AnchorError, Store, open_store
from gateway.record_metrics import RecordMetrics

_log = logging.getLogger(__name__)
_LOOK: Final = 1.0  # seconds between two looks for new heads
_SHORTEST: Final = 1.0  # seconds before it is tried again; twice as long each time
_LONGEST: Final = 60.0
_AT_THE_END: Final = 10.0  # seconds that the last heads are given
_BATCH: Final = 200  # heads put between two looks at the time


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an anchor has come with one writer: the number of its last head, and the entry that one is of."""

    number: int = -1
    seq: int = -1


def position_path(directory: Path, anchor: str, writer: str) -> Path:
    """Where it is kept how far an anchor has come."""
    return directory / f"{writer}.{anchor}.anchor"


def read_reached(directory: Path, anchor: str, writer: str) -> Reached:
    """How far an anchor has come; nowhere, where nothing says so. Raises OSError."""
    try:
        plain = json.loads(position_path(directory, anchor, writer).read_bytes())
        return Reached(int(plain["number"]), int(plain["seq"]))
    except FileNotFoundError:
        return Reached()
    except (ValueError, TypeError, KeyError):
        return Reached()  # heads are put again: what is there stays as it is


def anchored_everywhere(directory: Path, anchors: Sequence[str], writer: str) -> int:
    """The last entry of a writer that every one of these anchors speaks for. Raises OSError."""
    return min((read_reached(directory, anchor, writer).seq for anchor in anchors), default=-1)


class AnchorKeeper:
    """One anchor. ``mine``: whether this process puts a writer's heads. Lives on the loop; asks in a thread."""

    def __init__(
        self, directory: Path, name: str, store: Store, mine: Callable[[str], bool], metrics: RecordMetrics | None
    ) -> None:
        self._directory, self._name, self._store, self._mine = directory, name, store, mine
        self._metrics = metrics
        self._reached: dict[str, Reached] = {}
        self._seen: dict[str, tuple[int, ...]] = {}  # each writer's file, when all that is in it had been put
        self._oldest_us = 0  # of the heads that are not there yet
        self._failing = ""
        if metrics is not None:
            metrics.keep_anchor_lag(name, self.lag)

    def lag(self) -> float:
        """For how many seconds the oldest head waits that is not there yet; 0: all are."""
        return max(0.0, time.time() - self._oldest_us / 1e6) if self._oldest_us else 0.0

    async def run(self) -> None:
        """Until cancelled."""
        pause = _SHORTEST
        while True:
            if await asyncio.to_thread(self.push):
                pause = _SHORTEST
                await asyncio.sleep(_LOOK)
            else:
                await asyncio.sleep(pause)
                pause = min(_LONGEST, 2 * pause)

    async def finish(self) -> None:
        """The last heads, if they can be put at once."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self.push), _AT_THE_END)
        except TimeoutError:
            _log.warning("anchor_behind", extra={"anchor": self._name})

    def push(self) -> bool:
        """Put what is not there yet. False: it could not be."""
        try:
            for writer in filter(self._mine, list_heads(self._directory)):
                self._push(writer)
        except (AnchorError, OSError) as error:
            why = str(error) if isinstance(error, AnchorError) else error.strerror or str(error)
            if why != self._failing:
                _log.error("anchor_failed", extra={"anchor": self._name, "detail": why})
            self._failing = why
            if self._metrics is not None:
                self._metrics.anchor_failed(self._name)
            return False
        if self._failing:
            _log.warning("anchor_works_again", extra={"anchor": self._name})
        self._failing, self._oldest_us = "", 0
        return True

    def _push(self, writer: str) -> None:
        state = heads_path(self._directory, writer).stat()
        seen = (state.st_ino, state.st_size, state.st_mtime_ns)
        if self._seen.get(writer) == seen:
            return
        reached = self._reached.get(writer) or read_reached(self._directory, self._name, writer)
        heads, _ = read_heads(self._directory, writer)
        waiting: Sequence[SignedHead] = [one for one in heads if one.head.number > reached.number]
        if reached.number < 0:
            waiting = _without_gap(waiting)
        if waiting:
            self._oldest_us = min(self._oldest_us or waiting[0].head.at_us, waiting[0].head.at_us)
            self._put(writer, waiting)
        self._seen[writer] = seen

    def _put(self, writer: str, waiting: Sequence[SignedHead]) -> None:
        first = waiting[0]
        if writer not in self._reached:  # the first ones of this run
            self._same_record(writer, first)
            if first.head.number and self._store.get(writer, 0) is None:  # where whoever compares looks first
                self._store.put(writer, 0, first.raw)
        for place, one in enumerate(waiting):
            self._store.put(writer, one.head.number, one.raw)
            if place == len(waiting) - 1 or place % _BATCH == 0:
                self._keep(writer, Reached(one.head.number, one.head.last_seq))

    def _same_record(self, writer: str, first: SignedHead) -> None:
        """Another record's heads are not gone on with, nor written over."""
        there = self._store.get(writer, first.head.number)
        if there is not None and there.strip() != first.raw.strip():
            raise AnchorError(f"another record's heads are there for {writer}: each needs a place of its own")

    def _keep(self, writer: str, reached: Reached) -> None:
        path = position_path(self._directory, self._name, writer)
        unfinished = path.with_name(path.name + ".unfinished")
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, json.dumps({"number": reached.number, "seq": reached.seq}).encode())
            os.fdatasync(fd)
        finally:
            os.close(fd)
        unfinished.rename(path)
        sync_folder(self._directory, FileCalls())
        self._reached[writer] = reached


def begin_anchors(config: Config, siblings: Siblings | None, metrics: RecordMetrics) -> list[AnchorKeeper]:
    """Those of a configuration, in one process of the gateway. Raises ConfigError."""
    own = "gateway" if siblings is None else siblings.writer
    live = {own} if siblings is None else set(siblings.writers)
    others = siblings is None or siblings.number == 1

    def mine(writer: str) -> bool:
        return writer == own or (others and writer not in live)

    return [
        AnchorKeeper(config.record.directory, anchor.name, open_store(anchor), mine, metrics)
        for anchor in config.record.anchors
    ]


def _without_gap(heads: Sequence[SignedHead]) -> Sequence[SignedHead]:
    """The last of these between which none is missing."""
    begin = len(heads) - 1
    while begin > 0 and heads[begin - 1].head.number == heads[begin].head.number - 1:
        begin -= 1
    return heads[max(0, begin) :]


def find_anchored(store: Store, writer: str, local: Sequence[SignedHead]) -> Iterator[SignedHead]:
    """What a store says of a writer: its last head, and where the heads beside the record differ from it, the first
    that does and the one before. Raises AnchorError."""
    beside = {one.head.number: one.raw.strip() for one in local}
    first, last = _ends(store, writer, max(beside, default=-1))
    if last < 0:
        return

    def same(number: int) -> bool:
        return (_head(store, writer, number)).raw.strip() == beside.get(number)

    yield _head(store, writer, last)
    if not beside or same(last):
        return
    both = sorted(number for number in beside if first <= number < last)  # others are not needed here any more
    good, bad = -1, len(both)  # who rewrote from some entry on has other heads from there on
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if same(both[middle]) else (good, middle)
    yield from (_head(store, writer, number) for number in both[max(0, good) : bad + 1])


def _ends(store: Store, writer: str, likely: int) -> tuple[int, int]:
    """The numbers of the first and the last head there; -1: none. There is none missing between them."""
    raw = store.get(writer, 0)
    if raw is None:
        return -1, -1
    first = good = _parsed(raw, writer, 0).head.number
    step = max(0, likely - first) or 1
    while store.get(writer, good + step) is not None:
        near, good = good == first and likely > first, good + step
        step = 1 if near else step * 2
    bad = good + step
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if store.get(writer, middle) is not None else (good, middle)
    return first, good


def _head(store: Store, writer: str, number: int) -> SignedHead:
    raw = store.get(writer, number)
    if raw is None:
        raise AnchorError(f"head {number} of {writer} is not there, and later ones are")
    return _parsed(raw, writer, number)


def _parsed(raw: bytes, writer: str, number: int) -> SignedHead:
    try:
        return parse_head(raw)
    except HeadInvalid as error:
        raise AnchorError(f"head {number} of {writer}: {error}") from error


def view(anchor: Anchor, directory: Path) -> dict[str, list[SignedHead]]:
    """What an anchor says of every writer that may be in a record. Raises AnchorError, ConfigError, OSError."""
    store = open_store(anchor)
    known = {*list_segments(directory), *list_heads(directory)} if directory.is_dir() else set()
    found: dict[str, list[SignedHead]] = {}
    for writer in sorted(known | {"gateway", "gateway-1", "operator"}):
        local = read_heads(directory, writer)[0] if directory.is_dir() else []
        if heads := list(find_anchored(store, writer, local)):
            found[writer] = heads
    return found


def named_anchor(place: str) -> Anchor:
    """An anchor by its folder or address, for a command. Raises ConfigError."""
    if "://" not in place:
        return Anchor(name=place, directory=Path(place))
    if why := address_problem(place, "whoever changes answers on their way could hide that the record was rewritten"):
        raise ConfigError([f"--anchor: {why}"])
    return Anchor(name=place, url=place)
