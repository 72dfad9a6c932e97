"""What a session of the postgres door may not exceed, and what ends it from outside.

All sessions are looked at together, a few times a second: no statement costs a timer. Between two looks nothing is
measured, so a limit is kept to within one look, and never early. At each look a session says what it does and a mark
of it; the same mark twice means that it has done nothing else meanwhile.

- idle, or idle in a transaction, for too long: ended, in PostgreSQL's own words;
- one statement for too long: cancelled at the server; if that does not help in time, the session is ended;
- what proved the client has expired, and the grace with it: ended;
- the registry is another, or a date in it has come: whoever is blocked now is ended at once; whom another profile fits
  now, at the next statement. (What statements may do is asked of the rules anew by itself: `Authority.usable`.)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from enum import Enum, auto
from typing import Final, Protocol

from gateway.config import Limits
from gateway.doors.desk import Desk
from gateway.doors.pg_login import LoggedIn
from gateway.errors import Reason, SekishoError
from gateway.facts.registry import Registry

_log = logging.getLogger(__name__)
_LOOK: Final = 0.5  # seconds between two looks, unless a limit is shorter than a few of them
_LOOKS_IN_A_LIMIT: Final = 5
_SHORTEST_LOOK: Final = 0.02
_AT_A_TIME: Final = 16  # sessions that are asked about in one turn of the loop when the registry changed


class Doing(Enum):
    """What a session does just now."""

    IDLE = auto()
    IDLE_IN_TRANSACTION = auto()
    RUNNING = auto()  # the server owes an answer
    DECIDING = auto()  # a decision is awaited, which has limits of its own


_WORDS: Final = {
    Doing.IDLE: (Reason.IDLE_TIMEOUT, "terminating connection due to idle-session timeout"),
    Doing.IDLE_IN_TRANSACTION: (
        Reason.IDLE_IN_TRANSACTION_TIMEOUT,
        "terminating connection due to idle-in-transaction timeout",
    ),
    Doing.RUNNING: (
        Reason.STATEMENT_TIMEOUT,
        "terminating connection: the statement ran too long, also when cancelled",
    ),
}


class Session(Protocol):
    """What is watched."""

    def doing(self) -> tuple[Doing, object]:
        """What it does, and a mark that is the same object only while it does nothing else."""

    def overdue(self) -> None:
        """Cancel the statement that runs: it took too long."""

    def outdate(self, why: str) -> None:
        """End it at its next statement."""

    def terminate(self, reason: Reason, detail: str) -> None:
        """End it, whatever it does just then."""


class _Stay:
    """What is known of one session."""

    __slots__ = ("cancelled", "doing", "login", "mark", "since")

    def __init__(self, login: LoggedIn, now: float) -> None:
        self.login = login
        self.doing = Doing.DECIDING
        self.mark: object = None
        self.since = now
        self.cancelled = False  # the statement that runs has been, and ``since`` counts from then


class Watch:
    """Looks at all sessions of the postgres door. Lives on the loop."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._grace = limits.expiry_grace_ms / 1000
        self._cancel_time = limits.cancel_timeout_ms / 1000
        self._most = {
            doing: most / 1000
            for doing, most in (
                (Doing.IDLE, limits.idle_timeout_ms),
                (Doing.IDLE_IN_TRANSACTION, limits.idle_in_transaction_timeout_ms),
                (Doing.RUNNING, limits.statement_timeout_ms),
            )
            if most
        }
        shortest = min((*self._most.values(), self._cancel_time, self._grace or _LOOK))
        self._pause = max(_SHORTEST_LOOK, min(_LOOK, shortest / _LOOKS_IN_A_LIMIT))
        self._stays: dict[Session, _Stay] = {}
        self._registry: Registry | None = None  # as of which everybody was looked at
        self._until = 0.0  # when a date in it comes next
        self._due: deque[Session] = deque()  # to be looked at again as of it
        self._timer: asyncio.Handle | None = None
        self._turn: asyncio.Handle | None = None

    def start(self) -> None:
        """Look from now on."""
        self.look_now()
        self._timer = asyncio.get_running_loop().call_later(self._pause, self.start)

    def look_now(self) -> None:
        """The registry is another: whom it stops is not to go on until the next look."""
        self.look(time.monotonic(), time.time())

    def stop(self) -> None:
        """Look no more."""
        for handle in (self._timer, self._turn):
            if handle is not None:
                handle.cancel()

    def join(self, session: Session, login: LoggedIn) -> None:
        """A session began."""
        self._stays[session] = _Stay(login, time.monotonic())
        if login.registry is not self._registry:  # it changed while somebody logged in
            self._due.append(session)
            self._look_again()

    def leave(self, session: Session) -> None:
        """A session ended."""
        self._stays.pop(session, None)

    # -- time -----------------------------------------------------------------------------------------------------

    def look(self, now: float, wall: float) -> None:
        """One look at everybody. ``wall``: seconds since 1970, by a clock that may be set."""
        for session, stay in list(self._stays.items()):
            try:
                self._look_at(session, stay, now, wall)
            except Exception:  # an edge: whatever it is, the others are looked at
                _log.exception("session_not_looked_at")
                session.terminate(Reason.INTERNAL, "")
        if self._registry is not self._desk.known_registry or wall >= self._until:
            self._registry = self._desk.known_registry
            self._until = self._registry.next_change(int(wall))
            self._due = deque(self._stays)
            self._look_again()

    def _look_at(self, session: Session, stay: _Stay, now: float, wall: float) -> None:
        if wall >= stay.login.principal.expires_at + self._grace:
            return session.terminate(
                Reason.TOKEN_EXPIRED, "terminating connection: the login has expired; log in again"
            )
        doing, mark = session.doing()
        if doing is not stay.doing or mark is not stay.mark:
            stay.doing, stay.mark, stay.since, stay.cancelled = doing, mark, now, False
            return None
        most = self._cancel_time if stay.cancelled else self._most.get(doing)
        if most is None or now - stay.since < most:
            return None
        if doing is Doing.RUNNING and not stay.cancelled:
            stay.since, stay.cancelled = now, True
            return session.overdue()
        return session.terminate(*_WORDS[doing])

    # -- the registry ---------------------------------------------------------------------------------------------

    def _look_again(self) -> None:
        """At a few sessions, and then at the next few: the loop is for everybody."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        for _ in range(min(_AT_A_TIME, len(self._due))):
            session = self._due.popleft()
            stay = self._stays.get(session)
            if stay is not None:
                self._still_welcome(session, stay.login)
        if self._due:
            self._turn = asyncio.get_running_loop().call_soon(self._look_again)

    def _still_welcome(self, session: Session, login: LoggedIn) -> None:
        try:
            profile = self._desk.welcome(login.datasource, login.principal).name
        except SekishoError as error:
            words = error.detail or error.answer.summary
            return session.terminate(error.reason, f"terminating connection: {words}")
        except Exception:  # an edge: nobody can say, so it is no
            _log.exception("session_not_looked_at")
            return session.terminate(Reason.INTERNAL, "")
        if profile != login.profile:
            session.outdate(f"profile {profile} fits by now, and no longer {login.profile}: connect again")
        return None
