"""/v1/decisions: the record of decisions, page by page. That somebody looks is a decision too, and recorded first.

A page is found by reading on from a *cursor*, which says behind which entry of each writer the last one ended. So much
is read for one page and no more: a page may be empty and say that there is more. A cursor holds no right: each page is
decided about anew, and shows nothing beyond what was asked for.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Response, request

from gateway.audit.follow import Follower, Position, before
from gateway.doors.answers import refused_words
from gateway.doors.callers import Words, who_reads
from gateway.doors.documents import MAX_NAME, bearer_of, invalid
from gateway.doors.http.problems import json_answer, problem
from gateway.doors.http.room import Room, authorization, origin
from gateway.errors import Reason, SekishoError
from gateway.inquiry import Inquiry, Looking, Reading
from gateway.model import Door, Effect
from gateway.reports.decisions import KINDS, Wanted, shown

MOST: Final = 1000
DEFAULT: Final = 100
FILTERS: Final[Mapping[str, str]] = {
    "since": "From this moment on: RFC 3339, or seconds since 1970",
    "until": "Before this moment",
    "entity": "Of people employed by this entity; needed by those who may read about their own only",
    "principal": "Of this principal (issuer#subject)",
    "country": "With this country in the origin",
    "rule": "On which this rule spoke",
    "effect": "allow or deny",
    "decision_id": "This one",
    "cursor": "Where the page before ended (`next`)",
    "limit": f"At most so many, {DEFAULT} if nobody tells, {MOST} at most",
}
_SCAN: Final = 16 * 1024 * 1024  # bytes of the record that one page is looked for in
_WRITERS: Final = 1000
_WRITER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is asked for."""

    wanted: Wanted
    cursor: Mapping[str, Position] | None
    limit: int


def decisions(room: Room) -> Response:
    """The record of decisions, page by page. To look at it is itself decided about, and recorded."""
    with room.asking():
        page = read_page(request.args.to_dict(flat=False))
        asker = who_reads(room.desk, Words(bearer=bearer_of(authorization())), origin=origin())
        inquiry = Inquiry(
            door=Door.HTTP,
            principal=asker.principal,
            peer=asker.peer,
            caller=asker.caller,
            reading=page.wanted.reading,
            session="http",
        )
    outcome = room.desk.read(inquiry, Door.HTTP)
    if not outcome.allowed or outcome.decision is None:
        return problem(outcome.reason, refused_words(outcome))
    return json_answer({"decision_id": outcome.decision.id, **found(room.behind.record, page)})


def read_page(told: Mapping[str, list[str]]) -> Page:
    """The page in a query string. Raises SekishoError."""
    given: dict[str, str] = {}
    for name, values in told.items():
        if name not in FILTERS:
            invalid(f"unknown parameter {json.dumps(name[:64])}; known: {', '.join(FILTERS)}")
        if len(values) > 1:
            invalid(f"{name} is given twice")
        if not values[0] or len(values[0]) > (16_384 if name == "cursor" else MAX_NAME):
            invalid(f"{name} is empty, or too long")
        given[name] = values[0]
    if given.get("effect", Effect.ALLOW) not in [effect.value for effect in Effect]:
        invalid("effect must be allow or deny")
    if not given.get("limit", "1").isascii() or not given.get("limit", "1").isdigit():
        invalid("limit must be a whole number")
    limit = int(given.get("limit", str(DEFAULT))[:9])
    if not 1 <= limit <= MOST:
        invalid(f"limit must be 1 to {MOST}")
    reading = Reading(
        what=Looking.DECISIONS,
        entity=given.get("entity"),
        principal=given.get("principal"),
        since=_moment(given, "since"),
        until=_moment(given, "until"),
    )
    wanted = Wanted(
        reading=reading,
        country=given.get("country"),
        rule=given.get("rule"),
        effect=given.get("effect"),
        decision_id=given.get("decision_id"),
    )
    return Page(wanted=wanted, cursor=read_cursor(given["cursor"]) if "cursor" in given else None, limit=limit)


def found(record: Path | None, page: Page) -> dict[str, Any]:
    """The page. Raises SekishoError where the record cannot be read."""
    if record is None:
        raise SekishoError(Reason.INTERNAL)
    since = page.wanted.reading.since
    try:
        start = page.cursor if page.cursor is not None else before(record, (since or 0) * 1_000_000)
        follower = Follower(record, start)
        entries: list[dict[str, Any]] = []
        scanned, more = 0, True
        while more and len(entries) < page.limit and scanned < _SCAN:
            lines = follower.read(lines=page.limit - len(entries))
            more = bool(lines)
            scanned += sum(len(line.raw) for line in lines)
            for line in lines:
                if any(kind in line.raw for kind in KINDS) and page.wanted.fits(line.entry):
                    entries.append(shown(line.writer, line.seq, line.entry))
    except OSError as error:
        raise SekishoError(Reason.RECORD_UNAVAILABLE, "the record cannot be read just now") from error
    return {"decisions": entries, "next": write_cursor(follower.positions), "more": more}


def write_cursor(positions: Mapping[str, Position]) -> str:
    """Where every writer was read to."""
    told = {writer: [one.seq, one.hash, one.segment, one.offset] for writer, one in positions.items()}
    return base64.urlsafe_b64encode(json.dumps(told, separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Mapping[str, Position]:
    """The same back. It is only looked up what lies in the record's folder under a writer's name: nothing is opened by
    what somebody wrote here. Raises SekishoError."""
    try:
        told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(told, dict) or len(told) > _WRITERS:
            raise TypeError
        return {_writer(name): _position(*one) for name, one in told.items()}
    except (ValueError, TypeError, RecursionError, binascii.Error):
        invalid("the cursor is none of ours")


def _writer(name: str) -> str:
    if not _WRITER.fullmatch(name):
        raise ValueError(name)
    return name


def _position(seq: object, hashed: object, segment: object, offset: object) -> Position:
    numbers = (seq, segment, offset)
    if not all(type(one) is int and -1 <= one < 1 << 62 for one in numbers) or not isinstance(hashed, str):
        raise TypeError
    return Position(int(str(seq)), hashed, int(str(segment)), int(str(offset)))


def _moment(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        invalid(f"{name} must be a moment as 2026-11-22T09:00:00Z, or seconds since 1970")
    return int(moment.timestamp())
