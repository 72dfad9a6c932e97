"""Faults of the line, upwards and downwards, in every state of a session: who is left is told, nothing runs on, nobody
else notices, and the record has the end of every session."""

from __future__ import annotations

import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import DATABASE, PORT, Database
from gateway.pgwire.frames import encode
from gateway.pgwire.messages import decode_fields
from tests.houses import House
from tests.integration.faulty_line import Line, Lines
from tests.integration.postgres_wire import (
    FLUSH,
    SYNC,
    Wire,
    bind,
    bystander,
    errors,
    events,
    execute,
    parse,
    query,
    rows,
    until,
)

pytestmark = pytest.mark.integration

TWIN = "sekisho twin"
LONG = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 70000) b"
BIG = "SELECT repeat('y', 10000) FROM generate_series(1, 20000)"
FLAG = "INSERT INTO feature_flags (key, enabled) VALUES ('faults', true)"
numbers = count(1)


class Faulty:
    """A gateway whose every connection to the database is a line of the test's."""

    def __init__(self, house: House, lines: Lines, database: Database) -> None:
        self.house, self.lines, self.database = house, lines, database

    def login(self) -> Session:
        return Session(self)

    def backends(self, name: str) -> int:
        with self.database.connect() as admin:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            return int(admin.execute(asked, (name,)).fetchall()[0][0])


class Session:
    """A client of it, known at the server by a name of its own."""

    def __init__(self, faulty: Faulty) -> None:
        self.faulty = faulty
        self.name = f"faults {next(numbers)}"
        house = faulty.house
        self.closed_before = len(events(house, "session_close"))
        self.wire = Wire(house.ports.sites["tokyo-hq"])
        self.wire.startup("sato", application_name=self.name)
        self.wire.password(house.token(SATO))
        assert self.wire.until(b"Z", b"E")[-1] == (b"Z", b"I")
        self.line: Line = faulty.lines.of(self.name)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.socket.close()

    def ended(self) -> Any:
        """The record's entry about the end, which comes soon; nothing of the session is left at the server."""
        house = self.faulty.house
        until(lambda: self.faulty.backends(self.name) == 0, seconds=20)
        (entry,) = until(
            lambda: [one for one in events(house, "session_close")[self.closed_before :] if self.is_of(one)]
        )
        return entry

    def is_of(self, entry: Any) -> bool:
        opened = [one for one in events(self.faulty.house, "session_open") if one["session"] == entry["session"]]
        return opened[0]["attribution"].get("application_name") == self.name

    def last_words(self) -> dict[str, str] | None:
        """Of what comes until the end, the fields of the FATAL; None where the stream ends within a message."""
        fields = None
        try:
            while (message := self.wire.message()) is not None:
                assert fields is None, "nothing comes after a FATAL"
                if message[0] == b"E" and (found := decode_fields(message[1]))["S"] == "FATAL":
                    fields = found
        except AssertionError:
            assert b"FATAL" not in self.wire._buffer, "no word of ours within a message"
            return None
        return fields


@pytest.fixture(scope="module")
def faulty(messenger: Database) -> Iterator[Faulty]:
    server = str(messenger.socket_directory / f".s.PGSQL.{PORT}")
    with Lines(server) as lines, tempfile.TemporaryDirectory(prefix="sekisho-faults-") as directory:
        source = {
            "id": "messenger",
            "host": "127.0.0.1",
            "port": lines.port,
            "database": DATABASE,
            "tls": "disable",
            "connect_timeout_ms": 2000,
            "twin": {"role": "sekisho_twin", "epoch_interval_ms": 100, "statement_timeout_ms": 500},
            "profiles": [{"name": "engineer", "role": "sekisho_engineer"}],
        }
        house = House(Path(directory), messenger, {"datasources": [source]}).start()
        yield Faulty(house, lines, messenger)
        house.stop()


# ------------------------------------------------------------------------------------------------------------ states


def idle(session: Session) -> None:
    """Nothing was asked."""


def in_a_transaction(session: Session) -> None:
    session.wire.send(query("BEGIN") + query(FLAG))
    session.wire.until(b"Z")
    assert session.wire.until(b"Z")[-1] == (b"Z", b"T")


