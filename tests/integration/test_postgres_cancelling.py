"""Cancel requests take effect wherever they catch the statement: decided on, on its way, or at the server."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from gateway.demo.characters import SATO
from gateway.demo.database import DATABASE, Database
from tests.houses import House
from tests.integration.postgres_wire import Wire, errors, query, rows, signal_pending, until

pytestmark = pytest.mark.integration

LONG = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"

RUNNING = (
    "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 100000) a%' "
    "AND pid <> pg_backend_pid() AND application_name <> 'sekisho twin'"
)
SESSION = "SELECT pid FROM pg_stat_activity WHERE usename = 'sekisho_engineer' AND application_name <> 'sekisho twin'"


def test_cancel_by_a_driver(house: House, messenger: Database) -> None:
    with house.connect(SATO) as connection, messenger.connect() as admin, ThreadPoolExecutor(1) as thread:
        work = thread.submit(connection.execute, LONG)
        until(lambda: admin.execute(RUNNING).fetchone())
        connection.cancel_safe(timeout=10)
        with pytest.raises(psycopg.errors.QueryCanceled) as caught:
            work.result(10)
        assert caught.value.sqlstate == "57014"
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_cancel_while_it_is_decided(messenger: Database, new_house: Callable[..., House]) -> None:
    """The statement is not at the server yet, which would make nothing of the request."""
    source = {
        "id": "messenger",
        "host": str(messenger.socket_directory),
        "database": DATABASE,
        "tls": "disable",
        "twin": {"role": "sekisho_twin", "lock_timeout_ms": 20_000, "statement_timeout_ms": 20_000},
        "profiles": [{"name": "engineer", "role": "sekisho_engineer"}],
    }
    house = new_house({"datasources": [source]})
    waits = "SELECT 1 FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE NOT l.granted AND a.query = %s"
    text = "SELECT count(*) FROM regions, generate_series(1, 100000) a, generate_series(1, 100000) b"
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire, messenger.connect() as admin:
        with admin.transaction():
            admin.execute("LOCK TABLE regions IN ACCESS EXCLUSIVE MODE")
            wire.send(query(text))
            until(lambda: admin.execute(waits, (text,)).fetchone())
            cancel(house, wire.key)
            until(lambda: house.metric("sekisho_cancel_requests_total", result="sent") == 1)
        answer = wire.until(b"Z")
        assert errors(answer) == ["57014"]
        assert answer[-1] == (b"Z", b"I")
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1
    assert until(lambda: [one for one in house.entries("completion") if one["sqlstate"] == "57014"])


def test_cancel_before_the_server_has_read_the_statement(messenger: Database, new_house: Callable[..., House]) -> None:
    """It makes nothing of that one, and is asked again."""
    house = new_house()
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire, messenger.connect() as admin:
        (pid,) = admin.execute(SESSION).fetchone()  # type: ignore[misc]
        os.kill(pid, signal.SIGSTOP)
        wire.send(query(LONG))
        until(lambda: house.entries("decision"))
        cancel(house, wire.key)
        until(lambda: signal_pending(pid, signal.SIGINT))
        os.kill(pid, signal.SIGCONT)
        assert errors(wire.until(b"Z")) == ["57014"]
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1


def test_cancel_right_behind_the_statement(house: House) -> None:
    """Wherever it catches it: while it is decided, on the way to the server, or there."""
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        for number in range(20):
            before = house.metric("sekisho_cancel_requests_total", result="sent")
            wire.send(query(f"SELECT count(*) AS c{number} {LONG.partition(' ')[2].partition(' ')[2]}"))
            cancel(house, wire.key)
            assert errors(wire.until(b"Z")) == ["57014"]
            assert house.metric("sekisho_cancel_requests_total", result="sent") == before + 1


def test_cancel_by_its_key_and_by_wrong_ones(house: House, messenger: Database) -> None:
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire, messenger.connect() as admin:
        process, secret = wire.key[:4], wire.key[4:]
        wire.send(query(LONG))
        server = until(lambda: admin.execute(RUNNING).fetchone())
        wrong = bytes([secret[0] ^ 1]) + secret[1:]
        for key in (process + wrong, process + b"\0" * 4, b"\xff\xff\xff\xff" + secret, process + secret + b"\0" * 28):
            cancel(house, key)
        # the real server's own key is not what the client was given
        assert struct.unpack("!I", process)[0] != server[0]
        assert admin.execute(RUNNING).fetchone() == server, "a wrong key does nothing"
        cancel(house, process + secret)
        answer = wire.until(b"Z")
        assert errors(answer) == ["57014"]
        assert answer[-1] == (b"Z", b"I")
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1
    completion = until(lambda: [one for one in house.entries("completion") if one["sqlstate"] == "57014"])[-1]
    assert completion["rows"] == 0
    cancel(house, process + secret)  # a key of the past


def cancel(house: House, key: bytes) -> None:
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.send(struct.pack("!II", 8 + len(key), 80877102) + key)
        assert wire.until() == [], "there is no answer to a cancel request"
