"""A server session is ended for good: what it runs, what it waits for, what it is about to say."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.links.asker import Asker
from gateway.links.connection import ServerConnection
from gateway.links.farewell import Farewell
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.pgwire.messages import encode_query
from tests.servers import Postgres
from tests.unit.links.peers import connected

ENDLESS = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 70000) b"


ROLE = Credentials(user="unit_farewell", password=None)


def address(server: Postgres) -> ServerAddress:
    return ServerAddress(
        host=str(server.socket_directory),
        port=server.port,
        database="postgres",
        trust=None,
        connect_timeout=5.0,
    )


@pytest.fixture
def known(postgres: Postgres) -> Postgres:
    postgres.role(ROLE.user)
    return postgres


async def session(server: Postgres) -> ServerConnection:
    return await open_connection(address(server), ROLE, {}, lambda: "nonce")


def state(server: Postgres, pid: int) -> Any:
    with server.admin() as admin:
        found = admin.execute("SELECT state, wait_event_type FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
        return found


async def until(server: Postgres, pid: int, wanted: Any) -> None:
    deadline = time.monotonic() + 60
    while (found := state(server, pid)) != wanted:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.01)


def test_a_statement_that_runs(known: Postgres) -> None:
    async def work() -> None:
        server = await session(known)
        server.write(encode_query(ENDLESS.encode()))
        await until(known, server.process_id, ("active", None))
        await Farewell(server, address(known)).until_gone()
        assert state(known, server.process_id) is None

    asyncio.run(work())


def test_a_statement_that_waits_for_a_lock(known: Postgres) -> None:
    async def work() -> None:
        with known.admin() as admin, admin.transaction():
            admin.execute("SELECT pg_advisory_lock(4711)")
            server = await session(known)
            server.write(encode_query(b"SELECT pg_advisory_lock(4711)"))
            await until(known, server.process_id, ("active", "Lock"))
            await Farewell(server, address(known)).until_gone()
            assert state(known, server.process_id) is None

    asyncio.run(work())


def test_rows_nobody_reads(known: Postgres) -> None:
    """The server waits to write, and hears no cancel request while it does."""

    async def work() -> None:
        server = await session(known)
        assert server.transport is not None
        server.transport.pause_reading()
        server.write(encode_query(b"SELECT repeat('x', 100000) FROM generate_series(1, 1000000)"))
        await until(known, server.process_id, ("active", "Client"))
        await Farewell(server, address(known)).until_gone()
        assert state(known, server.process_id) is None

    asyncio.run(work())


def test_what_ends_by_itself_is_not_cancelled(known: Postgres) -> None:
    async def work() -> None:
        with known.admin() as admin:
            admin.execute("CREATE TABLE IF NOT EXISTS unheard (n int)")
            admin.execute("GRANT ALL ON unheard TO PUBLIC")
            server = await session(known)
            await Asker(server, answer_limit=1000).rows("SELECT 1", 5.0)
            server.write(encode_query(b"INSERT INTO unheard SELECT 1 FROM pg_sleep(0.2)"))
            await Farewell(server, address(known)).until_gone(patience=10.0)
            assert admin.execute("DELETE FROM unheard").rowcount == 1

    asyncio.run(work())


def test_a_server_that_hears_nothing_is_left_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.links.farewell._PAUSES", (0.01, 0.01))

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def work() -> None:
        async with connected(tmp_path, deaf) as server:
            where = ServerAddress(host=str(tmp_path), port=5432, database="", trust=None, connect_timeout=1.0)
            await Farewell(server, where).until_gone()
            await asyncio.sleep(0)
            assert server.closed

    asyncio.run(work())
    assert "session_left_at_the_server" in [record.message for record in caplog.records]
