"""WatchDecisions: the record of decisions, followed for somebody whom a rule lets look, for as long as it does.

To watch is a decision, asked for again when its answer is over: a token that has expired, or a rule that has changed,
ends the stream. Nothing is sent beyond what the reading is about.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.audit.follow import Follower, Position, before
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.access_messages import decision_message, parse
from gateway.doors.answers import refused_words
from gateway.doors.callers import Asker, Origin, Words, who_reads
from gateway.doors.documents import MAX_NAME, bearer_of, invalid, text_of, token_of
from gateway.doors.requests import DeskApi
from gateway.errors import Reason, SekishoError
from gateway.inquiry import Inquiry, Looking, Reading
from gateway.model import Door
from gateway.reports.decisions import KINDS, Wanted, shown

WATCHERS: Final = 32
"""Streams at once: each reads the record for itself."""

_AGAIN: Final = 300.0  # seconds after which it is asked again whether somebody may watch, at the latest
_PAUSE: Final = 0.25  # seconds between two looks at a record that has nothing new
_WRITERS: Final = 1000
_LATEST: Final = 253_402_300_799


class Watching:
    """Everybody who watches through one door."""

    def __init__(self, desk: DeskApi, record: Path | None) -> None:
        """``record``: its folder."""
        self._desk = desk
        self._record = record
        self._watchers = 0

    async def begin(
        self, body: bytes, authorization: Sequence[str], origin: Origin
    ) -> AsyncIterator[wire.WatchDecisionsResponse]:
        """What is to be sent. Raises SekishoError where nothing is."""
        request = parse(wire.WatchDecisionsRequest, body)
        wanted = _wanted(request)
        after = _after(request)
        words = Words(token=token_of(request.token), bearer=bearer_of(authorization))
        asker = who_reads(self._desk, words, origin=origin)
        if self._record is None:
            raise SekishoError(Reason.INTERNAL)
        if self._watchers >= WATCHERS:
            raise SekishoError(Reason.LIMIT_EXCEEDED, f"{WATCHERS} watch already")
        until = await self._allowed(asker, wanted.reading)
        try:
            follower = await asyncio.to_thread(_follower, self._record, request.since, after)
        except OSError as error:
            raise SekishoError(Reason.RECORD_UNAVAILABLE, "the record cannot be read just now") from error
        return self._follow(follower, wanted, asker, until)

    async def _follow(
        self, follower: Follower, wanted: Wanted, asker: Asker, until: float
    ) -> AsyncIterator[wire.WatchDecisionsResponse]:
        self._watchers += 1
        try:
            while True:
                if time.time() >= until:
                    until = await self._allowed(asker, wanted.reading)
                lines, found = await asyncio.to_thread(_read, follower, wanted)
                for one in found:
                    yield one
                if not lines:
                    await asyncio.sleep(_PAUSE)
        except OSError as error:
            raise SekishoError(Reason.RECORD_UNAVAILABLE, "the record cannot be read just now") from error
        finally:
            self._watchers -= 1

    async def _allowed(self, asker: Asker, reading: Reading) -> float:
        """Until when. Raises SekishoError with the words of the rule where not."""
        inquiry = Inquiry(
            door=Door.GRPC,
            principal=asker.principal,
            peer=asker.peer,
            caller=asker.caller,
            reading=reading,
            session=Door.GRPC.value,
        )
        outcome = await self._desk.read_async(inquiry, Door.GRPC)
        if not outcome.allowed or outcome.decision is None:
            raise SekishoError(outcome.reason, refused_words(outcome))
        return min(outcome.decision.verdict.valid_until, time.time() + _AGAIN)


def _wanted(request: wire.WatchDecisionsRequest) -> Wanted:
    given = {
        name: text_of(getattr(request, name), name, MAX_NAME) or None
        for name in ("entity", "principal", "country", "rule")
    }
    if request.effect not in wire.Effect.values():
        invalid("effect is none that this version knows")
    if not 0 <= request.since <= _LATEST:
        invalid("since is no moment")
    effect = wire.Effect.Name(request.effect).removeprefix("EFFECT_").lower()
    reading = Reading(
        what=Looking.DECISIONS, entity=given["entity"], principal=given["principal"], since=request.since or None
    )
    return Wanted(
        reading=reading,
        country=given["country"],
        rule=given["rule"],
        effect=None if request.effect == wire.EFFECT_UNSPECIFIED else effect,
    )


def _after(request: wire.WatchDecisionsRequest) -> dict[str, Position]:
    """Only looked up among the record's writers: no file is named by what somebody wrote here."""
    if len(request.after) > _WRITERS:
        invalid(f"after has more than {_WRITERS} entries")
    found: dict[str, Position] = {}
    for place, one in enumerate(request.after):
        if not one.writer or len(one.writer) > MAX_NAME or one.writer in found or not -1 <= one.sequence < 1 << 62:
            invalid(f"after[{place}] is no position")
        found[one.writer] = Position(one.sequence)
    return found


def _follower(record: Path, since: int, after: dict[str, Position]) -> Follower:
    if after:
        return Follower(record, after)
    if since:
        return Follower(record, before(record, since * 1_000_000))
    return Follower.from_end(record)


def _read(follower: Follower, wanted: Wanted) -> tuple[int, list[wire.WatchDecisionsResponse]]:
    """How many entries there were, and those that are wanted."""
    follower.look()
    lines = follower.read()
    found: list[dict[str, Any]] = [
        shown(line.writer, line.seq, line.entry)
        for line in lines
        if any(kind in line.raw for kind in KINDS) and wanted.fits(line.entry)
    ]
    return len(lines), [decision_message(one) for one in found]
