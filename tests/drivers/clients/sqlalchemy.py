"""SQLAlchemy over psycopg 3: its pool, its prepared statements, and what its reflection finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy
from sqlalchemy import text

from tests.drivers.clients import psycopg3
from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import STATEMENTS, TABLES, Step

_ALLOWED = text(STATEMENTS["allowed"].replace("$1", ":number"))
_DENIED_WITH = text(STATEMENTS["denied_with"].replace("$1", ":number"))


def error_of(work: Callable[[], Any]) -> Report:
    """What the driver below says of a failure."""

    def bare() -> None:
        try:
            work()
        except sqlalchemy.exc.DBAPIError as error:
            raise error.orig or error from error

    return psycopg3.error_of(bare)


def play(play: Play) -> None:
    """Go through the steps."""
    target = play.target
    options = {**target.libpq(), "prepare_threshold": 0}
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create("postgresql+psycopg", target.user, target.password, target.host, target.port),
        connect_args=options,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        query_cache_size=100,
    )
    with engine.connect() as connection:
        _connection(play, connection)
    with engine.connect() as connection:
        numbers = [
            number for number, _ in connection.execution_options(yield_per=1000).execute(text(STATEMENTS["big"]))
        ]
    play.note(Step.BIG, rows=len(numbers), sum=sum(numbers))
    play.note(Step.METADATA, **_reflection(engine))
    play.kill()
    with engine.connect() as connection:  # the pool asks before it gives one out, and finds that it is gone
        play.note(Step.RECONNECT, lost=True, then=connection.scalar(text("SELECT 1")))
    engine.dispose()


def _connection(play: Play, connection: sqlalchemy.Connection) -> None:
    def then() -> Any:
        connection.rollback()
        return connection.scalar(text("SELECT 1"))

    raw: Any = connection.connection.dbapi_connection
    play.note(Step.TLS, on=bool(raw.pgconn.ssl_in_use))
    play.note(Step.ALLOWED, rows=[list(row) for row in connection.execute(_ALLOWED, {"number": 3})])
    said = error_of(lambda: connection.exec_driver_sql(STATEMENTS["denied"]))
    play.note(Step.DENIED_SIMPLE, **said, then=then())
    prepared = [[list(row) for row in connection.execute(_ALLOWED, {"number": number})] for number in (1, 2, 2)]
    said = error_of(lambda: connection.execute(_DENIED_WITH, {"number": 1}))
    play.note(Step.DENIED_PREPARED, rows=prepared, **said, then=then())

    flags = sqlalchemy.table("feature_flags", sqlalchemy.column("key"), sqlalchemy.column("enabled"))
    connection.execute(flags.insert(), [{"key": f"many-{number}", "enabled": True} for number in range(50)])
    connection.commit()
    connection.execute(flags.insert(), [{"key": f"batch-{number}", "enabled": True} for number in range(50)])
    said = error_of(lambda: connection.execute(_DENIED_WITH, [{"number": number} for number in range(3)]))
    play.note(Step.DENIED_BATCH, **said, then=then())

    with connection.begin_nested():
        connection.execute(flags.insert(), {"key": "transaction-1", "enabled": True})
    savepoint = connection.begin_nested()
    inner = error_of(lambda: connection.execute(_DENIED_WITH, {"number": 1}))
    savepoint.rollback()
    connection.commit()
    connection.execute(flags.insert(), {"key": "transaction-2", "enabled": True})
    said = error_of(lambda: connection.execute(_DENIED_WITH, {"number": 1}))
    aborted = error_of(lambda: connection.execute(text("SELECT 1")))["sqlstate"]
    play.note(Step.DENIED_IN_TRANSACTION, **said, inner=inner["sqlstate"], aborted=aborted, then=then())


def _reflection(engine: sqlalchemy.Engine) -> Report:
    found = sqlalchemy.MetaData()
    found.reflect(engine)
    inspector = sqlalchemy.inspect(engine)
    return {
        "tables": {
            name: [(column.name, str(column.type), column.nullable) for column in found.tables[name].columns]
            for name in sorted(found.tables)
        },
        "keys": {name: inspector.get_pk_constraint(name)["constrained_columns"] for name in TABLES},
        "foreign": {name: [key["referred_table"] for key in inspector.get_foreign_keys(name)] for name in TABLES},
        "indexes": {name: sorted(str(index["name"]) for index in inspector.get_indexes(name)) for name in TABLES},
        "unique": {name: len(inspector.get_unique_constraints(name)) for name in TABLES},
        "checks": {name: len(inspector.get_check_constraints(name)) for name in TABLES},
        "comments": {name: inspector.get_table_comment(name)["text"] for name in TABLES},
        "views": inspector.get_view_names(),
        "schemas": sorted(inspector.get_schema_names()),
        "sequences": inspector.get_sequence_names(),
    }
