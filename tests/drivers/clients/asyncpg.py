"""asyncpg: one connection (``connection``), or a pool that is asked for one each time (``pool``)."""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Awaitable
from typing import Any

import asyncpg

from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import COPIED_ROWS, STATEMENTS, Step


async def error_of(work: Awaitable[Any]) -> Report:
    """What the driver says of a failure."""
    try:
        await work
    except asyncpg.PostgresError as error:
        told: Any = error
        return {
            "sqlstate": told.sqlstate,
            "message": str(told),
            "detail": told.detail,
            "hint": told.hint,
        }
    return {}


def play(play: Play) -> None:
    """Go through the steps."""
    asyncio.run(_play(play))


async def _play(play: Play) -> None:
    target = play.target
    options: dict[str, Any] = {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "database": target.database,
        "ssl": ssl.create_default_context(cafile=target.ca) if target.ca else False,
    }
    if play.mode == "pool":
        async with asyncpg.create_pool(**options, min_size=1, max_size=2) as pool:
            for step in (_first, _transaction, _cancel, _copy, _big):
                async with pool.acquire() as connection:  # and on release what the pool resets a session with
                    await step(play, connection)
            play.kill()
            lost = await _lost(pool.fetchval("SELECT 1"))
            play.note(Step.RECONNECT, lost=lost, then=await pool.fetchval("SELECT 1"))
        return
    connection = await asyncpg.connect(**options)
    for step in (_first, _transaction, _cancel, _copy, _big):
        await step(play, connection)
    play.kill()
    lost = await _lost(connection.fetchval("SELECT 1"))
    again = await asyncpg.connect(**options)
    play.note(Step.RECONNECT, lost=lost, then=await again.fetchval("SELECT 1"))
    await again.close()


async def _lost(work: Awaitable[Any]) -> bool:
    try:
        await work
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return True
    return False


async def _first(play: Play, connection: Any) -> None:
    play.note(Step.TLS, on=connection._transport.get_extra_info("cipher") is not None)
    play.note(Step.ALLOWED, rows=[list(row) for row in await connection.fetch(STATEMENTS["allowed"], 3)])
    said = await error_of(connection.execute(STATEMENTS["denied"]))
    play.note(Step.DENIED_SIMPLE, **said, then=await connection.fetchval("SELECT 1"))
    statement = await connection.prepare(STATEMENTS["allowed"])
    rows = [[list(row) for row in await statement.fetch(number)] for number in (1, 2, 2)]
    said = await error_of(connection.fetch(STATEMENTS["denied_with"], 1))
    play.note(Step.DENIED_PREPARED, rows=rows, **said, then=await connection.fetchval("SELECT 1"))
    first, last = (STATEMENTS["insert"] % f"batch-{number}" for number in (1, 2))
    said = await error_of(connection.execute(f"{first}; {STATEMENTS['denied']}; {last}"))
    many = [("many-1",), ("many-2",), ("many-1",)]  # the third violates the key, and takes the others with it
    failed = await error_of(connection.executemany(STATEMENTS["insert_with"], many))
    play.note(Step.DENIED_BATCH, **said, many=failed["sqlstate"], then=await connection.fetchval("SELECT 1"))


async def _transaction(play: Play, connection: Any) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(STATEMENTS["insert_with"], "transaction-1")
    said = await error_of(connection.fetch(STATEMENTS["denied_with"], 1))
    aborted = (await error_of(connection.fetchval("SELECT 1")))["sqlstate"]
    await transaction.rollback()
    async with connection.transaction():
        await connection.execute(STATEMENTS["insert_with"], "transaction-2")
        inner = await error_of(_within(connection))
    play.note(
        Step.DENIED_IN_TRANSACTION,
        **said,
        aborted=aborted,
        inner=inner["sqlstate"],
        then=await connection.fetchval("SELECT 1"),
    )


async def _within(connection: Any) -> None:
    async with connection.transaction():  # a savepoint
        await connection.execute(STATEMENTS["insert_with"], "transaction-3")
        await connection.fetch(STATEMENTS["denied_with"], 1)


async def _cancel(play: Play, connection: Any) -> None:
    task = asyncio.ensure_future(connection.fetchval(STATEMENTS["long"]))  # noqa: TID251 - held until it is done
    await asyncio.to_thread(play.await_running)
    task.cancel()  # a task that is cancelled sends a cancel request, and the driver hides the server's answer
    done = await asyncio.gather(task, return_exceptions=True)
    play.note(Step.CANCEL, sqlstate=type(done[0]).__name__, then=await connection.fetchval("SELECT 1"))


async def _copy(play: Play, connection: Any) -> None:
    records = [(f"copy-{number}", True) for number in range(COPIED_ROWS)]  # goes out in the binary format
    into = await connection.copy_records_to_table("feature_flags", records=records, columns=["key", "enabled"])
    out = io.BytesIO()
    query = STATEMENTS["copy_out"].partition("(")[2].rpartition(")")[0]
    await connection.copy_from_query(query, output=out)
    said = await error_of(connection.copy_from_table("moderation_queue", columns=["state"], output=io.BytesIO()))
    play.note(
        Step.COPY,
        into=int(into.split()[-1]),
        out=len(out.getvalue().splitlines()),
        **said,
        then=await connection.fetchval("SELECT 1"),
    )


async def _big(play: Play, connection: Any) -> None:
    if play.mode == "pool":
        numbers = [row[0] for row in await connection.fetch(STATEMENTS["big"])]
    else:
        async with connection.transaction():
            numbers = [row[0] async for row in connection.cursor(STATEMENTS["big"], prefetch=1000)]
    play.note(Step.BIG, rows=len(numbers), sum=sum(numbers))
