"""The stores in which people (and devices) are counted, behind one Protocol; this gateway's own is here.

A store that cannot say raises PolicyUnavailable (`volume_unavailable`): what needs a count is denied, and nothing waits
for long. Where all that is left is held by statements that run just now, a statement waits a moment for what they give
back. Lives on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.subjects import Bound, Cost, Kind, Owner
from gateway.facts.tally import Full, Room, SubjectTally, Used
from gateway.links.tasks import TaskGroup
from gateway.links.volume_file import CountsFile
from gateway.model import VolumeCount

_APART: Final = "several workers count people together in a Redis only (`volume.redis`)"
PATIENCE: Final = 2.0  # seconds a statement waits for what others hold


class Subjects(Protocol):
    """A store of counts."""

    def counts(
        self, owner: Owner, kinds: Iterable[Kind], at: int
    ) -> tuple[VolumeCount, ...] | asyncio.Future[tuple[VolumeCount, ...]]:
        """What went to an employer so far, these kinds included. Raises PolicyUnavailable."""
        ...

    def reserve(
        self, owner: Owner, cost: Cost, bounds: Sequence[Bound], at: int, last: int | None
    ) -> Room | Full | asyncio.Future[Room | Full]:
        """Keep room for one execution. Raises PolicyUnavailable."""
        ...

    def settle(self, room: Room, cost: Cost, owner: Owner, used: Used, at: int) -> None:
        """Count what was shown, and give back the rest. Nobody waits for it."""
        ...

    def add(self, owner: Owner, kinds: tuple[Kind, ...], values: frozenset[bytes], at: int) -> None:
        """Count keys that were seen so far; what was reserved stays reserved."""
        ...

    async def close(self) -> None:
        """What was shown is counted; then it is over."""
        ...


class LocalSubjects:
    """Counts of this gateway alone."""

    def __init__(self, tally: SubjectTally, kept: CountsFile[SubjectTally] | None = None) -> None:
        """``kept``: the file they are kept in over a restart."""
        self._tally = tally
        self._kept = kept
        self._tasks = TaskGroup()
        if kept is not None:
            self._tasks.spawn(kept.run(), "save subjects")
        self._settled = asyncio.Event()  # a new one each time

    def counts(self, owner: Owner, kinds: Iterable[Kind], at: int) -> tuple[VolumeCount, ...]:
        """See Subjects."""
        return self._tally.counts(owner, kinds, at)

    def reserve(
        self, owner: Owner, cost: Cost, bounds: Sequence[Bound], at: int, last: int | None
    ) -> Room | Full | asyncio.Future[Room | Full]:
        """See Subjects."""
        found = self._tally.reserve(owner, cost, bounds, at, last)
        if isinstance(found, Room) or not found.held:
            return found
        return self._tasks.spawn(self._wait(owner, cost, bounds, at, last), "wait for room")

    def settle(self, room: Room, cost: Cost, owner: Owner, used: Used, at: int) -> None:
        """See Subjects."""
        self._tally.settle(room, cost, owner, used, at)
        was, self._settled = self._settled, asyncio.Event()
        was.set()

    def add(self, owner: Owner, kinds: tuple[Kind, ...], values: frozenset[bytes], at: int) -> None:
        """See Subjects."""
        self._tally.add(owner, kinds, values, at)

    async def close(self) -> None:
        """See Subjects."""
        await self._tasks.cancel()
        if self._kept is not None:
            await self._kept.save()

    async def _wait(self, owner: Owner, cost: Cost, bounds: Sequence[Bound], at: int, last: int | None) -> Room | Full:
        found: Room | Full = Full(0, 0, 0)
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    settled = self._settled
                    found = self._tally.reserve(owner, cost, bounds, at, last)
                    if isinstance(found, Room) or not found.held:
                        return found
                    await settled.wait()
        except TimeoutError:
            return found


class NoSubjects:
    """Several workers without a Redis: each would count for itself, so nobody counts, and limits deny."""

    def counts(self, owner: Owner, kinds: Iterable[Kind], at: int) -> tuple[VolumeCount, ...]:
        """See Subjects."""
        raise PolicyUnavailable(Reason.VOLUME_UNAVAILABLE, _APART)

    def reserve(self, owner: Owner, cost: Cost, bounds: Sequence[Bound], at: int, last: int | None) -> Room | Full:
        """See Subjects."""
        raise PolicyUnavailable(Reason.VOLUME_UNAVAILABLE, _APART)

    def settle(self, room: Room, cost: Cost, owner: Owner, used: Used, at: int) -> None:
        """See Subjects."""

    def add(self, owner: Owner, kinds: tuple[Kind, ...], values: frozenset[bytes], at: int) -> None:
        """See Subjects."""

    async def close(self) -> None:
        """See Subjects."""
