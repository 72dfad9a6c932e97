"""Other drivers through the postgres door: asyncpg, psql, psycopg's asynchronous half."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from gateway.demo.characters import LI, SATO, Character
from gateway.demo.database import DATABASE, PORT, Database
from tests.houses import House
from tests.servers import require_tool

pytestmark = pytest.mark.integration

DENIED = "SELECT state FROM moderation_queue WHERE id = 1"  # without the gateway: a privilege the role has not
Scene = Callable[[Any, Callable[[object], None]], Awaitable[None]]


def options(house: House, who: Character) -> dict[str, Any]:
    found = house.parameters(who)
    return {
        "host": found["host"],
        "port": found["port"],
        "user": found["user"],
        "password": found["password"],
        "database": found["dbname"],
        "ssl": False,
    }


def straight(messenger: Database) -> dict[str, Any]:
    return {"host": str(messenger.socket_directory), "port": PORT, "user": "sekisho_engineer", "database": DATABASE}


async def _try(note: Callable[[object], None], work: Awaitable[Any]) -> None:
    try:
        note(await work)
    except asyncpg.PostgresError as error:
        note((type(error).__name__, error.sqlstate))


async def _simple(connection: Any, note: Callable[[object], None]) -> None:
    for text in ("SELECT 1", DENIED, "SELECT 1; SELECT 2", f"SELECT 1; {DENIED}", "SELECT nmae FROM stickers"):
        await _try(note, connection.execute(text))


async def _extended(connection: Any, note: Callable[[object], None]) -> None:
    for _ in range(3):
        await _try(note, connection.fetchval("SELECT name FROM stickers WHERE id = $1", 3))
        await _try(note, connection.fetch(DENIED))
        await _try(note, connection.fetchval("SELECT $1::int[]", [1, None]))
        await _try(note, connection.fetchrow("SELECT $1::text, $2::numeric, now() IS NULL", None, 12))


async def _prepared(connection: Any, note: Callable[[object], None]) -> None:
    statement = await connection.prepare("SELECT id, name FROM stickers WHERE id <= $1 ORDER BY id")
    note([attribute.name for attribute in statement.get_attributes()])
    for number in (1, 2, 3):
        note([tuple(row) for row in await statement.fetch(number)])
    await _try(note, connection.fetch(DENIED))
    note(await statement.fetchval(1, column=1))


async def _transaction(connection: Any, note: Callable[[object], None]) -> None:
    try:
        async with connection.transaction():
            await connection.execute("INSERT INTO feature_flags (key, enabled) VALUES ('t-1', true)")
            await connection.fetch(DENIED)
    except asyncpg.PostgresError as error:
        note((type(error).__name__, error.sqlstate))
    note(await connection.fetchval("SELECT count(*) FROM feature_flags WHERE key LIKE 't-%'"))
    async with connection.transaction():
        try:
            async with connection.transaction():  # a savepoint
                await connection.fetch(DENIED)
        except asyncpg.PostgresError as error:
            note(error.sqlstate)
        note(await connection.fetchval("SELECT 1"))


async def _many(connection: Any, note: Callable[[object], None]) -> None:
    insert = "INSERT INTO feature_flags (key, enabled) VALUES ($1, $2)"
    await _try(note, connection.executemany(insert, [("t-1", True), ("t-2", False)]))
    await _try(note, connection.executemany(insert, [("t-3", True), ("t-1", False)]))
    note(await connection.fetchval("SELECT count(*) FROM feature_flags WHERE key LIKE 't-%'"))
    note(await connection.execute("DELETE FROM feature_flags WHERE key LIKE 't-%'"))


async def _cursor(connection: Any, note: Callable[[object], None]) -> None:
    async with connection.transaction():
        note([row[0] async for row in connection.cursor("SELECT n FROM generate_series(1, 500) n", prefetch=33)])


@pytest.mark.parametrize(
    "scene", [_simple, _extended, _prepared, _transaction, _many, _cursor], ids=lambda s: s.__name__
)
def test_asyncpg_is_as_without_a_gateway(house: House, messenger: Database, scene: Scene) -> None:
    async def play(where: dict[str, Any]) -> list[object]:
        notes: list[object] = []
        connection = await asyncpg.connect(**where)
        try:
            await scene(connection, notes.append)
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()
        return notes

    assert asyncio.run(play(options(house, LI))) == asyncio.run(play(straight(messenger)))


def test_asyncpg_shows_the_denial(house: House) -> None:
    async def play() -> asyncpg.PostgresError:
        connection = await asyncpg.connect(**options(house, LI))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as caught:
                await connection.fetch("SELECT phone FROM users WHERE id = $1", 1)
            return caught.value
        finally:
            await connection.close()

    error: Any = asyncio.run(play())
    assert "jp-appi-28" in error.detail
    assert error.hint


def test_asyncpg_prepares_again_what_a_change_of_a_table_about_people_outdated(
    house: House, messenger: Database
) -> None:
    async def play() -> list[str]:
        connection = await asyncpg.connect(**options(house, SATO))
        try:
            found = [await connection.fetchval("SELECT name FROM users WHERE id = $1", 1)]
            with messenger.connect() as admin:
                admin.execute("ALTER TABLE users ALTER COLUMN name TYPE varchar(300)")
                try:
                    found.append(await connection.fetchval("SELECT name FROM users WHERE id = $1", 1))
                finally:
                    admin.execute("ALTER TABLE users ALTER COLUMN name TYPE text")
            return [*found, await connection.fetchval("SELECT name FROM users WHERE id = $1", 1)]
        finally:
            await connection.close()

    assert len(set(asyncio.run(play()))) == 1


def test_asyncpg_cancels_on_timeout(house: House) -> None:
    async def play() -> None:
        connection = await asyncpg.connect(**options(house, SATO))
        try:
            with pytest.raises(asyncio.TimeoutError):
                await connection.fetchval(
                    "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 90000) b", timeout=0.3
                )
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            await connection.close()

    asyncio.run(play())


def test_psycopg_asynchronously_with_many_at_once(house: House) -> None:
    async def one(number: int) -> int:
        who = (SATO, LI)[number % 2]
        async with await psycopg.AsyncConnection.connect(**house.parameters(who), autocommit=True) as connection:
            for _ in range(5):
                cursor = await connection.execute("SELECT count(*) FROM stickers WHERE id <= %s", (number,))
                row = await cursor.fetchone()
                if who is LI:
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        await connection.execute("SELECT name FROM users WHERE id = %s", (number,))
            assert row is not None
            return int(row[0])

    async def play() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(20)))

    assert asyncio.run(play()) == [min(number, 12) for number in range(20)]


# ---------------------------------------------------------------------------------------------------------------- psql


@pytest.fixture(params=["debian", "wheel"])
def psql(request: pytest.FixtureRequest, messenger: Database) -> Path:
    if request.param == "debian":
        return require_tool("psql")
    return Path(messenger._installation()) / "bin" / "psql"


def run(psql: Path, house: House, who: Character, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = house.parameters(who)
    environment = {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PGHOST": found["host"],
        "PGPORT": str(found["port"]),
        "PGUSER": found["user"],
        "PGPASSWORD": found["password"],
        "PGDATABASE": found["dbname"],
        "PGSSLMODE": "disable",
    }
    command = [str(psql), "-X", "-A", "-t", "-w", *arguments]
    return subprocess.run(command, input=script, env=environment, capture_output=True, text=True, timeout=30)


def test_psql(psql: Path, house: House) -> None:
    script = """
        SELECT count(*) FROM stickers;
        SELECT phone FROM users;
        SELECT 'still here';
        SELECT phne FROM users;
        BEGIN; UPDATE stickers SET price_yen = 0;
        SELECT name FROM users;
        SELECT 1;
        COMMIT;
        SELECT min(price_yen) FROM stickers;
    """
    done = run(psql, house, LI, script, "-v", "VERBOSITY=verbose")
    assert done.returncode == 0
    assert done.stdout.split("\n") == ["12", "still here", "BEGIN", "UPDATE 12", "ROLLBACK", "60", ""]
    said = done.stderr
    assert said.count("ERROR:  42501: access denied: ") == 2
    assert "DETAIL:  Rule: jp-appi-28 (law)" in said
    assert "HINT:  What would help:" in said
    assert 'ERROR:  42703: column "phne" does not exist' in said
    assert "LINE 1: SELECT phne FROM users;" in said, "the position is kept"
    assert "ERROR:  25P02" in said


def test_psql_stops_at_the_first_error_when_told_to(psql: Path, house: House) -> None:
    done = run(psql, house, LI, "SELECT phone FROM users;\nSELECT 'not reached';", "-v", "ON_ERROR_STOP=1")
    assert done.returncode == 3
    assert "not reached" not in done.stdout


def test_psql_of_18_prepares_by_name(messenger: Database, house: House) -> None:
    psql = Path(messenger._installation()) / "bin" / "psql"
    script = (
        "SELECT name FROM stickers WHERE id = $1 \\parse one\n"
        "\\bind_named one 1 \\g\n\\bind_named one 2 \\g\n\\close_prepared one\n"
        "SELECT name FROM users WHERE id = $1 \\bind 1 \\g\n"
        "\\startpipeline\nSELECT 1 \\bind \\sendpipeline\nSELECT phone FROM users \\bind \\sendpipeline\n"
        "SELECT 2 \\bind \\sendpipeline\n\\endpipeline\nSELECT 3;\n"
    )
    done = run(psql, house, LI, script)
    assert done.stdout.split() == ["Bowing", "bear", "Sleepy", "cat", "1", "3"]
    assert done.stderr.count("access denied") == 2
