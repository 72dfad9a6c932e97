"""A strict session's premise, on a real server: its role's trees stay out of the server's log, or it does not begin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Datasource
from gateway.config_load import load
from gateway.demo.database import Database
from gateway.doors.postgres import nonce
from gateway.errors import ConfigError, UpstreamError
from gateway.links.asker import Asker
from gateway.links.own_session import OWN_SESSION_SETTINGS, inspect_roles, keep_quiet
from gateway.links.server import Credentials, open_connection
from gateway.world import server_address
from tests.houses import House

ROLE = "sekisho_engineer"


@pytest.fixture
def source(messenger: Database, tmp_path: Path) -> Datasource:
    return load(House(tmp_path, messenger, strict=True).layout.config, {}).datasources[0]


@pytest.fixture
def level(messenger: Database) -> Iterator[Callable[[str], None]]:
    """Sets both roles' log_min_messages; afterwards they are quiet, as other tests want them."""

    def become(to: str) -> None:
        with messenger.connect() as admin:
            for role in (ROLE, "sekisho_moderator"):
                admin.execute(f"ALTER ROLE {role} SET log_min_messages = {to}")  # type: ignore[arg-type]

    yield become
    become("panic")


def inspect(source: Datasource) -> None:
    credentials = {(source.id, one.name): Credentials(user=one.role, password=None) for one in source.profiles}
    address = server_address(source)
    asyncio.run(inspect_roles(source, why="a test", address=address, credentials=credentials, nonce=nonce))


@pytest.mark.parametrize("loud", ["warning", "log", "error", "debug1"])
def test_every_role_that_logs_is_named(source: Datasource, level: Callable[[str], None], loud: str):
    level(loud)
    with pytest.raises(ConfigError) as caught:
        inspect(source)
    assert len(caught.value.problems) == 2
    assert "datasource messenger is strict (a test)" in caught.value.problems[0]
    assert f"ALTER ROLE {ROLE} SET log_min_messages = panic" in caught.value.problems[0]
    assert caught.value.problems[0].endswith("or set twin.accept_logged_trees: true"), "it is strict by name"
    with pytest.raises(ConfigError, match="or strict: false to go without strict sessions"):
        inspect(replace(source, strict=None))
    inspect(replace(source, twin=replace(source.twin, accept_logged_trees=True)))


def test_quiet_roles_are_fine_and_a_server_that_is_down_is_only_noted(source: Datasource, level: Callable[[str], None]):
    level("panic")
    inspect(source)
    inspect(replace(source, host=str(source.ca or "/nowhere")))


def test_a_session_says_trees_and_cannot_be_told_otherwise_by_its_role(
    source: Datasource, level: Callable[[str], None], messenger: Database
):
    level("panic")

    async def ask() -> tuple[list[str], list[int]]:
        settings = dict(OWN_SESSION_SETTINGS)
        credentials = Credentials(user=ROLE, password=None)
        connection = await open_connection(server_address(source), credentials, settings, nonce)
        await keep_quiet(source, connection)
        asker = Asker(connection, answer_limit=100_000)
        await asker.rows("RESET ALL", 10)
        shown = [(await asker.rows(f"SHOW {name}", 10))[0][0] or "" for name in settings]
        kinds = [kind for kind, _ in await asker.exchange(b"Q\0\0\0\x0dSELECT 1\0", 10)]
        connection.close()
        return shown, kinds

    with messenger.connect() as admin:
        admin.execute(f"ALTER ROLE {ROLE} SET debug_print_rewritten = off")  # type: ignore[arg-type]
        try:
            shown, kinds = asyncio.run(ask())
        finally:
            admin.execute(f"ALTER ROLE {ROLE} RESET debug_print_rewritten")  # type: ignore[arg-type]
    assert shown == list(OWN_SESSION_SETTINGS.values())
    assert bytes(kinds) == b"NTDCZ"


def test_a_session_of_a_loud_role_is_not_begun(source: Datasource, level: Callable[[str], None]):
    level("warning")

    async def ask() -> None:
        credentials = Credentials(user=ROLE, password=None)
        connection = await open_connection(server_address(source), credentials, {}, nonce)
        try:
            await keep_quiet(source, connection)
        finally:
            connection.close()

    with pytest.raises(UpstreamError, match="would reach the server's log"):
        asyncio.run(ask())
