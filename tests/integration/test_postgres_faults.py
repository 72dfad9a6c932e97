"""Bad days: the database away, the twin lost, the record unwritable, clients that vanish, a gateway that stops."""

from __future__ import annotations

import errno
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.audit.verify import verify
from gateway.demo.characters import KIM, LI, SATO
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
from tests.houses import House
from tests.integration.postgres_wire import (
    ACTIVE,
    FLUSH,
    Wire,
    bind,
    errors,
    events,
    execute,
    parse,
    query,
    signal_pending,
    until,
)
from tests.unit.audit.chains import change_disk

pytestmark = pytest.mark.integration

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE usename = 'sekisho_engineer'"
ENDED = "UPDATE stickers SET price_yen = price_yen + 1000 WHERE id = 1"


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Database]:
    """A database that is not started yet."""
    database = Database(tmp_path)
    yield database
    database.stop()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database whose processes may be killed: it recovers."""
    database = Database(tmp_path_factory.mktemp("own"))
    database.start()
    yield database
    database.stop()


def halt(database: Database, how: signal.Signals = signal.SIGINT) -> None:
    """Stop the server and keep its data."""
    assert database._process is not None
    database._process.send_signal(how)
    database._process.wait(30)


def launch(database: Database) -> None:
    database._launch(database._installation())
    database._wait()


def refused(house: House) -> dict[str, str]:
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        wire.password(house.token(SATO))
        return wire.fatal()


def readiness(house: House) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", house.ports.http, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()


def works(house: House) -> bool:
    try:
        with house.connect(SATO) as connection:
            return bool(connection.execute("SELECT count(*) FROM users").fetchone() == (86,))
    except psycopg.Error:
        return False


def test_a_database_that_comes_late_and_goes_and_returns(late: Database, new_house: Callable[..., House]) -> None:
    house = new_house(database=late)
    began = time.monotonic()
    fields = refused(house)
    assert time.monotonic() - began < 5
    assert (fields["C"], fields["H"]) == ("58000", "Reason: upstream_unavailable")
    assert late.socket_directory.name not in json.dumps(fields)
    assert [entry["reason"] for entry in events(house, "login_refused")] == ["upstream_unavailable"]
    assert readiness(house) == 200, "another replica would heal nothing"

    late.start()
    until(lambda: works(house), seconds=20)
    with house.connect(SATO) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        halt(late)
        with pytest.raises(psycopg.OperationalError) as caught:
            connection.execute("SELECT 1")
        assert caught.value.sqlstate in ("57P01", "08006"), "the server's late goodbye, then ours"
    assert refused(house)["C"] == "58000"
    until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
    until(lambda: house.metric("sekisho_twin_up", datasource="messenger") == 0)

    launch(late)
    until(lambda: works(house), seconds=20)
    assert house.metric("sekisho_twin_up", datasource="messenger") == 1
    assert verify(house.layout.record).ok


@pytest.mark.parametrize("tls", ["disable", "verify-full"])
def test_a_database_that_says_nothing(new_house: Callable[..., House], tls: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = {
            "id": "messenger",
            "host": "127.0.0.1",
            "port": silent.getsockname()[1],
            "database": "messenger",
            "tls": tls,
            "connect_timeout_ms": 300,
            "twin": {"role": "sekisho_twin"},
            "profiles": [{"name": "engineer", "role": "sekisho_engineer"}],
        }
        house = new_house({"datasources": [source]})
        began = time.monotonic()
        fields = refused(house)
        assert 0.25 < time.monotonic() - began < 2
        assert (fields["C"], fields["H"]) == ("58000", "Reason: upstream_unavailable")
        # nothing of the attempt is left: the peer sees each of our connections close
        silent.settimeout(5)
        seen, _ = silent.accept()
        with seen:
            seen.settimeout(5)
            while seen.recv(4096):
                pass


def test_a_session_killed_at_the_server(own: Database, new_house: Callable[..., House]) -> None:
    house = new_house(database=own)
    for how in ("terminated", "killed"):
        with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
            with own.connect() as admin:
                (pid,) = admin.execute(SESSIONS + " AND application_name <> 'sekisho twin'").fetchone()  # type: ignore[misc]
                if how == "terminated":
                    admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
                else:
                    os.kill(pid, signal.SIGKILL)
            # Once, by the server or by the gateway: a second one would be taken for the answer to the next message.
            (said,) = [body for kind, body in wire.until() if kind == b"E"]
            assert (b"57P01" if how == "terminated" else b"08006") in said
            assert (b"upstream_lost" in said) is (how == "killed")
        until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
        until(lambda: works(house), seconds=20)
    reasons = [entry["reason"] for entry in events(house, "session_close")]
    assert reasons.count("upstream_lost") == 2


def test_a_server_killed_in_the_middle_of_a_row(own: Database, new_house: Callable[..., House]) -> None:
    """Our FATAL stands between two messages or nowhere: inside a row it would be read as the row's."""
    house = new_house(database=own)
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(query("SELECT repeat('x', 100000000)"))
        last = wire.socket.recv(100_000, socket.MSG_WAITALL)  # it may be all that ever comes of the row
        with own.connect() as admin:
            (pid,) = admin.execute(SESSIONS + " AND application_name <> 'sekisho twin'").fetchone()  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
        while data := _received(wire.socket):
            last = (last + data)[-1000:]
    assert set(last[-1000:]) == {ord("x")}
    until(lambda: "upstream_lost" in [entry["reason"] for entry in events(house, "session_close")])
    until(lambda: works(house), seconds=20)


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1 << 20)
    except ConnectionResetError:
        return b""


