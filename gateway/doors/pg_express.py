"""The fast lane of a session (`gateway.pgwire.express`): statements that were decided before, for which nothing is
needed but an entry of the record. Whether they stand is `authorize`'s to say; what is not surely so takes the long way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gateway.audit.ready import Completions
from gateway.doors.desk import Desk
from gateway.doors.pg_login import LoggedIn
from gateway.doors.pg_ticket import Ticket
from gateway.doors.pg_traces import SessionTraces
from gateway.model import Door, StatementEffect
from gateway.pgwire.actions import Action, Judgement
from gateway.pgwire.express import MORE, NOT_HERE
from gateway.pgwire.guard import Guard, guard_of
from gateway.pgwire.session import Session
from gateway.reuse import Repeat, Standing
from gateway.search_path import Asking, PathDeed, PathState
from gateway.tracing import Trace

_READ_BY: Final = frozenset({"select", "prepare", "execute", "declare", "fetch", "move"})  # where nothing is written


class Express:
    """Of one session."""

    __slots__ = (
        "_act",
        "_authority",
        "_completions",
        "_endings",
        "_fail",
        "_guards",
        "_path",
        "_repeat",
        "_server",
        "_session",
        "_session_id",
        "_trace",
        "_traces",
        "_turn",
        "_who",
        "over",
    )

    def __init__(
        self,
        *,
        desk: Desk,
        login: LoggedIn,
        session: Session,
        path: Asking,
        act: Callable[[list[Action]], None],
        fail: Callable[[], None],
        traces: SessionTraces | None = None,
    ) -> None:
        """``act``: what the other lane does; ``fail``: ends the session after an error nobody foresaw; without
        ``traces`` there are none."""
        self._authority = desk.authority
        self._turn = desk.turn
        self._endings = desk.metrics.endings(Door.POSTGRES)
        self._server = login.server
        self._session_id = login.session
        self._who = login.principal.id
        self._session = session
        self._path = path
        self._act = act
        self._fail = fail
        self._traces = traces
        self._trace: Trace | None = None  # of ``_repeat``
        self._completions = Completions(login.session)
        self._repeat: Repeat | None = None  # the statement that waits or is under way
        self._guards: tuple[Standing | None, Guard] = (None, Guard.NONE)
        self.over = False

    def enter(self, data: bytes) -> bool:
        """Whether these bytes of the client are seen to here."""
        found = self._session.enter(data)
        if found is None:
            return False
        authority, now_ns = self._authority, time.time_ns()
        if isinstance(found, Ticket):
            repeat = authority.once_more(found.standing, self._session_id, now_ns)
        elif isinstance(found, str) and (path := self._path.under(self._session.search_path))[1] is PathState.SETTLED:
            repeat = authority.known(found, self._session_id, self._who, now_ns, search_path=path[0])
        else:
            repeat = None
        if repeat is None:
            self._act(self._session.back())
        else:
            if self._traces is not None:
                self._trace = self._traces.again(self._session.entered, repeat)
            self._repeat = repeat
            self._turn.enter(self, repeat)
        return True

    def written(self) -> None:
        """The entry is as durable as it has to be: the statement goes to the server."""
        repeat = self._repeat
        if self.over or repeat is None:
            return
        standing = repeat.standing
        if standing is not self._guards[0]:
            self._guards = standing, guard_of(allowed(Ticket(standing, repeat.decision_id, repeat.at_ns)))
        ticket = Ticket(standing, repeat.decision_id, repeat.at_ns)
        if self._trace is not None:
            ticket.trace = self._trace
            self._trace.recorded(time.time_ns())
        self._server.write(self._session.go(ticket, self._guards[1], standing.text))
        if standing.traffic is not None:
            standing.traffic.passed()
        following = self._session.rest()
        if following is not None:
            self._act(following)

    def unwritten(self) -> None:
        """It is not: the other lane asks for it, and is told so."""
        if not self.over:
            if self._traces is not None:
                self._traces.drop(self._trace)
            self._act(self._session.back())

    def failed(self) -> None:
        """An error nobody foresaw."""
        self._fail()

    def answered(self, data: bytes) -> bool:
        """Whether these bytes of the server are the client's as they are."""
        rows = self._session.answered(data)
        if rows == NOT_HERE or self._repeat is None:
            return False
        if rows != MORE:
            self._completed(self._repeat, rows, self._session.answered_bytes)
        return True

    def _completed(self, repeat: Repeat, rows: int, sent_bytes: int) -> None:
        now_ns = time.time_ns()
        self._endings.count(rows)
        if repeat.standing.traffic is not None:
            repeat.standing.traffic.returned(rows, sent_bytes)
        self._authority.completed(repeat.standing, rows, now_ns // 1_000_000_000)
        if self._trace is not None:
            self._trace.answered(now_ns, rows, "00000")
        at_us = now_ns // 1000
        took = max(0, (now_ns - repeat.at_ns) // 1000)
        self._turn.note(self._completions.text(repeat.decision_id, at_us, took, rows, sent_bytes), at_us)


def allowed(ticket: Ticket) -> Judgement:
    """The judgement of a statement that may go on."""
    standing = ticket.standing
    facts = standing.understanding
    # A constraint's error quotes the row, whichever columns the statement names (HAZARDS I12): a relation about people,
    # or one nobody labelled, is enough. So is a statement that was let through (shadow) without being understood.
    guarded = facts.data.about_people or not facts.statement.complete
    reads = facts.statement.kind in _READ_BY and facts.statement.effect is StatementEffect.READ
    lasting = guarded and not reads
    # Nobody knows what one that is not understood does to the path, either.
    path = facts.statement.path if facts.statement.complete else PathDeed.SETS
    return Judgement(
        ticket,
        text=standing.text,
        naming=standing.naming,
        guarded=guarded,
        lasting=lasting,
        path=path,
        watch=ticket.seen,
    )
