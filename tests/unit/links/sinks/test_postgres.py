"""The table of a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from gateway.config_sinks import PostgresSink
from gateway.demo.database import PORT, Database
from gateway.demo.settings import free_port
from gateway.links.sinks.postgres import PostgresTable
from gateway.links.sinks.postgres_ddl import whole_sql
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble
from tests.unit.audit.test_record import AT_US
from tests.unit.links.sinks.lines import lines


@pytest.fixture
def admin(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        host=str(messenger.socket_directory), port=PORT, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        connection.execute("DROP SCHEMA IF EXISTS sink CASCADE")
        yield connection
        connection.execute("DROP SCHEMA IF EXISTS sink CASCADE")


def table(messenger: Database, **settings: Any) -> PostgresTable:
    reached: dict[str, Any] = {
        "host": str(messenger.socket_directory),
        "port": PORT,
        "database": "postgres",
        "user": "postgres",
    }
    given = PostgresSink(**reached | {"tls": "disable", "table": "sink.record", "create": True} | settings)
    return PostgresTable(given, "pg", "tokyo", 20)


def test_every_entry_once_however_often_it_comes(messenger: Database, admin: psycopg.Connection[Any]) -> None:
    sink = table(messenger)
    sink.send(lines()[:4])
    sink.send(lines()[2:])
    sink.close()
    sink.send(lines())  # after a restart
    sink.close()
    found = admin.execute(
        "SELECT seq, hash, entry::text, extract(epoch FROM at) * 1000000, record, writer FROM sink.record ORDER BY seq"
    ).fetchall()
    assert [row[0] for row in found] == list(range(len(lines())))
    assert {row[4:] for row in found} == {("tokyo", "gateway")}
    assert int(found[0][3]) == AT_US
    for row in found[:-1]:  # the hash can be checked there
        content = row[2].encode()
        assert sha256(content[: content.rindex(b',"hash":')]).hexdigest() == row[1]
    assert json.loads(found[-1][2])["kind"] == "unreadable_line"
    months = admin.execute("SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1").fetchall()
    assert ("sink.record_2024_11",) in months
    told = admin.execute("SELECT kind, decision_id, principal, datasource, effect FROM sink.record WHERE seq = 3")
    assert told.fetchone() == ("decision", "d1", "https://id.example#li", "messenger", "deny")


def test_a_forged_line_stands_beside_the_true_one(messenger: Database, admin: psycopg.Connection[Any]) -> None:
    sink = table(messenger)
    sink.send(lines()[:3])
    true = lines()[1]
    sink.send([type(true)(true.writer, true.seq, "e" * 64, true.raw)])
    sink.close()
    assert admin.execute("SELECT count(*) FROM sink.record WHERE seq = 1").fetchone() == (2,)


def test_a_role_that_may_only_insert(messenger: Database, admin: psycopg.Connection[Any]) -> None:
    admin.execute("DROP ROLE IF EXISTS shipper; CREATE ROLE shipper LOGIN")
    try:
        with pytest.raises(SinkError) as refused:
            table(messenger, user="shipper", create=False).send(lines())
        assert refused.value.trouble is Trouble.REFUSED
        assert "42P01" in refused.value.detail
        admin.execute(whole_sql("sink.record", date(2024, 11, 1), 2, "shipper"))  # type: ignore[arg-type]
        sink = table(messenger, user="shipper", create=False)
        for _ in range(2):
            sink.send(lines())
        sink.close()
        assert admin.execute("SELECT count(*) FROM sink.record").fetchone() == (len(lines()),)
        assert admin.execute("SELECT count(*) FROM sink.record_other").fetchone() == (1,)  # what is of no time
    finally:
        admin.execute("DROP OWNED BY shipper; DROP ROLE shipper")


def test_nothing_of_a_batch_that_fails(messenger: Database, admin: psycopg.Connection[Any]) -> None:
    sink = table(messenger)
    sink.send(lines()[:1])
    admin.execute("ALTER TABLE sink.record ADD CONSTRAINT few CHECK (seq < 5)")
    with pytest.raises(SinkError, match="23514"):
        sink.send(lines()[1:])
    assert admin.execute("SELECT count(*) FROM sink.record").fetchone() == (1,)
    admin.execute("ALTER TABLE sink.record DROP CONSTRAINT few")
    sink.send(lines()[1:])
    sink.close()
    assert admin.execute("SELECT count(*) FROM sink.record").fetchone() == (len(lines()),)


def test_a_connection_that_was_lost_is_made_again(messenger: Database, admin: psycopg.Connection[Any]) -> None:
    sink = table(messenger)
    sink.send(lines()[:1])
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sekisho record'")
    with pytest.raises(SinkError) as lost:  # the next batch finds it so
        sink.send(lines()[1:2])
    assert lost.value.trouble is Trouble.UNREACHABLE
    sink.send(lines()[1:2])
    sink.close()


def test_who_is_not_let_in_and_who_is_not_there(messenger: Database) -> None:
    with pytest.raises(SinkError) as refused:
        table(messenger, user="nobody_known").send(lines())
    assert refused.value.trouble is Trouble.UNAUTHORISED
    with pytest.raises(SinkError) as gone:
        table(messenger, host="127.0.0.1", port=free_port()).send(lines())
    assert gone.value.trouble is Trouble.UNREACHABLE


def test_a_table_that_is_locked_is_waited_for_so_long(messenger: Database, admin: psycopg.Connection[Any]) -> None:
    sink = table(messenger)
    sink.send(lines()[:1])
    sink._seconds = 0.3
    with admin.transaction():
        admin.execute("LOCK TABLE sink.record IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SinkError) as late:
            sink.send(lines()[1:2])
    assert late.value.trouble is Trouble.TIMEOUT
