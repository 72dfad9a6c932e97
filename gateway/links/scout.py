"""How the twin watches the catalogs: the epoch, the snapshot with what changed since the last one, the wake-up call.

A server with the event trigger of `sekisho provision` tells of a change when it is committed; without it, and for what
raises no event (roles, memberships, their settings), the interval is how late a change is noticed. Anybody who may
NOTIFY can make the twin look, so how often it looks is bounded, by time and by what its looks cost the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, replace
from typing import Final

from gateway.config import Datasource
from gateway.links.asker import Asker, ServerRefused
from gateway.model import Vouched
from gateway.sql.catalog import EPOCH_QUERY, SNAPSHOT_QUERIES, Catalog
from gateway.sql.changes import State, read_state
from gateway.sql.epoch import STATE_QUERY, VISIBLE_QUERY
from gateway.sql.provision import CHANNEL

_log = logging.getLogger(__name__)
_LEAST_REST: Final = 0.05  # seconds between two looks, however many notifications come
_REST_PER_LOOK: Final = 1.0  # times as long as the look took: at most half of one server process is spent on it


@dataclass(frozen=True, slots=True)
class Catalogs:
    """The catalogs at one epoch."""

    epoch: str
    catalog: Catalog
    state: State


async def read_epoch(scout: Asker, seconds: float) -> str:
    """The epoch now. Raises ServerRefused, UpstreamError."""
    return (await scout.rows(EPOCH_QUERY, seconds))[0][0] or ""


class Epochs:
    """The epoch as one connection sees it. It is worked out again where a transaction ended since, and only then; where
    the server does not say which are visible (some that only speak like PostgreSQL refuse), each time."""

    def __init__(self, scout: Asker) -> None:
        self._scout = scout
        self._said = True  # the server says which transactions are visible
        self._visible: str | None = None  # which were, before ``_epoch`` was read
        self._epoch = ""

    async def read(self, seconds: float) -> str:
        """The epoch now. Raises ServerRefused, UpstreamError."""
        # First what is visible, then the epoch: a change between the two is in the epoch, and moves the next answer.
        visible = await self._look(seconds)
        if visible is None or visible != self._visible:
            self._epoch = await read_epoch(self._scout, seconds)
            self._visible = visible
        return self._epoch

    async def _look(self, seconds: float) -> str | None:
        if not self._said:
            return None
        try:
            return (await self._scout.rows(VISIBLE_QUERY, seconds))[0][0]
        except ServerRefused as error:
            _log.info("catalogs_are_read_at_every_look", extra={"server_words": str(error)})
            self._said = False
            return None


def stamped(epoch: str, vouched: Vouched) -> str:
    """An epoch of the catalogs with what was vouched for then: a word taken back voids what was understood under it."""
    return f"{epoch}+{vouched.revision}" if vouched.revision else epoch


async def read_catalogs(scout: Asker, seconds: float, vouched: Vouched) -> Catalogs:
    """All of one moment, as far as the registry vouches for it. Raises ServerRefused, UpstreamError."""
    await scout.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", seconds)
    epoch = await read_epoch(scout, seconds)
    rows = {name: await scout.rows(sql, seconds) for name, sql in SNAPSHOT_QUERIES.items()}
    state = await scout.rows(STATE_QUERY, seconds)
    version = (await scout.rows("SHOW server_version_num", seconds))[0][0] or "0"
    await scout.rows("COMMIT", seconds)
    major = int(version) // 10_000
    catalog = Catalog.from_rows(major, rows, vouched=vouched)
    known = read_state(major, state, catalog.definitions)
    # What is vouched for belongs to no relation: another word of the registry is a change of everything.
    known = replace(known, rest=stamped(known.rest, vouched))
    return Catalogs(stamped(epoch, vouched), catalog, known)


async def listen(scout: Asker, alarm: Alarm, seconds: float) -> None:
    """Let a notification ring the alarm. A standby refuses: then the interval is all there is. Raises UpstreamError."""
    scout.heard = alarm.ring
    try:
        await scout.rows(f"LISTEN {CHANNEL}", seconds)
    except ServerRefused as error:
        _log.info("catalog_changes_are_not_told", extra={"server_words": str(error)})


def looked_up_in(datasource: Datasource) -> frozenset[str] | None:
    """Schemas in which a statement's names are looked up; None where they depend on who asks."""
    if "$user" in datasource.search_path:
        return None
    return frozenset(("pg_catalog", *datasource.search_path))


class Alarm:
    """Sleeps until it rings or it is time, but rests after each look."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Something changed."""
        self._rung.set()

    async def sleep(self, seconds: float, *, looked_for: float) -> None:
        """At most so many seconds. ``looked_for``: what the last look took."""
        rest = min(seconds, max(_LEAST_REST, _REST_PER_LOOK * looked_for))
        await asyncio.sleep(rest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - rest):
                await self._rung.wait()
        self._rung.clear()  # before the look: what changes during it rings again
