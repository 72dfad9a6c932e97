"""Connections that statements are analysed over, on a real server: each asks under the search_path it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from gateway.config import Datasource
from gateway.config_load import load
from gateway.demo.database import Database
from gateway.doors.postgres import nonce
from gateway.links.analysts import Analysts, read_answer, sqlstate
from gateway.links.server import Credentials
from gateway.world import server_address
from tests.houses import House

TABLES = "SELECT * FROM kept"
PATHS = ('"analysts_a", pg_temp', '"analysts_b"')


@pytest.fixture(scope="module")
def source(messenger: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasource]:
    with messenger.connect() as admin:
        for name, column in (("analysts_a", "one"), ("analysts_b", "two")):
            admin.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.kept ({column} int)")  # type: ignore[arg-type]
            admin.execute(f"GRANT USAGE ON SCHEMA {name} TO sekisho_engineer")  # type: ignore[arg-type]
            admin.execute(f"GRANT SELECT ON {name}.kept TO sekisho_engineer")  # type: ignore[arg-type]
    yield load(House(tmp_path_factory.mktemp("house"), messenger).layout.config, {}).datasources[0]
    with messenger.connect() as admin:
        admin.execute("DROP SCHEMA analysts_a, analysts_b CASCADE")


def run(source: Datasource, use: Callable[[Analysts], Awaitable[Any]]) -> Any:
    async def work() -> Any:
        credentials = Credentials(user=source.twin.role, password=None)
        analysts = Analysts(
            source, address=server_address(source), credentials=credentials, tree_bytes=1_000_000, nonce=nonce
        )
        try:
            return await use(analysts)
        finally:
            analysts.close()

    return asyncio.run(work())


async def column(analysts: Analysts, path: str | None, text: str = TABLES) -> str:
    """Which of the tables a text is about, or the server's SQLSTATE."""
    messages = await analysts.ask("engineer", text, (), path, 10.0)
    trees, complaint = read_answer(messages, frozenset())
    if complaint is not None:
        return complaint.sqlstate
    return "one" if ':colnames ("one")' in trees[0] else "two" if ':colnames ("two")' in trees[0] else trees[0]


def test_each_question_is_asked_under_its_own_path(source):
    async def use(analysts):
        asked = [PATHS[0], None, PATHS[1], PATHS[0], '""', PATHS[0], PATHS[0], None]
        return [await column(analysts, path) for path in asked], len(analysts._idle["engineer"])

    assert run(source, use) == (["one", "42P01", "two", "one", "42P01", "one", "one", "42P01"], 1)


def test_a_question_that_fails_does_not_undo_the_path(source):
    async def use(analysts):
        return [await column(analysts, PATHS[0], text) for text in ("SELECT nothing FROM kept", TABLES)]

    assert run(source, use) == ["42703", "one"]


def test_a_connection_that_asks_under_the_path_already_is_taken_first(source):
    async def use(analysts):
        await analysts.open("engineer")
        await analysts.open("engineer")
        for path in (PATHS[0], PATHS[1], None, PATHS[0], PATHS[1]):
            await column(analysts, path)
        return [one.path for one in analysts._idle["engineer"]]

    assert sorted(run(source, use)) == sorted(PATHS), "two connections, two paths in turn: nobody is told twice"


def test_a_connection_that_is_gone_is_not_taken(source):
    async def use(analysts):
        await column(analysts, PATHS[0])
        analysts._idle["engineer"][0].asker.close()
        return await column(analysts, PATHS[0]), len(analysts._idle["engineer"])

    assert run(source, use) == ("one", 1)


def test_the_state_of_an_answer():
    assert sqlstate([(ord("1"), b""), (ord("Z"), b"I")]) is None
    assert sqlstate([(ord("E"), b"SERROR\0C42601\0\0"), (ord("Z"), b"I")]) == "42601"
