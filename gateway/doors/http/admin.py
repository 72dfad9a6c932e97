"""The admin port: status, reload, block, unblock, drain. A listener of its own, loopback unless TLS is configured.

Each call is by somebody with a token of their own, is recorded on disk before it acts, and counted. A wrong token is
compared in constant time; after a few of them an address is not listened to for a minute, right token or not.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

from flask import Response

from gateway.audit.record import Event
from gateway.config import AdminToken
from gateway.doors.documents import MAX_NAME, filled, invalid, object_of, required
from gateway.doors.http.problems import json_answer
from gateway.doors.http.room import authorization, caller, document
from gateway.doors.refusals import network_of
from gateway.doors.requests import DeskApi, refuse
from gateway.errors import AuthenticationError, ConfigError, Reason, SekishoError
from gateway.facts.admin_blocks import AdminBlock
from gateway.facts.period import DAY, Period, iso
from gateway.facts.registry import Registry
from gateway.links.overlay import block, kept, target_of, unblock
from gateway.links.secret import secret
from gateway.metric_labels import AdminCall
from gateway.metrics import Metrics
from gateway.model import Door, Peer

LEAST_TOKEN: Final = 32
WRONG_PER_MINUTE: Final = 10
BLOCK_FIELDS: Final = ("name", "reason", "until")
_MINUTE: Final = 60.0
_ADDRESSES: Final = 1000
_SETTLED: Final = 1.6  # seconds within which every watch has looked twice


class AdminDesk(DeskApi, Protocol):
    """What the admin port needs of the desk."""

    metrics: Metrics

    @property
    def known_registry(self) -> Registry: ...
    def event_now(self, event: Event, **about: Any) -> None: ...


class WrongTokens:
    """How many wrong tokens came from where within the last minute. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, list[float]] = OrderedDict()

    def too_many(self, address: str | None, now: float) -> bool:
        """Whether an address is not listened to now."""
        with self._lock:
            return len(self._recent(network_of(address), now)) >= WRONG_PER_MINUTE

    def add(self, address: str | None, now: float) -> None:
        """One more."""
        key = network_of(address)
        with self._lock:
            self._seen[key] = [*self._recent(key, now), now]
            self._seen.move_to_end(key)
            if len(self._seen) > _ADDRESSES:
                self._seen.popitem(last=False)

    def _recent(self, key: str, now: float) -> list[float]:
        return [moment for moment in self._seen.get(key, []) if now - moment < _MINUTE]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminRoom:
    """Where calls of the admin port are carried out."""

    desk: AdminDesk
    openapi: Mapping[str, Any]
    tokens: tuple[AdminToken, ...]
    blocks: Path  # the file of what is blocked here
    wrong: WrongTokens
    drain: Callable[[], None]  # any thread may call it

    def called(self, call: AdminCall, detail: str = "") -> str:
        """Who calls, once that is in the record. Raises SekishoError, which is recorded and counted as well."""
        try:
            name = self._who()
            self.note(call, name, detail)
        except SekishoError as error:
            self.desk.metrics.admin_called(call, ok=False)
            raise refuse(self.desk, Door.HTTP, error, caller()) from error
        self.desk.metrics.admin_called(call, ok=True)
        return name

    def note(self, call: AdminCall, name: str, detail: str, event: Event = Event.ADMIN) -> None:
        """Record a call; returns when it is on disk. Raises RecordUnavailable."""
        words = f"{call}: {detail}" if detail else str(call)
        who = f"admin:{name}"
        self.desk.event_now(event, door=Door.HTTP, peer=Peer(address=caller()), principal_id=who, detail=words)

    def _who(self) -> str:
        address, now = caller(), time.monotonic()
        if self.wrong.too_many(address, now):
            raise SekishoError(Reason.TOO_MANY_PASSWORDS, "too many wrong tokens from this address: wait a minute")
        scheme, _, given = (authorization() or [""])[0].partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise AuthenticationError(Reason.TOKEN_MISSING, "give `Authorization: Bearer <token>`")
        digest = sha256(given.encode("utf-8", "surrogateescape")).digest()
        # All of them, whichever fits: how long it takes says nothing of any.
        fits = [one.name for one in self.tokens if hmac.compare_digest(_digest(one.file), digest)]
        if not fits:
            self.wrong.add(address, now)
            raise AuthenticationError(Reason.PASSWORD_WRONG, "no such token")
        return fits[0]


