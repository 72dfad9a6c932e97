"""Faults of the house itself: a full disk, an engine that hangs, a clock that jumps, a server that drops everything,
and any bytes at all. Nothing is done that was not decided and recorded, and whoever is not concerned goes on."""

from __future__ import annotations

import resource
import select
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.audit.damage import BadKind
from gateway.audit.verify import verify
from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
from tests.houses import Apart, House
from tests.integration.postgres_wire import (
    Wire,
    errors,
    events,
    query,
    rows,
    until,
)
from tests.packs import add_hostile_rule, copy_policies

pytestmark = pytest.mark.integration

PEOPLE = "UPDATE users SET country = country WHERE id = 1"


def status(house: House, path: str) -> int:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(house.http + path, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


# ---------------------------------------------------------------------------------------------------------- the disk


def test_a_disk_that_takes_no_more(apart: Apart, messenger: Database) -> None:
    """The kernel refuses to let the record grow: nothing more is done, and it is whole when there is room again."""
    house, start = apart
    process = start()
    until(lambda: _works(house), seconds=30)
    with house.connect(SATO) as connection, messenger.connect() as admin:
        connection.execute(PEOPLE)  # type: ignore[arg-type]
        xmin = admin.execute("SELECT xmin FROM users WHERE id = 1").fetchone()
        size = max(path.stat().st_size for path in house.layout.record.iterdir() if path.suffix != ".unfinished")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        for text in (PEOPLE, "SELECT name FROM users WHERE id = 1"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(text)  # type: ignore[arg-type]
            assert caught.value.sqlstate == "58030"
        assert admin.execute("SELECT xmin FROM users WHERE id = 1").fetchone() == xmin
        with Wire(house.ports.sites["tokyo-hq"]) as wire:
            wire.startup("sato")
            wire.password(house.token(SATO))
            assert wire.fatal()["C"] == "58030"
        assert (status(house, "/readyz"), status(house, "/healthz")) == (503, 200)
    process.stop()
    process = start()
    until(lambda: _works(house), seconds=30)
    with house.connect(SATO) as connection:
        assert connection.execute(PEOPLE).rowcount == 1  # type: ignore[arg-type]
    process.stop()
    assert verify(house.layout.record).ok


# -------------------------------------------------------------------------------------------------------- the engine


def test_a_rule_that_takes_for_ever(new_house: Callable[..., House], tmp_path: Path) -> None:
    """It is its own statement that is denied, and its session lives; nobody else waits, for what is known or for what
    is new; nothing goes on undecided."""
    policies = copy_policies(tmp_path / "policies")
    add_hostile_rule(policies, "sato")
    house = new_house({"policy": {"directory": str(policies), "timeout_ms": 1500}})
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire, house.connect(LI) as other:
        other.execute("SELECT count(*) FROM stickers")  # type: ignore[arg-type]
        wire.send(query("SELECT count(*) FROM stickers"))
        slowest, asked = 0.0, 0
        while not select.select([wire.socket], [], [], 0)[0]:
            began = time.monotonic()
            other.execute(f"SELECT id + {asked} FROM stickers AS s{asked}")  # type: ignore[arg-type]
            slowest, asked = max(slowest, time.monotonic() - began), asked + 1
        assert errors(wire.until(b"Z")) == ["58000"]
        assert asked > 5
        assert slowest < 1.0
        wire.send(query("SELECT count(*) FROM users"))
        assert rows(wire.until(b"Z")) == 1
        assert status(house, "/healthz") == 200
    assert [entry["reason"] for entry in house.entries("refusal")] == ["engine_timeout"]


# --------------------------------------------------------------------------------------------------------- the clock


def test_a_clock_that_jumps_ahead_ends_what_has_expired(new_house: Callable[..., House], jump: Any) -> None:
    house = new_house()
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        jump(7200)
        wire.send(query("SELECT name FROM users WHERE id = 1"))
        found = wire.until(b"Z")
        assert errors(found)[:1] == ["28000"], "the token lives for an hour"
        with Wire(house.ports.sites["tokyo-hq"]) as late:
            late.startup("sato")
            late.password(house.token(SATO))
            assert late.fatal()["H"] == "Reason: token_expired"
        with Wire(house.ports.sites["tokyo-hq"]) as good:
            good.startup("sato")
            good.password(house.token(SATO, at=int(time.time()) + 7200))
            assert good.until(b"Z", b"E")[-1] == (b"Z", b"I")
    house.stop()
    assert verify(house.layout.record).ok


def test_a_clock_that_jumps_back_lets_nobody_stay_longer(new_house: Callable[..., House], jump: Any) -> None:
    house = new_house()
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        jump(-7200)
        with Wire(house.ports.sites["tokyo-hq"]) as early:
            early.startup("sato")
            early.password(house.token(SATO))
            assert early.fatal()["H"] == "Reason: token_not_yet_valid"
        wire.send(query("SELECT count(*) FROM stickers") + query("SELECT 1"))
        assert (rows(wire.until(b"Z")), rows(wire.until(b"Z"))) == (1, 1)
    until(lambda: events(house, "session_close"))
    house.stop()
    found = verify(house.layout.record).bad
    assert {one.kind for one in found} == {BadKind.CLOCK_BACK}, "told, and nothing else is wrong with it"


# -------------------------------------------------------------------------------------------------------- the server


def test_an_immediate_shutdown(tmp_path: Path, new_house: Callable[..., House]) -> None:
    database = Database(tmp_path)
    database.start()
    try:
        house = new_house(database=database)
        port = house.ports.sites["tokyo-hq"]
        with Wire(port).login(house, SATO) as idle, Wire(port).login(house, SATO) as busy:
            with Wire(port).login(house, SATO) as copying:
                busy.send(query("BEGIN") + query("INSERT INTO feature_flags (key, enabled) VALUES ('lost', true)"))
                busy.until(b"Z")
                busy.until(b"Z")
                copying.send(query("COPY feature_flags (key, enabled) FROM STDIN"))
                copying.until(b"G")
                copying.send(encode(b"d", b"lost\tt\n"))
                assert database._process is not None
                database._process.send_signal(signal.SIGQUIT)
                database._process.wait(30)
                for wire in (idle, busy, copying):
                    (said,) = errors(wire.until())  # the server's farewell, or ours where it had none
                    assert said in ("57P01", "57P02", "08006")
        until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
        assert status(house, "/readyz") == 200
        database._launch(database._installation())
        database._wait()
        until(lambda: _works(house), seconds=20)
        with database.connect() as admin:
            assert admin.execute("SELECT count(*) FROM feature_flags WHERE key = 'lost'").fetchone() == (0,)
        closed = [entry["reason"] for entry in events(house, "session_close")]
        assert closed.count("upstream_lost") == 3
        assert verify(house.layout.record).ok
    finally:
        database.stop()


def _works(house: House) -> bool:
    try:
        with house.connect(LI) as connection:
            return connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)
    except psycopg.Error:
        return False
