"""Counts in a Redis that several gateways share. What must not be interleaved is a script there (`redis_scripts`).

HyperLogLogs are Redis's own: it adds to them and merges them in one step, which sketches that each gateway wrote back
would need locks for. A Redis that is slow or gone is `volume_unavailable`; nothing waits longer than its time limit.
What a gateway has to count meanwhile it keeps, and tells when Redis is there again. A reservation lasts for half a
minute and is renewed while its statement runs: that of a worker that was killed is free after that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.config import SharedVolume
from gateway.config_draft import split_address
from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.subjects import Bound, Cost, Kind, Owner
from gateway.facts.tally import Full, Room, Used, first_month, month_of
from gateway.links.redis_scripts import COUNT, EXTEND, RESERVE, SETTLE
from gateway.links.secret import secret
from gateway.links.subjects import PATIENCE
from gateway.links.tasks import TaskGroup
from gateway.model import Country, DataType, Unit, VolumeCount

_log = logging.getLogger(__name__)
_LASTS: Final = 30_000  # ms a reservation lasts unless it is renewed
_RENEWED: Final = 5.0  # seconds between two renewals
_KEPT: Final = 400 * 86_400_000  # ms: thirteen months
_TOLD: Final = 86_400_000  # ms for which a settlement that is told again is known
_AGAIN: Final = 0.5  # seconds between two tries to tell what could not be told
_UNTOLD: Final = 100_000  # settlements that are kept while Redis is away
_FIRST_LOOK: Final = 0.003  # seconds, doubled by each further look for what others give back
_BATCH: Final = 1000  # hashes in one command: Lua's unpack takes no more than a few thousand
_HELD_BACK: Final = "how many people's data went out is counted in Redis, which cannot be asked now"
Settlement = tuple[str, dict[str, Any]]


class RedisSubjects:
    """A store of counts (`gateway.links.subjects.Subjects`)."""

    def __init__(
        self, settings: SharedVolume, new_id: Callable[[], str], told: Callable[[bool], None] = lambda up: None
    ) -> None:
        """``told``: whether Redis answered, each time. Raises ConfigError for files that cannot be read."""
        self._timeout = settings.timeout_ms / 1000
        self._prefix = settings.prefix
        self._new_id = new_id
        self._told = told
        self._redis = _client(settings, self._timeout)
        self._tasks = TaskGroup()
        self._running: dict[str, str] = {}  # id of a reservation -> the prefix of its keys
        self._untold: deque[Settlement] = deque()
        self._work, self._quiet = asyncio.Event(), asyncio.Event()  # something is to be told; all is told
        self._quiet.set()
        self._tasks.spawn(self._tell_all(), "tell counts")
        self._tasks.spawn(self._renew(), "renew reservations")

    def counts(self, owner: Owner, kinds: Iterable[Kind], at: int) -> asyncio.Future[tuple[VolumeCount, ...]]:
        """See Subjects."""
        return self._tasks.spawn(self._counts(owner, kinds, at), "read counts", told=PolicyUnavailable)

    def reserve(
        self, owner: Owner, cost: Cost, bounds: Sequence[Bound], at: int, last: int | None
    ) -> asyncio.Future[Room | Full] | Room:
        """See Subjects."""
        if not bounds:  # counted, and bound by nobody
            return Room(self._new_id(), None)
        asked = {
            "id": self._new_id(),
            "keep": True,
            "lasts": _LASTS,
            "month": month_of(at),
            "last": -1 if last is None else last,
            "bounds": [
                {
                    "kinds": [_name(kind) for kind in bound.kinds],
                    "first": first_month(at, year=bound.year),
                    "most": bound.most,
                    "per_row": bound.per_row,
                    "once": bound.once,
                }
                for bound in bounds
            ],
            "per_row": {_name(kind): count for kind, count in cost.per_row.items()},
            "once": {_name(kind): count for kind, count in cost.once.items()},
        }
        return self._tasks.spawn(self._reserve(owner, asked), "reserve room", told=PolicyUnavailable)

    def settle(self, room: Room, cost: Cost, owner: Owner, used: Used, at: int) -> None:
        """See Subjects."""
        adds = {}
        for kind in cost.kinds:
            keyed = cost.keyed.get(kind, 0)
            unkeyed = (cost.per_row.get(kind, 0) - keyed) * used.rows + keyed * used.unkeyed + cost.once.get(kind, 0)
            adds[_name(kind)] = [unkeyed, used.rows]
        for kinds, values in used.values:
            self.add(owner, kinds, values, at)
        self._tell(owner, {"id": room.id, "adds": adds, "values": [], "month": month_of(at)})

    def add(self, owner: Owner, kinds: tuple[Kind, ...], values: frozenset[bytes], at: int) -> None:
        """See Subjects."""
        every = [value.hex() for value in values]
        for start in range(0, len(every), _BATCH):
            seen = {"kinds": [_name(kind) for kind in kinds], "hashes": every[start : start + _BATCH]}
            self._tell(owner, {"id": "", "adds": {}, "values": [seen], "month": month_of(at)})

    async def close(self) -> None:
        """See Subjects."""
        try:
            async with asyncio.timeout(2 * self._timeout):
                await self._quiet.wait()
        except TimeoutError:
            _log.error("counts_not_told", extra={"settlements": len(self._untold)})
        await self._tasks.cancel()
        await self._redis.aclose()

    # -- asking ---------------------------------------------------------------------------------------------------

    async def _counts(self, owner: Owner, kinds: Iterable[Kind], at: int) -> tuple[VolumeCount, ...]:
        asked = {
            "kinds": [_name(kind) for kind in kinds],
            "month": month_of(at),
            "first": first_month(at, year=False),
            "year": first_month(at, year=True),
        }
        found = await self._run(COUNT, self._keys(owner), asked)
        return tuple(sorted((_count(one) for one in found), key=lambda one: (one.data_type, one.subject_country)))

    async def _reserve(self, owner: Owner, asked: dict[str, Any]) -> Room | Full:
        prefix, pause, waited = self._keys(owner), _FIRST_LOOK, 0.0
        self._running[asked["id"]] = prefix  # before it is there: it may be, and the answer be lost
        try:
            while True:
                found = await self._run(RESERVE, prefix, asked)
                if found[0] == 1:
                    rows = int(found[1])
                    return Room(asked["id"], None if rows < 0 else rows)
                full = Full(int(found[1]), int(found[2]), int(found[3]))
                if not full.held or waited > PATIENCE:
                    del self._running[asked["id"]]
                    return full
                await asyncio.sleep(pause)
                waited, pause = waited + pause, min(2 * pause, 0.1)
        except PolicyUnavailable:
            self._tell(owner, {"id": asked["id"], "adds": {}, "values": [], "month": asked["month"]})
            raise

    async def _run(self, script: str, prefix: str, asked: Mapping[str, Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._redis.eval(script, 1, prefix, json.dumps(asked))
        except (RedisError, OSError, TimeoutError) as error:
            self._told(False)
            _log.warning("redis_unavailable", extra={"detail": type(error).__name__})
            raise PolicyUnavailable(Reason.VOLUME_UNAVAILABLE, _HELD_BACK) from None
        self._told(True)
        return found

    def _keys(self, owner: Owner) -> str:
        name = blake2b(f"{owner.controller}\0{owner.entity}".encode(), digest_size=12).hexdigest()
        return f"{self._prefix}:{{{name}}}"

    # -- telling --------------------------------------------------------------------------------------------------

    def _tell(self, owner: Owner, what: dict[str, Any]) -> None:
        if len(self._untold) >= _UNTOLD:
            _log.error("counts_dropped", extra={"settlements": 1})
            return
        self._untold.append((self._keys(owner), what | {"kept": _KEPT, "told": _TOLD}))
        self._quiet.clear()
        self._work.set()

    async def _tell_all(self) -> None:
        """What was shown, in its order; again until Redis has taken it."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._untold:
                prefix, what = self._untold[0]
                try:
                    await self._run(SETTLE, prefix, what)
                except PolicyUnavailable:
                    await asyncio.sleep(_AGAIN)
                else:
                    self._untold.popleft()
                    self._running.pop(what["id"], None)
            self._quiet.set()

    async def _renew(self) -> None:
        """Reservations of statements that run last on."""
        while True:
            await asyncio.sleep(_RENEWED)
            by_prefix: dict[str, list[str]] = {}
            for one, prefix in self._running.items():
                by_prefix.setdefault(prefix, []).append(one)
            for prefix, ids in by_prefix.items():
                try:
                    await self._run(EXTEND, prefix, {"ids": ids, "lasts": _LASTS})
                except PolicyUnavailable:
                    break  # the next time


def _client(settings: SharedVolume, timeout: float) -> Redis:
    options: dict[str, Any] = {}
    if settings.tls:
        options = {
            "ssl": True,
            "ssl_ca_certs": None if settings.ca is None else str(settings.ca),
            "ssl_check_hostname": True,
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        }
    host, port = split_address(settings.address)
    return Redis(
        host=host,
        port=port,
        db=settings.database,
        username=settings.username,
        password=None if settings.password_file is None else secret(settings.password_file),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        max_connections=64,
        **options,
    )


def _name(kind: Kind) -> str:
    return f"{kind.data_type}|{kind.subject_country}|{kind.unit}"


def _count(found: Sequence[Any]) -> VolumeCount:
    data_type, country, unit = found[0].decode().rsplit("|", 2)
    return VolumeCount(
        data_type=DataType(data_type),
        subject_country=Country(country),
        unit=Unit(unit),
        subjects=int(found[1]),
        subjects_this_year=int(found[2]),
        rows=int(found[3]),
    )
