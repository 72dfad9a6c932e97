"""A visit to a real server: what it refuses is told in its own words, and it is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.doors.postgres import nonce
from gateway.errors import ConfigError, UpstreamError
from gateway.links.server import Credentials, ServerAddress
from gateway.links.visit import visit
from tests.integration.postgres_wire import until
from tests.servers import Postgres


def address(postgres: Postgres, **changes: Any) -> ServerAddress:
    where = {"host": str(postgres.socket_directory), "port": postgres.port, "database": "postgres"}
    return ServerAddress(**{**where, "trust": None, "connect_timeout": 10, **changes})


def ask(where: ServerAddress, sql: str, user: str = "postgres", password: str | None = None) -> Any:
    async def work() -> Any:
        settings = {"application_name": "a visit"}
        async with visit("here", where, Credentials(user=user, password=password), settings, nonce) as asker:
            return await asker.rows(sql, 10)

    return asyncio.run(work())


def test_it_asks_and_leaves(postgres: Postgres) -> None:
    assert ask(address(postgres), "SHOW application_name") == [("a visit",)]
    with postgres.admin() as admin:
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'a visit'"
        until(lambda: admin.execute(count).fetchone() == (0,))


def test_what_the_server_refuses_is_said_in_its_words(postgres: Postgres) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(address(postgres), "SELECT nothing")
    assert caught.value.problems[0].startswith("here: the database refuses a question about its catalogs (42703: ")
    role = postgres.role("visit_reader", password="right")
    with pytest.raises(ConfigError) as caught:
        ask(address(postgres, host="127.0.0.1"), "SELECT 1", role, "wrong")
    assert caught.value.problems[0].startswith("here: the database refuses the login (28P01: ")
    assert "wrong" not in caught.value.problems[0]


def test_nobody_is_there(postgres: Postgres) -> None:
    with pytest.raises(UpstreamError):
        ask(address(postgres, port=1), "SELECT 1")
