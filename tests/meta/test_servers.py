"""The fixtures every other test stands on."""

from __future__ import annotations

import psycopg
import pytest

from tests.servers import find_tool, require_tool


def test_a_missing_tool_skips_and_fails_where_everything_is_required(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="'no-such-tool' is missing"):
        require_tool("no-such-tool")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="required, as CI=true"):
        require_tool("no-such-tool")
    assert find_tool("postgresql-1") is None
    assert require_tool("sh").name == "sh"


def test_each_server_is_of_its_own_version(every_postgres):
    with every_postgres.admin() as connection:
        assert connection.info.server_version // 10_000 == every_postgres.major


def test_a_database_is_made_from_sql_and_gone_afterwards(postgres, database):
    name = database("CREATE TABLE t (a int); INSERT INTO t VALUES (1);", "INSERT INTO t VALUES (2);")
    with postgres.admin(name) as connection:
        assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (2,)]
    with pytest.raises(RuntimeError, match='relation "nowhere" does not exist'):
        postgres.load("SELECT * FROM nowhere", name)


def test_over_tcp_a_role_needs_its_password(postgres):
    postgres.role("fixture_alice", password="it's right")
    right = postgres.parameters(user="fixture_alice", password="it's right", tcp=True)
    with psycopg.connect(**right) as connection:
        assert connection.pgconn.used_password
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**{**right, "password": "wrong"})


def test_debian_s_server_speaks_tls_with_a_certificate_of_the_test_ca(postgres15):
    postgres15.role("fixture_alice", password="right")
    with psycopg.connect(postgres15.dsn(user="fixture_alice", password="right", tls=True)) as connection:
        assert connection.pgconn.ssl_in_use


def test_a_server_of_one_s_own_can_crash_and_come_back(new_postgres):
    server = new_postgres(settings={"max_connections": "20"})
    server.crash()
    with pytest.raises(psycopg.OperationalError):
        server.admin()
    server.start()
    with server.admin() as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("20",)
