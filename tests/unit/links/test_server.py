"""Reaching and logging in at a server: by socket, by password, by TLS; and what does not count as reaching it."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import Datasource
from gateway.errors import Reason, UpstreamError
from gateway.links.asker import Asker
from gateway.links.server import Credentials, ServerAddress, open_connection, send_cancel
from gateway.links.trust import Trust
from gateway.pgwire.login import LoginRefused
from gateway.pgwire.messages import decode_fields, encode_query
from gateway.pgwire.scram import MAX_ITERATIONS
from tests.servers import Postgres
from tests.unit.links.peers import listening, message, request

ROLE = Credentials(user="unit_server", password="a secret")


def address(server: Postgres, **changes: Any) -> ServerAddress:
    return replace(
        ServerAddress(
            host=str(server.socket_directory),
            port=server.port,
            database="postgres",
            trust=None,
            connect_timeout=5.0,
        ),
        **changes,
    )


def trust(ca: Path | None, **changes: Any) -> Trust:
    source = Datasource(
        id="x",
        host="localhost",
        database="postgres",
        ca=ca,
        twin=config.Twin(role="twin"),
        profiles=(),
        **changes,
    )
    return Trust(source)


async def asked(where: ServerAddress, who: Credentials, sql: str = "SELECT current_user", **settings: str) -> list[Any]:
    connection = await open_connection(where, who, settings, lambda: "nonce")
    try:
        return await Asker(connection, answer_limit=10_000).rows(sql, 5.0)
    finally:
        connection.close()


def refused(where: ServerAddress, who: Credentials = ROLE) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        asyncio.run(asked(where, who))
    assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
    return caught.value


@pytest.fixture
def known(every_postgres: Postgres) -> Postgres:
    every_postgres.role(ROLE.user, password=ROLE.password)
    return every_postgres


@pytest.fixture
def secured(postgres15: Postgres) -> Postgres:
    postgres15.role(ROLE.user, password=ROLE.password)
    return postgres15


def test_by_socket_and_by_password(known):
    assert asyncio.run(asked(address(known), replace(ROLE, password=None))) == [(ROLE.user,)]
    assert asyncio.run(asked(address(known, host="127.0.0.1"), ROLE)) == [(ROLE.user,)]


def test_settings_are_of_the_session_and_pinned_ones_win(known):
    sql = "SELECT current_setting('lock_timeout'), current_setting('row_security')"
    who = replace(ROLE, password=None)
    assert asyncio.run(asked(address(known), who, sql, lock_timeout="7", row_security="off")) == [("7ms", "on")]


@pytest.mark.parametrize(
    ("who", "state"),
    [
        (Credentials(user="unit_server", password="another"), "28P01"),
        (Credentials(user="nobody_here", password="x"), "28P01"),
    ],
)
def test_a_login_that_is_refused_says_so_without_the_servers_words(known, who, state):
    error = refused(address(known, host="127.0.0.1"), who)

    assert isinstance(error, LoginRefused)
    assert error.sqlstate == state
    assert error.detail == "the database refused the gateway's login"
    assert who.user not in error.detail


def test_a_database_that_is_not_there(known):
    error = refused(address(known, database="nowhere"), replace(ROLE, password=None))
    assert isinstance(error, LoginRefused)
    assert error.sqlstate == "3D000"


def test_a_server_that_lets_us_in_without_proving_itself_is_refused(known):
    """The socket asks nobody for a password; with one configured, that is not our server."""
    assert "without proving itself" in refused(address(known)).detail


def test_tls_with_the_right_authority(secured, test_ca):
    where = address(secured, host="localhost", trust=trust(test_ca.path))
    sql = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert asyncio.run(asked(where, ROLE, sql)) == [("t", "TLSv1.3")]


def test_tls_with_another_authority_or_name_is_refused(secured, test_ca):
    assert refused(address(secured, host="localhost", trust=trust(None))).detail
    wrong = address(secured, host="127.0.0.2", trust=trust(test_ca.path))
    assert refused(wrong).detail


def test_no_tls_where_it_is_asked_for_is_refused(postgres):
    assert "does not offer TLS" in refused(address(postgres, host="127.0.0.1", trust=trust(None))).detail


def test_nobody_there(tmp_path, postgres):
    assert "could not be reached (FileNotFoundError)" in refused(address(postgres, host=str(tmp_path))).detail
    assert (
        "could not be reached (ConnectionRefusedError)" in refused(address(postgres, host="127.0.0.1", port=1)).detail
    )


@pytest.mark.parametrize("cancelled", [False, True], ids=["late", "given up"])
def test_a_server_that_says_nothing_is_left_in_time(tmp_path, cancelled):
    """And its connection is closed, also where whoever wanted it has gone."""

    async def work():
        gone = asyncio.Event()

        async def script(reader, writer):
            await reader.readexactly(8)
            while await reader.read(1000):
                pass
            gone.set()

        async with listening(tmp_path, script):
            where = ServerAddress(
                host=str(tmp_path),
                port=5432,
                database="x",
                trust=None,
                connect_timeout=5 if cancelled else 0.1,
            )
            if cancelled:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await open_connection(where, ROLE, {}, lambda: "nonce")
            else:
                with pytest.raises(UpstreamError, match="in time"):
                    await open_connection(where, ROLE, {}, lambda: "nonce")
            await asyncio.wait_for(gone.wait(), 5)

    asyncio.run(work())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"R\0\0\0\1", b"Z\0\0\0\5I", b"E\0\0\0\5\0"])
def test_what_is_no_postgresql_is_refused(tmp_path, answer):
    async def work():
        async def script(reader, writer):
            await reader.readexactly(8)
            writer.write(answer)
            await reader.read()

        async with listening(tmp_path, script):
            where = ServerAddress(host=str(tmp_path), port=5432, database="x", trust=None, connect_timeout=5.0)
            with pytest.raises(UpstreamError) as caught:
                await open_connection(where, ROLE, {}, lambda: "nonce")
            return caught.value.reason

    assert asyncio.run(work()) is Reason.UPSTREAM_UNAVAILABLE


def test_a_running_statement_can_be_cancelled(known):
    who = replace(ROLE, password=None)

    async def work():
        connection = await open_connection(address(known), who, {}, lambda: "nonce")
        asker = Asker(connection, answer_limit=10_000)
        running = asyncio.get_running_loop().create_task(asker.exchange(encode_query(b"SELECT pg_sleep(20)"), 15.0))
        watcher = await open_connection(address(known), who, {}, lambda: "nonce")
        eyes = Asker(watcher, answer_limit=10_000)
        sql = f"SELECT 1 FROM pg_stat_activity WHERE pid = {connection.process_id} AND state = 'active'"
        while not await eyes.rows(sql, 5.0):
            pass
        await send_cancel(address(known), connection.process_id, connection.secret)
        found = await running
        watcher.close()
        connection.close()
        return [decode_fields(body)["C"] for kind, body in found if kind == ord("E")]

    assert asyncio.run(work()) == ["57014"]


def test_credentials_do_not_show_the_password():
    assert "a secret" not in repr(ROLE)


def test_a_server_that_makes_us_hash_keeps_nobody_else_waiting(tmp_path):
    """A million iterations, the most that is done, take a good part of a second: the loop turns meanwhile."""
    salt = b64encode(b"0123456789abcdef").decode()

    async def work():
        turns = 0

        async def script(reader, writer):
            await reader.readexactly(int.from_bytes(await reader.readexactly(4)) - 4)
            writer.write(message(b"R", (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0"))
            await request(reader)
            challenge = f"r=nonce-and-more,s={salt},i={MAX_ITERATIONS}".encode()
            writer.write(message(b"R", (11).to_bytes(4, "big") + challenge))
            await request(reader)  # our proof, when the hashing is done

        async def turn():
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        async with listening(tmp_path, script):
            where = ServerAddress(host=str(tmp_path), port=5432, database="x", trust=None, connect_timeout=30.0)
            counting = asyncio.get_running_loop().create_task(turn())
            with pytest.raises(UpstreamError, match="closed the connection during login"):
                await open_connection(where, ROLE, {}, lambda: "nonce")
            counting.cancel()
        return turns

    assert asyncio.run(work()) > 20
