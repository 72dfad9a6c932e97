"""Keeps the record's heads signed: when a segment ends, now and then in between, and when the gateway stops.

A gateway speaks for its own chain, by what its writer knows and not by what lies in the folder. For chains that nobody
has open (what operators did, workers that are no more) the first of its processes does, when it has read that they go
on from the head before. Heads that nobody needs any more go now and then (`gateway.audit.heads`). Lives on the loop;
what takes time runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from gateway.audit.checkpoint import CheckpointUnreadable, read_checkpoint
from gateway.audit.heads import Head, Signer, append_head, kept, load_signer, read_heads, replace_heads
from gateway.audit.segments import FileCalls, first_seq, list_segments, segment_path
from gateway.audit.walk import walk
from gateway.audit.writer import RecordWriter
from gateway.config import Config
from gateway.links.anchors import read_reached
from gateway.links.siblings import Siblings

_log = logging.getLogger(__name__)
_LOOK: Final = 1.0  # seconds between two looks whether a segment has ended
_THIN: Final = 256  # heads that are not needed any more, and go together


class HeadKeeper:
    """Signs what is due. ``others``: also chains that none of ``live`` has open."""

    def __init__(
        self,
        directory: Path,
        recorder: RecordWriter,
        signer: Signer,
        *,
        interval: float,
        live: Collection[str],
        others: bool,
        anchors: Sequence[str] = (),
    ) -> None:
        self._anchors = anchors
        self._directory, self._recorder, self._signer = directory, recorder, signer
        self._interval, self._live, self._others = interval, frozenset(live), others
        self._next: dict[str, int] = {}  # number of each writer's next head
        self._said: dict[str, int] = {}  # the last entry each writer's heads speak for
        self._count: dict[str, int] = {}  # heads that there may be too many of
        self._failing = False
        self.signed: Callable[[], object] = lambda: None  # told when there are new heads

    async def run(self) -> None:
        """Until cancelled."""
        due = time.monotonic()  # at once: what a crash left unsigned
        while True:
            now = time.monotonic()
            await asyncio.to_thread(self.look, interval=now >= due)
            if now >= due:
                due = now + self._interval
            await asyncio.sleep(_LOOK)

    def look(self, *, interval: bool) -> None:
        """Sign the ends of segments that have ended; at an interval, and at the end, what has been written since."""
        try:
            own = self._recorder.synced.writer
            ended = self._recorder.ended()
            for segment, seq, digest in ended:
                self._sign(own, segment, seq, digest, closed=True)
            if interval:
                state = self._recorder.synced
                self._sign(own, state.segment, state.seq, state.hash, closed=False)
                if self._others:
                    self._sign_others()
        except OSError as error:
            if not self._failing:
                _log.error("head_not_signed", extra={"detail": error.strerror or str(error)})
            self._failing = True
        else:
            self._failing = False

    def _sign(self, writer: str, segment: int, seq: int, digest: str, *, closed: bool) -> None:
        if writer not in self._next:
            heads, wrong = read_heads(self._directory, writer)
            if wrong:
                _log.error("head_unreadable", extra={"writer": writer, "line": wrong[0][0], "detail": wrong[0][1]})
            self._next[writer] = max((one.head.number for one in heads), default=-1) + 1
            self._said[writer] = max((one.head.last_seq for one in heads), default=-1)
            self._count[writer] = len(heads)
        if seq <= self._said[writer]:
            return
        head = Head(
            writer=writer,
            number=self._next[writer],
            segment=segment,
            first_seq=first_seq(segment_path(self._directory, writer, segment)) or 0,
            last_seq=seq,
            hash=digest,
            at_us=time.time_ns() // 1000,
            closed=closed,
        )
        append_head(self._directory, writer, self._signer.line(head), FileCalls())
        self._next[writer], self._said[writer] = head.number + 1, seq
        self._count[writer] += 1
        if self._count[writer] >= _THIN:
            self._thin(writer)
        self.signed()

    def _thin(self, writer: str) -> None:
        heads, wrong = read_heads(self._directory, writer)
        chain = list_segments(self._directory).get(writer, [])
        self._count[writer] = 0  # looked at again when as many have come
        if wrong or not chain:
            return  # for verify to tell: nothing of it is touched
        anchored = min((read_reached(self._directory, one, writer).number for one in self._anchors), default=1 << 63)
        needed = kept(heads, anchored, chain[0].number)
        if len(heads) - len(needed) >= _THIN // 2:
            replace_heads(self._directory, writer, needed, FileCalls())

    def _sign_others(self) -> None:
        for writer, segments in list_segments(self._directory).items():
            if writer in self._live:
                continue
            try:
                checkpoint = read_checkpoint(self._directory, writer)
            except CheckpointUnreadable:
                checkpoint = None
            if checkpoint is None or checkpoint.seq <= self._said.get(writer, -1):
                continue
            heads, _ = read_heads(self._directory, writer)
            last = max((one.head for one in heads), key=lambda head: head.last_seq, default=None)
            since = [one for one in segments if last is None or one.number >= last.segment]
            attested = None if last is None else (last.last_seq, last.hash)
            state = walk(since, clock_tolerance_us=2**62, attested=attested, trust_first=True)
            if state.bad is not None or (attested is not None and state.attested_seen != attested[1]):
                _log.error("head_refused", extra={"writer": writer, "detail": "the chain does not go on from its head"})
                self._said[writer] = checkpoint.seq  # said once
                continue
            self._sign(writer, since[-1].number, state.seq - 1, state.prev, closed=False)


def begin_heads(config: Config, recorder: RecordWriter, siblings: Siblings | None) -> HeadKeeper | None:
    """What a configuration asks for, in one process of the gateway. Raises ConfigError."""
    signing = config.record.signing
    if signing is None:
        return None
    return HeadKeeper(
        config.record.directory,
        recorder,
        load_signer(signing.key),
        interval=signing.interval,
        live=[recorder.synced.writer] if siblings is None else siblings.writers,
        others=siblings is None or siblings.number == 1,
        anchors=[anchor.name for anchor in config.record.anchors],
    )