def test_the_twin_is_lost_and_returns(own: Database, new_house: Callable[..., House]) -> None:
    house = new_house(database=own)
    with house.connect(SATO) as connection, own.connect() as admin:
        assert connection.execute("SELECT name FROM stickers WHERE id = %s", (1,), prepare=True).rowcount == 1
        admin.execute("ALTER ROLE sekisho_twin NOLOGIN")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sekisho twin'")
        until(lambda: house.metric("sekisho_twin_up", datasource="messenger") == 0)
        for text in ("SELECT 2 + 2", "SELECT name FROM stickers WHERE id = %s"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(text, (1,) if "%s" in text else None, prepare=True)
            assert caught.value.sqlstate == "58000"
            assert "Reason: twin_unavailable" in str(caught.value.diag.message_detail)
            assert caught.value.diag.severity == "ERROR"
        admin.execute("ALTER ROLE sekisho_twin LOGIN")
        until(lambda: house.metric("sekisho_twin_up", datasource="messenger") == 1)
        assert connection.execute("SELECT name FROM stickers WHERE id = %s", (1,), prepare=True).rowcount == 1
    refusals = [entry["reason"] for entry in house.entries("refusal")]
    assert refusals == ["twin_unavailable"] * 2


def test_a_client_that_vanishes(house: House, messenger: Database) -> None:
    with messenger.connect() as admin:
        price = "SELECT price_yen FROM stickers WHERE id = 1"
        before = admin.execute(price).fetchone()
        for last in (
            b"",
            query("BEGIN; " + ENDED),
            query("SELECT 1")[:7],
            parse("SELECT 1") + FLUSH,
            parse(ENDED) + bind() + execute() + FLUSH,
            query("SELECT repeat('y', 100000) FROM generate_series(1, 1000)"),
        ):
            with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
                wire.send(last)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST, not FIN
        until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
        until(lambda: admin.execute(SESSIONS + " AND application_name <> 'sekisho twin'").fetchone() is None)
        assert admin.execute(price).fetchone() == before
    opened = {entry["session"] for entry in events(house, "session_open")}
    until(lambda: opened == {entry["session"] for entry in events(house, "session_close")})


# ------------------------------------------------------------------------------------------------------ the record


class Full:
    """A file system without room."""

    def __init__(self, calls: Any) -> None:
        self._calls = calls
        self.full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._calls, name)

    def write(self, fd: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._calls.write(fd, data))

    def fdatasync(self, fd: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._calls.fdatasync(fd)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # its stop cannot be recorded either
@pytest.mark.parametrize("what", ["write", "sync"])
def test_what_cannot_be_recorded_is_not_done(new_house: Callable[..., House], messenger: Database, what: str) -> None:
    house = new_house()
    assert house.application is not None
    recorder = house.application.desk.recorder
    with house.connect(SATO) as connection, house.connect(LI) as other, messenger.connect() as admin:
        text = "UPDATE users SET country = country WHERE id = 1"
        assert connection.execute(text).rowcount == 1
        xmin = admin.execute("SELECT xmin FROM users WHERE id = 1").fetchone()
        full = Full(recorder._calls)
        if what == "sync":
            full.write = recorder._calls.write  # type: ignore[method-assign, assignment]
        change_disk(recorder, full)
        for statement in (text, "SELECT name FROM users WHERE id = 1"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(statement)
            assert caught.value.sqlstate == "58030"
            assert "Reason: record_unavailable" in str(caught.value.diag.message_detail)
        with pytest.raises(psycopg.Error) as caught:
            other.execute("SELECT name FROM users")
        assert caught.value.sqlstate in ("42501", "58030")
        assert admin.execute("SELECT xmin FROM users WHERE id = 1").fetchone() == xmin
        fields = refused(house)
        assert (fields["C"], fields["H"]) == ("58030", "Reason: record_unavailable")
        assert readiness(house) == 503


# --------------------------------------------------------------------------------------------------------- the end


def test_the_gateway_drains(new_house: Callable[..., House], messenger: Database) -> None:
    house = new_house()
    port = house.ports.sites["tokyo-hq"]
    with (
        Wire(port).login(house, SATO) as idle,
        Wire(port).login(house, SATO) as busy,
        Wire(port) as silent,
        ThreadPoolExecutor(1) as thread,
    ):
        busy.send(query("BEGIN") + query("INSERT INTO feature_flags (key, enabled) VALUES ('drained', true)"))
        busy.until(b"Z")
        assert busy.until(b"Z")[-1] == (b"Z", b"T")
        stopping = thread.submit(house.stop)
        fields = idle.fatal()
        assert (fields["C"], fields["H"]) == ("57P01", "Reason: shutting_down")
        assert silent.fatal()["C"] == "57P01"
        with pytest.raises(psycopg.OperationalError):
            house.connect(LI)
        busy.send(query("SELECT count(*) FROM stickers"))
        assert errors(busy.until(b"Z")) == []
        assert not stopping.done()
        busy.send(query("COMMIT"))
        assert busy.until(b"Z")[-1] == (b"Z", b"I")
        assert busy.fatal()["C"] == "57P01"
        stopping.result(10)
    with messenger.connect() as admin:
        assert admin.execute("DELETE FROM feature_flags WHERE key = 'drained'").rowcount == 1
    assert [entry["reason"] for entry in events(house, "session_close")] == ["shutting_down"] * 2
    assert house.entries()[-1]["event"] == "gateway_stop"
    assert verify(house.layout.record).ok


def test_a_transaction_that_does_not_end_is_ended(new_house: Callable[..., House], messenger: Database) -> None:
    house = new_house({"limits": {"drain_timeout_ms": 300}})
    with house.connect(KIM) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO feature_flags (key, enabled) VALUES ('never', true)")
        began = time.monotonic()
        house.stop()
        assert time.monotonic() - began < 5
        with pytest.raises(psycopg.OperationalError) as caught:
            connection.execute("SELECT 1")
        assert caught.value.sqlstate == "57P01"
    with messenger.connect() as admin:
        assert admin.execute("SELECT count(*) FROM feature_flags WHERE key = 'never'").fetchone() == (0,)


def test_a_statement_that_runs_beyond_the_drain_is_ended(new_house: Callable[..., House], messenger: Database) -> None:
    house = new_house({"limits": {"drain_timeout_ms": 300}})
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 85000) b"
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire, messenger.connect() as admin:
        wire.send(query(endless))
        until(lambda: admin.execute(ACTIVE, (endless,)).fetchone())
        house.stop()
        assert wire.fatal()["C"] == "57P01"
        assert admin.execute(ACTIVE, (endless,)).fetchone() is None, "it does not outlive the gateway"
    assert [entry["reason"] for entry in events(house, "session_close")] == ["shutting_down"]


def test_a_client_that_vanishes_in_the_middle_of_a_statement_leaves_nothing_running(
    house: House, messenger: Database
) -> None:
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 90000) b"

    def running() -> int:
        with messenger.connect() as admin:
            return len(admin.execute(ACTIVE, (endless,)).fetchall())

    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        wire.password(house.token(SATO))
        wire.until(b"Z")
        wire.send(query(endless))
        until(lambda: running() == 1)
    until(lambda: running() == 0)


