"""The load: several people at the postgres door at once, in every way that a statement comes, each text with a mark of
its own. What each was told is kept, and when."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from gateway.demo.characters import LI, SATO, Character

PEOPLE: Final = (SATO, SATO, SATO, SATO, LI, LI)  # one connection each
FIRST_MARK: Final = 7 * 10**18  # a bigint, as all are: constants of one type, so that texts have one shape
_RETRY_S: Final = 0.01
_LOST: Final = "lost"  # in place of an SQLSTATE: the connection ended before an answer came


class Way(StrEnum):
    """How a statement comes, and what about it is to be recorded how."""

    SIMPLE_WRITTEN = "simple, nobody's data: written"
    SIMPLE_SYNCED = "simple, people's data: synced"
    CHANGE_SYNCED = "simple, a change: synced"
    PREPARED_WRITTEN = "prepared, nobody's data: written"
    PREPARED_SYNCED = "prepared, people's data: synced"
    PIPELINED = "pipelined, both"
    TOGETHER = "two in one transaction, both"
    BATCH = "two in one Query"
    DENIED = "denied: synced"
    MISSPELT = "the server's complaint"


_UNLABELLED: Final = "SELECT count(*) FROM stickers WHERE id < {mark}"
_PEOPLE: Final = "SELECT name FROM users WHERE id = {mark}"
_CHANGE: Final = "UPDATE users SET country = country WHERE id = {mark}"
_PREPARED: Final = "SELECT count(*) FROM stickers WHERE id < {mark} AND id > %s"
_PREPARED_PEOPLE: Final = "SELECT name FROM users WHERE id = {mark} AND id > %s"
_MISSPELT: Final = "SELECT nme FROM users WHERE id = {mark}"
_OF_ALLOWED: Final = [way for way in Way if way is not Way.DENIED]
_WEIGHTS: Final = [6, 4, 2, 4, 3, 3, 2, 1, 1]


@dataclass(slots=True)
class Asked:
    """One text: how often it was sent to be executed, and what was told of it."""

    text: str
    way: Way
    told: list[tuple[str, float]] = field(default_factory=list)  # SQLSTATE, and when


@dataclass(slots=True)
class Crowd:
    """Everybody's connections to one life of the gateway."""

    connect: Callable[[Character], psycopg.Connection[Any]]
    chance: random.Random
    first_mark: int
    pause_s: float = 0.0  # between two statements of one person
    asked: dict[int, Asked] = field(default_factory=dict)
    working: threading.Event = field(default_factory=threading.Event)  # somebody was told something
    over: threading.Event = field(default_factory=threading.Event)  # nobody need try to connect any more
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def start(self) -> None:
        """Everybody begins to knock."""
        for number, who in enumerate(PEOPLE):
            chance = random.Random(self.chance.random())
            thread = threading.Thread(target=self._work, args=(who, chance), name=f"client-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        """Everybody has noticed that the gateway is gone."""
        self.over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client waits for a gateway that is gone"

    def _work(self, who: Character, chance: random.Random) -> None:
        try:
            connection = self._connected(who)
            if connection is None:
                return
            with connection:
                while self._one(connection, Way.DENIED if who is LI else chance.choices(_OF_ALLOWED, _WEIGHTS)[0]):
                    self.over.wait(self.pause_s)
        except psycopg.OperationalError:  # while it was closed
            pass
        except BaseException as error:
            self.failures.append(error)

    def _connected(self, who: Character) -> psycopg.Connection[Any] | None:
        while not self.over.is_set():
            try:
                return self.connect(who)
            except psycopg.OperationalError:  # not open yet, or gone again
                time.sleep(_RETRY_S)
        return None

    def _mark(self, form: str, way: Way) -> tuple[str, Asked]:
        with self._lock:
            mark = self.first_mark + len(self.asked)
            text = form.format(mark=mark)
            asked = self.asked[mark] = Asked(text.replace("%s", "$1"), way)
        return text, asked

    def _one(self, connection: psycopg.Connection[Any], way: Way) -> bool:
        """Ask something; False where the connection is lost."""
        if connection.info.transaction_status != TransactionStatus.IDLE and not self._told(connection.rollback):
            return False
        match way:
            case Way.SIMPLE_WRITTEN:
                return self._simple(connection, way, _UNLABELLED)
            case Way.SIMPLE_SYNCED | Way.DENIED:
                return self._simple(connection, way, _PEOPLE)
            case Way.CHANGE_SYNCED:
                return self._simple(connection, way, _CHANGE)
            case Way.MISSPELT:
                return self._simple(connection, way, _MISSPELT)
            case Way.PREPARED_WRITTEN:
                return self._prepared(connection, way, _PREPARED)
            case Way.PREPARED_SYNCED:
                return self._prepared(connection, way, _PREPARED_PEOPLE)
            case Way.BATCH:
                (one, first), (other, second) = self._mark(_UNLABELLED, way), self._mark(_PEOPLE, way)
                text = first.text = second.text = f"{one}; {other}"  # decided on, and recorded, as one
                return self._told(lambda: connection.execute(text, prepare=False), first, second)  # type: ignore[arg-type]
            case Way.PIPELINED | Way.TOGETHER:
                return self._several(connection, way)

    def _simple(self, connection: psycopg.Connection[Any], way: Way, form: str) -> bool:
        text, asked = self._mark(form, way)
        return self._told(lambda: connection.execute(text, prepare=False), asked)  # type: ignore[arg-type]

    def _prepared(self, connection: psycopg.Connection[Any], way: Way, form: str) -> bool:
        text, asked = self._mark(form, way)
        for number in range(3):
            if not self._told(lambda number=number: connection.execute(text, (number,), prepare=True), asked):  # type: ignore[misc,arg-type]
                return False
        return True

    def _several(self, connection: psycopg.Connection[Any], way: Way) -> bool:
        marked = [self._mark(form, way) for form in (_UNLABELLED, _PEOPLE)]

        def send() -> None:
            with connection.pipeline() if way is Way.PIPELINED else connection.transaction():
                for text, _ in marked:
                    connection.execute(text, prepare=False)  # type: ignore[arg-type]

        return self._told(send, *(asked for _, asked in marked))

    def _told(self, ask: Callable[[], object], *asked: Asked) -> bool:
        try:
            ask()
            sqlstate = "00000"
        except psycopg.Error as error:
            sqlstate = error.sqlstate or _LOST
        if sqlstate == _LOST:
            return False
        now = time.monotonic()
        for one in asked:
            one.told.append((sqlstate, now))
        self.working.set()
        return True