def in_a_failed_transaction(session: Session) -> None:
    session.wire.send(query("BEGIN") + query("SELECT 1 / 0"))
    session.wire.until(b"Z")
    assert session.wire.until(b"Z")[-1] == (b"Z", b"E")


def running(session: Session) -> None:
    session.wire.send(query(LONG))
    until(lambda: active(session))


def within_a_pipeline(session: Session) -> None:
    session.wire.send(parse(FLAG) + bind() + execute() + FLUSH)
    assert session.wire.until(b"C")[-1][0] == b"C"


def within_a_result(session: Session) -> None:
    session.wire.send(query(BIG))
    assert rows(session.wire.until(b"D")) == 1


def within_a_result_nobody_reads(session: Session) -> None:
    within_a_result(session)
    until(lambda: session.line.full)


def within_copy_out(session: Session) -> None:
    session.wire.send(query(f"COPY ({BIG}) TO STDOUT"))
    assert session.wire.until(b"d")[-1][0] == b"d"


def within_copy_in(session: Session) -> None:
    session.wire.send(query("COPY feature_flags (key, enabled) FROM STDIN"))
    assert session.wire.until(b"G", b"E")[-1][0] == b"G"
    session.wire.send(encode(b"d", b"faults\tt\n") * 100)


def within_a_message(session: Session) -> None:
    session.wire.send(query(FLAG)[:-5])


def active(session: Session) -> bool:
    with session.faulty.database.connect() as admin:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'"
        return admin.execute(asked, (session.name,)).fetchone() == (1,)


STATES: list[Callable[[Session], None]] = [
    idle,
    in_a_transaction,
    in_a_failed_transaction,
    running,
    within_a_pipeline,
    within_a_result,
    within_a_result_nobody_reads,
    within_copy_out,
    within_copy_in,
    within_a_message,
]


def nothing_was_left(faulty: Faulty) -> None:
    """No half of what a session did, which did not say COMMIT."""
    with faulty.database.connect() as admin:
        assert admin.execute("SELECT count(*) FROM feature_flags WHERE key = 'faults'").fetchone() == (0,)


# ------------------------------------------------------------------------------------------------- up: the database


