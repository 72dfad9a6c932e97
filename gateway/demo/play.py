"""Plays a step through the postgres door with a real driver and says whether it came out as expected.

One step is one connection: through a relay that states where the person is, with the person's token as password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from gateway.demo.characters import Character
from gateway.demo.relay import LOOPBACK, Relay
from gateway.demo.settings import DATASOURCE
from gateway.demo.show import Screen, Tone
from gateway.demo.story import Outcome, Query, Step
from gateway.demo.trail import Decided, Trail

_CONNECT_SECONDS: Final = 15
_ROWS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """An error as psql would show it."""

    sqlstate: str
    severity: str
    message: str
    detail: str = ""
    hint: str = ""

    @classmethod
    def of(cls, error: psycopg.Error) -> Complaint:
        """From the driver's exception; without a server's answer only its words are known."""
        said = error.diag
        return cls(
            sqlstate=error.sqlstate or "",
            severity=said.severity or "ERROR",
            message=said.message_primary or str(error).strip(),
            detail=said.message_detail or "",
            hint=said.message_hint or "",
        )

    @property
    def text(self) -> str:
        """Everything a person reads."""
        return "\n".join(part for part in (self.message, self.detail, self.hint) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows as the driver gave them."""

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One query and all that came of it."""

    query: Query
    answer: Table | Complaint
    decided: Decided | None

    @property
    def outcome(self) -> Outcome:
        """What an expectation looks at."""
        decided, answer = self.decided, self.answer
        return Outcome(
            rows=len(answer.rows) if isinstance(answer, Table) else None,
            first="|".join(map(str, answer.rows[0])) if isinstance(answer, Table) and answer.rows else "",
            sqlstate=answer.sqlstate if isinstance(answer, Complaint) else "",
            text=answer.text if isinstance(answer, Complaint) else "",
            effect=decided.effect if decided else "",
            cross_border=decided.cross_border if decided else False,
            same_id=decided is not None and isinstance(answer, Complaint) and names_id(answer.text, decided.ids),
        )


def names_id(text: str, ids: frozenset[str]) -> bool:
    """Whether the text names one of these decision ids as a whole word."""
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in ids)


class Stage:
    """Where steps are played: the gateway's edge listener, the tokens, the record."""

    def __init__(self, *, edge: int, addresses: Mapping[str, str], tokens: Mapping[str, str], trail: Trail) -> None:
        """``addresses`` is site -> a person's address there; ``tokens`` is subject -> token."""
        self._edge = edge
        self._addresses = addresses
        self._tokens = tokens
        self._trail = trail

    def play(self, step: Step) -> tuple[Played, ...]:
        """All queries of one step over one connection. A connection that fails fails the first query."""
        self._trail.new()  # what others did before is not ours
        with Relay(self._addresses[step.site], (LOOPBACK, self._edge)) as relay:
            try:
                connection = self._connect(relay.port, step.who)
            except psycopg.Error as error:
                return (Played(query=step.queries[0], answer=Complaint.of(error), decided=None),)
            with connection:
                return tuple(self._ask(connection, step.who, query) for query in step.queries)

    def knock(self, who: Character, site: str) -> Complaint | None:
        """Begin a session and end it; what the door says where none begins."""
        with Relay(self._addresses[site], (LOOPBACK, self._edge)) as relay:
            try:
                self._connect(relay.port, who).close()
            except psycopg.Error as error:
                return Complaint.of(error)
        return None

    def _connect(self, port: int, who: Character) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=LOOPBACK,
            port=port,
            dbname=DATASOURCE,
            user=who.subject,
            password=self._tokens[who.subject],
            sslmode="disable",
            gssencmode="disable",
            connect_timeout=_CONNECT_SECONDS,
            autocommit=True,
        )

    def _ask(self, connection: psycopg.Connection[tuple[Any, ...]], who: Character, query: Query) -> Played:
        answer: Table | Complaint
        try:
            # None, not (): with parameters the driver speaks the extended protocol, without them the simple one
            cursor = connection.execute(query.sql.encode(), query.parameters or None)
            names = tuple(column.name for column in cursor.description or ())
            answer = Table(names=names, rows=tuple(cursor.fetchall()))
        except psycopg.Error as error:
            answer = Complaint.of(error)
        return Played(query=query, answer=answer, decided=self._trail.decided(who.subject))


def tell(screen: Screen, number: int, step: Step, address: str, played: tuple[Played, ...]) -> bool:
    """Print one step; whether all of it came out as expected."""
    screen.heading(f"{number}. {step.title}")
    known = next((one.decided for one in played if one.decided is not None and one.decided.chain), None)
    person = known.person if known else ""
    screen.field("who", f"{person or step.who.subject} ({step.who.subject}, {', '.join(step.who.groups)})")
    screen.field("from", f"{step.site}, {address}{_place(known)}")
    screen.field("employer", _chain(known))
    good = [_tell_query(screen, one) for one in played]
    return all(good) and len(played) == len(step.queries)


def _place(decided: Decided | None) -> str:
    if decided is None:
        return ""
    where = " and ".join(decided.countries) or f"unknown ({decided.location_note})"
    return f", seen as {where}"


def _chain(decided: Decided | None) -> str:
    """The employer first, then hop by hop to the controller of the data."""
    if decided is None:
        return "the record does not say"
    hops = [
        f"{hop.name} ({hop.country or 'country unknown'}; hop {hop.hop}, {hop.relation})" for hop in decided.chain[::-1]
    ]
    return " ← ".join(hops) or "unknown: no chain to the controller of the data"


def _tell_query(screen: Screen, played: Played) -> bool:
    query = played.query
    screen.line()
    shown = query.sql
    for position in range(len(query.parameters)):
        shown = shown.replace("%s", f"${position + 1}", 1)
    screen.field("SQL", shown, tone=Tone.ACCENT)
    if query.parameters:
        values = [f"${number} = {value!r}" for number, value in enumerate(query.parameters, start=1)]
        screen.field("", ", ".join(values), tone=Tone.FAINT)
    match played.answer:
        case Table(names=names, rows=rows):
            screen.table(names, rows[:_ROWS_SHOWN])
            if len(rows) > _ROWS_SHOWN:
                screen.line(f"… {len(rows) - _ROWS_SHOWN} more", Tone.FAINT, indent=3)
        case Complaint() as error:
            _tell_complaint(screen, error)
    decided = played.decided
    screen.field("decision", f"{decided.id} {decided.effect}, {decided.reason}" if decided else "none in the record")
    complaint = query.expect.complaint(played.outcome)
    text = complaint or query.expect.summary + (f"; {query.remark}" if query.remark else "")
    screen.verdict(not complaint, f"not as expected: {complaint}" if complaint else text)
    return not complaint


def _tell_complaint(screen: Screen, error: Complaint) -> None:
    parts = ((error.severity, error.message, Tone.BAD), ("DETAIL", error.detail, Tone.PLAIN))
    for name, text, tone in (*parts, ("HINT", error.hint, Tone.PLAIN)):
        if text:
            screen.field(f"{name}:", text, tone=tone)
