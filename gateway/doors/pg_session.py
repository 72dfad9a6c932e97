"""A logged-in session of the postgres door: bytes between client and server, each statement decided at the desk.

What a message means and what goes on is decided in `gateway.pgwire.session`; this shell does what it says, and makes
whoever sends faster than the other side reads wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from gateway.audit import record
from gateway.doors.pg_express import Express, allowed
from gateway.doors.pg_limits import Doing
from gateway.doors.pg_line import ClientLine
from gateway.doors.pg_login import LoggedIn
from gateway.doors.pg_strict import OwnTrees
from gateway.doors.pg_subjects import Counted, Seen
from gateway.doors.pg_ticket import Judged, Ticket
from gateway.doors.pg_traces import SessionTraces
from gateway.errors import PolicyUnavailable, Reason
from gateway.model import DatasourceId, Door, Peer, StatementFacts
from gateway.naming import Meaning, NameKind
from gateway.needs import Analysis, Ask, NeedTree, Outcome
from gateway.pgwire.actions import (
    Action,
    Analysed,
    Close,
    Completed,
    Judge,
    Judgement,
    Leave,
    Lookup,
    Refused,
    ToClient,
    ToServer,
)
from gateway.pgwire.session import Session
from gateway.search_path import Asking
from gateway.sql.together import together_with
from gateway.tracing import Trace

if TYPE_CHECKING:
    from gateway.doors.postgres import PostgresDoor

OBLIGATIONS: Final = frozenset({"mask", "row_filter", "row_limit", "subject_countries"})  # written into the text


@dataclass(frozen=True, slots=True)
class _Names:
    """The session's names, as `authorize` asks about them."""

    lookup: Lookup

    def meaning(self, kind: NameKind, name: str) -> Meaning | None:
        found = self.lookup(kind, name)
        if found is None:
            return None
        return Meaning(found.text, found.types, found.sent, _seen(found.ticket))


def _seen(ticket: object) -> tuple[StatementFacts, ...]:
    """What a portal or cursor was opened for."""
    return (ticket.standing.understanding.statement,) if isinstance(ticket, Ticket) else ()


def _covers(ticket: Ticket, seen: tuple[StatementFacts, ...]) -> bool:
    """Whether the decision was about all of that."""
    facts = ticket.standing.understanding.statement
    return not seen or seen[0] is facts or together_with(facts, seen) is facts