@pytest.mark.parametrize("fault", ["cut", "reset", "half_close"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_line_to_the_database_ends(faulty: Faulty, state: Callable[[Session], None], fault: str) -> None:
    with bystander(faulty.house, LI), faulty.login() as session:
        state(session)
        getattr(session.line, fault)()
        words = session.last_words()
        if state not in (within_a_result, within_a_result_nobody_reads, within_copy_out):
            assert words is not None
        if words is not None:
            assert (words["C"], words["H"]) == ("08006", "Reason: upstream_lost")
        assert session.ended()["reason"] == "upstream_lost"
    nothing_was_left(faulty)


@pytest.mark.parametrize("after", [1, 4, 300, 5_000, 100_000])
def test_a_reset_in_the_middle_of_a_row(faulty: Faulty, after: int) -> None:
    with bystander(faulty.house, LI), faulty.login() as session:
        session.line.stop_after = session.line._passed + after
        session.wire.send(query("SELECT repeat('x', 1000000)"))
        assert session.line.stopped.wait(10)
        session.line.reset()
        words = session.last_words()
        assert words is None or words["C"] == "08006"
        assert session.ended()["reason"] == "upstream_lost"


def test_a_slow_line_changes_nothing(faulty: Faulty) -> None:
    with faulty.login() as session:
        asked = query("SELECT id, name FROM stickers WHERE id < 4 ORDER BY id") + query("SELECT 1 / 0")
        session.wire.send(asked)
        whole = [session.wire.until(b"Z"), session.wire.until(b"Z")]
        session.line.chunk = 1
        session.wire.send(asked)
        assert [session.wire.until(b"Z"), session.wire.until(b"Z")] == whole
        assert (rows(whole[0]), errors(whole[1])) == (3, ["22012"])


def test_a_line_that_stalls_keeps_nobody_else_waiting_and_may_go_on(faulty: Faulty) -> None:
    with faulty.login() as session:
        session.line.stalled = True
        session.wire.send(query("SELECT 1"))
        with bystander(faulty.house, LI):
            pass
        session.line.stalled = False
        assert rows(session.wire.until(b"Z")) == 1
        session.line.stalled = True
        session.wire.send(query(FLAG))
    # The client has gone while the line stands still: told in the record all the same.
    until(lambda: [one for one in events(faulty.house, "session_close")[session.closed_before :] if session.is_of(one)])
    session.line.stalled = False
    session.ended()
    with faulty.database.connect() as admin:  # it was allowed and sent: whether it ran is the server's to say
        admin.execute("DELETE FROM feature_flags WHERE key = 'faults'")


# --------------------------------------------------------------------------------------------------- down: the client


def vanish(session: Session) -> None:
    session.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.wire.socket.close()


def leave(session: Session) -> None:
    session.wire.socket.close()


def fall_silent(session: Session) -> None:
    session.wire.socket.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("how", [vanish, leave, fall_silent], ids=lambda how: how.__name__)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_client_is_gone(faulty: Faulty, state: Callable[[Session], None], how: Callable[[Session], None]) -> None:
    with bystander(faulty.house, LI), faulty.login() as session:
        state(session)
        how(session)
        assert session.ended()["reason"] is None
    nothing_was_left(faulty)


@pytest.mark.parametrize("how", [vanish, leave], ids=lambda how: how.__name__)
def test_the_client_is_gone_while_it_waits_for_a_lock(faulty: Faulty, how: Callable[[Session], None]) -> None:
    price = "SELECT price_yen FROM stickers WHERE id = 2"
    with faulty.database.connect() as admin, faulty.login() as session:
        before = admin.execute(price).fetchone()
        with admin.transaction():
            admin.execute("UPDATE stickers SET price_yen = price_yen WHERE id = 2")
            session.wire.send(query("UPDATE stickers SET price_yen = price_yen + 1 WHERE id = 2"))
            until(lambda: active(session))
            how(session)
            assert session.ended()["reason"] is None
        assert admin.execute(price).fetchone() == before


@pytest.mark.parametrize("how", [vanish, leave], ids=lambda how: how.__name__)
def test_the_client_is_gone_while_its_decision_is_pending(faulty: Faulty, how: Callable[[Session], None]) -> None:
    until(lambda: usable(faulty))
    with faulty.login() as session:
        hold(faulty, stalled=True)
        try:
            unknown = f"INSERT INTO feature_flags (key, enabled) SELECT 'faults', true AS unknown_{next(numbers)}"
            session.wire.send(query(unknown))
            how(session)
            assert session.ended()["reason"] is None
        finally:
            hold(faulty, stalled=False)
        assert b"feature_flags" not in session.line.sent, "not a byte of it went to the server"
    nothing_was_left(faulty)
    until(lambda: usable(faulty))


# ---------------------------------------------------------------------------------------------------------- the twin


def hold(faulty: Faulty, *, stalled: bool) -> None:
    """Stop every line of the twin, or let them go on."""
    (faulty.lines.held.add if stalled else faulty.lines.held.discard)(TWIN)


def usable(faulty: Faulty) -> bool:
    """Whether an unknown statement is decided."""
    try:
        with faulty.house.connect(SATO) as connection:
            return connection.execute(f"SELECT 1 AS unknown_{next(numbers)}").rowcount == 1  # type: ignore[arg-type]
    except psycopg.Error:
        return False


def test_a_twin_that_hangs_denies_and_heals(faulty: Faulty) -> None:
    until(lambda: usable(faulty))
    with faulty.login() as session:
        session.wire.send(query("SELECT name FROM stickers WHERE id = 1"))
        assert errors(session.wire.until(b"Z")) == []
        hold(faulty, stalled=True)
        try:
            unknown = f"unknown_{next(numbers)}"
            session.wire.send(query(f"SELECT name AS {unknown} FROM stickers"))
            assert errors(session.wire.until(b"Z")) == ["58000"]
            assert unknown.encode() not in session.line.sent
        finally:
            hold(faulty, stalled=False)
        until(lambda: usable(faulty))
        session.wire.send(query("SELECT name FROM stickers WHERE id = 1") + SYNC)
        assert errors(session.wire.until(b"Z")) == []


def test_a_twin_whose_lines_are_reset_comes_back(faulty: Faulty) -> None:
    with faulty.login() as session:
        for line in faulty.lines.all_of(TWIN):
            line.reset()
        until(lambda: usable(faulty))
        session.wire.send(query(f"SELECT 1 AS unknown_{next(numbers)}"))
        assert rows(session.wire.until(b"Z")) == 1