def test_what_was_sent_before_the_goodbye_is_done_but_not_for_hours(
    new_house: Callable[..., House], messenger: Database
) -> None:
    house = new_house()
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 65000) b"
    port = house.ports.sites["tokyo-hq"]
    with messenger.connect() as admin:
        for said in ("INSERT INTO feature_flags (key, enabled) VALUES ('unheard', true)", endless):
            with Wire(port).login(house, SATO) as wire:
                wire.send(query(said) + encode(b"X"))
                assert wire.until(b"E") is not None
        until(lambda: len(events(house, "session_close")) == 2)
        assert not [one for one in house.entries("refusal")]
        until(lambda: admin.execute(ACTIVE, (endless,)).fetchone() is None)
        assert admin.execute("DELETE FROM feature_flags WHERE key = 'unheard'").rowcount == 1


def test_a_cancel_that_comes_too_early_is_repeated(own: Database, new_house: Callable[..., House]) -> None:
    """A server that has not read the statement yet makes nothing of a cancel request, and would run it for hours."""
    house = new_house(database=own)
    endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 90001) b"
    with own.connect() as admin:
        with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
            (pid,) = admin.execute(SESSIONS + " AND application_name <> 'sekisho twin'").fetchone()  # type: ignore[misc]
            os.kill(pid, signal.SIGSTOP)
            wire.send(query(endless))
            until(lambda: house.entries("decision"))
        until(lambda: events(house, "session_close"))
        until(lambda: signal_pending(pid, signal.SIGINT))
        os.kill(pid, signal.SIGCONT)
        until(lambda: admin.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is None)