def _digest(file: Path) -> bytes:
    """Of a token as it is now: who replaces the file need not start anything. What cannot be read fits nothing."""
    try:
        token = secret(file)
    except ConfigError:
        token = ""
    return sha256(token.encode()).digest() if len(token) >= LEAST_TOKEN else b""


# --- calls -----------------------------------------------------------------------------------------------------------


def status(room: AdminRoom) -> Response:
    """Whether it is ready, what is wrong, what is in force and how old that is, who is blocked here."""
    room.called(AdminCall.STATUS)
    ready, problems = room.desk.ready()
    state = {name: room.desk.resolved_config().get(name) for name in ("data",)}
    return json_answer({"ready": ready, "problems": problems, **state, "blocks": _blocks(room)})


def reload(room: AdminRoom) -> Response:
    """What lies in the folders now is in force, or refused with its problems, when this is answered."""
    room.called(AdminCall.RELOAD)
    threading.Event().wait(_SETTLED)  # every watch looks twice meanwhile, in each worker
    return json_answer({"data": room.desk.resolved_config().get("data")})


def block_call(room: AdminRoom) -> Response:
    """The kill-switch: stop a country (CN), an entity (id or LEI) or a person (subject, or issuer#subject)."""
    who = room.called(AdminCall.BLOCK, "asked for")
    with _refusing(room):
        told = object_of(document(), "the body", BLOCK_FIELDS)
        name = filled(required(told, "name", "name"), "name", MAX_NAME)
        reason = filled(required(told, "reason", "reason"), "reason", 1000)
        now = int(time.time())
        end = _day(filled(told["until"], "until", 10), now) if "until" in told else None
        made = block(
            room.blocks,
            target_of(room.desk.known_registry, name),
            Period(now // DAY, end),
            reason,
            by=f"admin:{who}",
            at=datetime.fromtimestamp(now, UTC).isoformat(),
            note=partial(_noted, room, AdminCall.BLOCK, who, Event.BLOCK),
        )
    return json_answer(_block(made))


def unblock_call(room: AdminRoom) -> Response:
    """Lift a block that was made here, or by `sekisho block`. What the registry blocks only the registry lifts."""
    who = room.called(AdminCall.UNBLOCK, "asked for")
    with _refusing(room):
        told = object_of(document(), "the body", ("id",))
        identifier = filled(required(told, "id", "id"), "id", MAX_NAME)
        gone = unblock(room.blocks, identifier, note=partial(_noted, room, AdminCall.UNBLOCK, who, Event.UNBLOCK))
    return json_answer(_block(gone))


def drain(room: AdminRoom) -> Response:
    """Take nobody in any more, and let open sessions end with their transactions: before a stop. Not to be undone."""
    room.called(AdminCall.DRAIN)
    room.drain()
    return json_answer({"draining": True}, 202)


@contextmanager
def _refusing(room: AdminRoom) -> Iterator[None]:
    """What cannot be done is a problem, recorded once."""
    try:
        yield
    except ConfigError as error:
        refused = SekishoError(Reason.REQUEST_INVALID, "\n".join(error.problems))
        raise refuse(room.desk, Door.HTTP, refused, caller()) from error
    except SekishoError as error:
        raise refuse(room.desk, Door.HTTP, error, caller()) from error


def _noted(room: AdminRoom, call: AdminCall, who: str, event: Event, one: AdminBlock) -> None:
    kind, name = one.block.whom
    room.note(call, who, f"{one.block.id}: {kind} {name}: {one.block.reason}", event)


def _day(text: str, now: int) -> int:
    try:
        day = int(datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC).timestamp()) // DAY
    except ValueError:
        invalid("until must be a day as 2027-01-31: the first on which the block is over")
    if day <= now // DAY:
        invalid("until has come: the block would be over before it began")
    return day


def _blocks(room: AdminRoom) -> list[dict[str, Any]]:
    try:
        return [_block(one) for one in kept(room.blocks).kept]
    except ConfigError:
        return []


def _block(one: AdminBlock) -> dict[str, Any]:
    kind, name = one.block.whom
    start, end = (None if day is None else iso(day) for day in (one.block.period.start, one.block.period.end))
    return {"id": one.block.id, kind: name, "from": start, "to": end, "reason": one.block.reason, "by": one.by}