class Relay:
    """Both directions of one session. Its server delivers to it (`gateway.links.connection.Receiver`)."""

    def __init__(self, door: PostgresDoor, login: LoggedIn, peer: Peer, client: ClientLine) -> None:
        limits = door.limits
        self._desk = door.desk
        self._login = login
        self._peer = peer
        self._client = client
        self._own = OwnTrees(door.desk.reader(login.datasource), tree_bytes=limits.tree_bytes) if login.strict else None
        self._session = Session(
            bulk_limit=limits.message_bytes,
            names_limit=limits.statements,
            nonce=door.nonce,
            approver=self._own,
            tree_bytes=limits.tree_bytes,
            search_path=login.search_path,
        )
        self._path = Asking(own=login.own_path, began=login.search_path)
        self._traces = None if door.desk.traces is None else SessionTraces(door.desk.traces, login.datasource)
        self._express = Express(
            desk=door.desk,
            login=login,
            session=self._session,
            path=self._path,
            act=self._go_on,
            fail=self._failed,
            traces=self._traces,
        )
        self._counted = Counted(door.desk.authority)
        self._room = door.room
        self._server_slow = False
        self._draining = False
        self._over = False
        self._heard = 0  # chunks of the client's: while that is the same number it has said nothing
        self._after_row: Callable[[], None] | None = None  # nothing goes on but the rest of a row, and then this
        self.outdated = ""  # why no further statement is let through: such a session can only be begun anew

    @property
    def running(self) -> bool:
        """Whether the server works on something of this session's."""
        return self._session.running

    @property
    def heard(self) -> int:
        """The same number while the client has said nothing."""
        return self._heard

    # -- bytes ----------------------------------------------------------------------------------------------------

    def client_data(self, data: bytes) -> None:
        """Bytes from the client."""
        self._heard += 1
        if self._after_row is not None:
            return
        if self.outdated or not self._express.enter(data):
            self._act(self._session.client_data(data))
            self._hold()
            if not self._over and not self._room.fits(self, self._session.pending):
                self._client.end(Reason.NO_ROOM, "terminating connection: too much was sent at once, in all")

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        if self._over:
            return
        if self._after_row is not None:
            self._act(self._session.server_data(data[: self._session.rest_of_row]))
            return self.end_after_row(self._after_row)
        if self._express.answered(data):
            self._client.write(data)
            self._drained()
        else:
            self._go_on(self._session.server_data(data))

    def connection_lost(self) -> None:
        """The server closed the connection."""
        self._client.end(Reason.UPSTREAM_LOST, "the connection to the database was lost")

    def pause_writing(self) -> None:
        """The server reads slowly: stop reading from the client meanwhile."""
        self._server_slow = True
        self._hold()

    def resume_writing(self) -> None:
        """The server caught up."""
        self._server_slow = False
        self._hold()

    def client_slow(self, slow: bool) -> None:
        """The client reads its rows slowly: stop reading them from the server meanwhile; or go on."""
        transport = self._login.server.transport
        if transport is None or self._login.server.closed:
            return
        if slow:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def drain(self) -> None:
        """End when no transaction is open; at once where none is."""
        self._draining = True
        self._drained()

    @property
    def farewell(self) -> bool:
        """Whether the client knows from the server itself why the session ends."""
        return self._session.farewell

    @property
    def within_row(self) -> bool:
        """Whether the client has been given half a row."""
        return self._session.rest_of_row > 0

    def end_after_row(self, end: Callable[[], None]) -> None:
        """Let no more through than the rest of the row that the client has the beginning of, then end."""
        self._after_row = end
        if not self.within_row:
            end()

    def doing(self) -> tuple[Doing, object]:
        """What the session does, and a mark that is the same object only while it does nothing else."""
        answering = self._session.answering
        if answering is not None:
            return Doing.RUNNING, answering
        if self._session.waiting:
            return Doing.DECIDING, None
        return (Doing.IDLE if self._session.idle else Doing.IDLE_IN_TRANSACTION), self._heard

    def overdue(self) -> None:
        """What runs takes too long, and is about to be cancelled."""
        self._session.overdue()

    def over(self) -> None:
        """Nothing is done any more: the connection has ended."""
        self._over = self._express.over = True
        self._counted.settle()
        self._room.leave(self)
        if self._traces is not None:
            self._traces.over()
        if self._own is not None:
            self._own.over()

    def _drained(self) -> None:
        if self._draining and not self._over and self._session.idle:
            self._client.end(Reason.SHUTTING_DOWN, "terminating connection: the gateway is shutting down")

    def _hold(self) -> None:
        """Read no further while a decision is awaited: what follows waits in the peer's own buffers."""
        if not self._over:
            self._client.hold(self._session.waiting or self._server_slow)

    def _failed(self) -> None:
        self._client.end(Reason.INTERNAL, "")

    # -- actions --------------------------------------------------------------------------------------------------

    def _go_on(self, actions: list[Action]) -> None:
        """Do that; and see who has to wait now, or for what nobody has to any more."""
        self._act(actions)
        self._hold()
        if not self._session.running and not self._session.waiting:
            self._counted.settle()  # what was let through and never sent
            if self._traces is not None:
                self._traces.settle()
        self._drained()

    def _act(self, actions: list[Action]) -> None:
        """Do what the session wants. What goes to the server is gathered, so that a chunk costs one write."""
        server = self._login.server
        to_server: list[bytes] = []
        while actions:
            following: list[Action] = []
            for action in actions:
                match action:
                    case ToServer():
                        to_server.append(action.data)
                    case ToClient():
                        self._client.write(action.data)
                    case Judge() if self.outdated:
                        server.write(b"".join(to_server))
                        self._client.end(Reason.SESSION_OUTDATED, f"terminating connection: {self.outdated}")
                        return
                    case Judge():
                        if self._own is not None and to_server:
                            server.write(b"".join(to_server))  # before a question of our own
                            to_server.clear()
                        judgement = self._judge(action)
                        if judgement is not None:
                            following = self._session.judged(judgement)
                    case Analysed():
                        if self._own is not None:
                            self._own.analysed(action)
                    case Completed():
                        self._completed(action)
                    case Refused():
                        self._desk.metrics.denied(Door.POSTGRES, action.reason)
                    case Close():
                        server.write(b"".join(to_server))
                        self._client.end(action.reason, action.detail)
                        return
                    case Leave():
                        server.write(b"".join(to_server))
                        self._client.left()
                        return
                    case _:
                        assert_never(action)
            actions = following
        if to_server:
            server.write(b"".join(to_server))

    def _judge(self, judge: Judge) -> Judgement | None:
        login, desk, now_ns = self._login, self._desk, time.time_ns()
        ticket = judge.ticket if isinstance(judge.ticket, Ticket) else None
        opened, at = _seen(judge.opened), now_ns // 1_000_000_000
        # Whose people are counted finds room anew, each time.
        counted = ticket is not None and ticket.standing.cost is not None
        usable = ticket is not None and ticket.usable and not counted and _covers(ticket, opened)
        if ticket is not None and usable and desk.authority.usable(ticket.standing, at):
            if judge.fresh:
                # Its entry is of this Parse.
                trace = None if self._traces is None else self._traces.executed(ticket.trace, now_ns)
                return allowed(Ticket(ticket.standing, ticket.decision_id, now_ns, ticket.judged, trace=trace))
            judged = ticket.judged
            work = desk.authority.again(ticket.standing, login.session, now_ns)
        else:
            path, path_state = self._path.under(judge.path, judge.path_state)
            ask = Ask(
                door=Door.POSTGRES,
                datasource=DatasourceId(login.datasource),
                profile=login.profile,
                principal=login.principal,
                peer=self._peer,
                caller=login.caller,
                sql=judge.text,
                parameter_types=judge.types,
                supports=OBLIGATIONS,
                sends=True,
                seen=opened,
                names=None if judge.names is None else _Names(judge.names),
                executes=judge.executes,
                counts=True,
                own_session=self._own is not None,
                search_path=path,
                path_state=path_state,
                session=login.session,
            )
            judged = None
            if self._own is not None:
                self._own.begin(judge.text)
            work = desk.authority.authorize(ask, now_ns)
        trees = self._ask_own if self._own is not None else None
        trace = None if self._traces is None else self._traces.begin(judge.text, now_ns, executes=judge.executes)
        outcome = desk.decide(work, Door.POSTGRES, partial(self._judged_later, judged, trace), trees, trace)
        if outcome is None:
            return None
        return _judgement(outcome, now_ns, self._meant(outcome, judged), self._counted.begin(outcome), trace)

    def _ask_own(self, need: NeedTree) -> asyncio.Future[Analysis]:
        """A strict session's own server is asked. Raises PolicyUnavailable."""
        if self._own is None or self._over:
            raise PolicyUnavailable(Reason.UPSTREAM_LOST, "the session ended before the statement was analysed")
        actions = self._session.ask(need.text, need.parameter_types)
        answer = self._own.promise(need)
        self._act(actions)
        return answer

    def _judged_later(self, judged: Judged | None, trace: Trace | None, outcome: Outcome) -> None:
        seen = self._counted.begin(outcome)
        judgement = _judgement(outcome, time.time_ns(), self._meant(outcome, judged), seen, trace)
        if self._over:
            self._counted.settle()
        else:
            self._go_on(self._session.judged(judgement))

    def _meant(self, outcome: Outcome, judged: Judged | None) -> Judged | None:
        """What was judged in a strict session; ``judged``: by an earlier judgement, which stands."""
        if self._own is None or judged is not None or not outcome.allowed or outcome.standing is None:
            return judged
        return self._own.judged(outcome.standing)

    def _completed(self, action: Completed) -> None:
        ticket, desk = action.ticket, self._desk
        if not isinstance(ticket, Ticket):
            return
        now_ns = time.time_ns()
        if ticket.trace is not None:
            ticket.trace.answered(now_ns, action.rows, action.sqlstate)
        desk.metrics.completed(Door.POSTGRES, ok=action.sqlstate == "00000", rows=action.rows)
        if ticket.standing.traffic is not None:
            ticket.standing.traffic.returned(action.rows, action.row_bytes)
        self._counted.completed(ticket.standing, action.rows, ticket.seen, now_ns // 1_000_000_000)
        desk.note(
            record.completion_entry(
                ticket.decision_id,
                at_ns=now_ns,
                session=self._login.session,
                rows=action.rows,
                sent_bytes=action.row_bytes,
                sqlstate=None if action.sqlstate == "00000" else action.sqlstate,
                duration_us=max(0, (now_ns - ticket.began_ns) // 1000),
            )
        )


def _judgement(
    outcome: Outcome,
    now_ns: int,
    judged: Judged | None = None,
    seen: Seen | None = None,
    trace: Trace | None = None,
) -> Judgement:
    if outcome.allowed and outcome.decision is not None and outcome.standing is not None:
        return allowed(Ticket(outcome.standing, outcome.decision.id, now_ns, judged, seen, trace))
    if outcome.complaint is not None:
        return Judgement(None, dict(outcome.complaint.fields))
    # R is where PostgreSQL names the routine that an error comes from: programs find our own word for it there.
    fields = {"S": "ERROR", "V": "ERROR", "C": outcome.sqlstate, "R": outcome.reason.value}
    return Judgement(None, fields | {"M": outcome.message, "D": outcome.detail, "H": outcome.hint})
