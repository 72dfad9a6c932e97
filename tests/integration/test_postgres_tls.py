"""TLS at the postgres door, downwards to people and upwards to the database."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import LI, SATO, WANG
from gateway.demo.sample import tables
from gateway.demo.settings import free_port
from gateway.pgwire.frames import encode
from gateway.pgwire.startup import SSL_REQUEST, startup_message
from tests.houses import House
from tests.integration.postgres_wire import Wire, events
from tests.servers import Postgres, TestCa

pytestmark = pytest.mark.integration


# ------------------------------------------------------------------------------------------------------------ down


@pytest.fixture
def secured(new_house: Callable[..., House], test_ca: TestCa) -> House:
    """A house whose Tokyo listener offers TLS and takes no token without it."""
    issued = test_ca.issue("localhost", "127.0.0.1")
    port = free_port()
    listener = {
        "address": f"127.0.0.1:{port}",
        "site": "tokyo-hq",
        "tls": {"certificate": str(issued.certificate), "key": str(issued.key)},
    }
    house = new_house({"listeners": {"postgres": [listener]}})
    house.ports = type(house.ports)(sites={"tokyo-hq": port}, edge=0, grpc=house.ports.grpc, http=house.ports.http)
    return house


def test_verify_full(secured: House, test_ca: TestCa, tmp_path: Path) -> None:
    options: dict[str, Any] = {**secured.parameters(SATO), "sslmode": "verify-full", "sslrootcert": str(test_ca.path)}
    with psycopg.connect(**options, autocommit=True) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT name FROM users WHERE id = 1").fetchone() is not None
        big = connection.execute("SELECT repeat('x', 100), n FROM generate_series(1, 20000) n").fetchall()
        assert len(big) == 20_000
    stranger = TestCa(tmp_path)
    with pytest.raises(psycopg.OperationalError, match="SSL error"):
        psycopg.connect(**{**options, "sslrootcert": str(stranger.path)})


def test_a_token_in_the_clear_is_refused(secured: House) -> None:
    port = secured.ports.sites["tokyo-hq"]
    with Wire(port) as wire:
        wire.startup("sato")
        fields = wire.fatal()  # before a token was asked for
    assert (fields["C"], fields["H"]) == ("28000", "Reason: tls_required")
    (entry,) = events(secured, "login_refused")
    assert (entry["reason"], entry["attribution"]["user"]) == ("tls_required", "sato")
    with pytest.raises(psycopg.OperationalError, match="tls_required"):
        psycopg.connect(**secured.parameters(SATO))


def test_bytes_after_an_ssl_request_are_refused(secured: House) -> None:
    with Wire(secured.ports.sites["tokyo-hq"]) as wire:
        wire.send(SSL_REQUEST + startup_message({"user": "sato"}))
        assert wire.fatal()["C"] == "08P01"
    assert [entry["reason"] for entry in events(secured, "protocol_error")] == ["message_malformed"]


def test_the_first_words_may_come_with_the_end_of_the_handshake(secured: House, test_ca: TestCa) -> None:
    """TLS 1.3: a client may send its last handshake message and its StartupMessage in one segment."""
    context = ssl.create_default_context(cafile=str(test_ca.path))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    for _ in range(20):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        with socket.create_connection(("127.0.0.1", secured.ports.sites["tokyo-hq"]), timeout=10) as raw:
            raw.sendall(SSL_REQUEST)
            assert raw.recv(1) == b"S"
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    if outgoing.pending:
                        raw.sendall(outgoing.read())
                    incoming.write(raw.recv(65_536))
            tls.write(startup_message({"user": "sato", "database": "messenger"}))
            raw.sendall(outgoing.read())  # Finished and StartupMessage
            while True:
                incoming.write(raw.recv(65_536))
                try:
                    answer = tls.read(65_536)
                    break
                except ssl.SSLWantReadError:
                    continue
            assert answer == encode(b"R", (3).to_bytes(4, "big"))


def test_gssenc_is_declined_and_tls_follows(secured: House, test_ca: TestCa) -> None:
    with Wire(secured.ports.sites["tokyo-hq"]) as wire:
        wire.send((8).to_bytes(4, "big") + (80877104).to_bytes(4, "big"))
        assert wire.socket.recv(1) == b"N"
        wire.start_tls(test_ca.path)
        wire.startup("sato")
        wire.password(secured.token(SATO))
        assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")


def test_a_failed_handshake_harms_nobody_else(secured: House, test_ca: TestCa) -> None:
    options: dict[str, Any] = {**secured.parameters(SATO), "sslmode": "verify-full", "sslrootcert": str(test_ca.path)}
    with psycopg.connect(**options, autocommit=True) as connection:
        with Wire(secured.ports.sites["tokyo-hq"]) as wire:
            wire.send(SSL_REQUEST)
            assert wire.socket.recv(1) == b"S"
            wire.send(b"\x16\x03\x01\xff\xff" + b"\xee" * 200)
            while wire.socket.recv(65_536):
                pass
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cancel_request_under_tls(secured: House, test_ca: TestCa) -> None:
    with Wire(secured.ports.sites["tokyo-hq"]).start_tls(test_ca.path) as wire:
        wire.send((16).to_bytes(4, "big") + (80877102).to_bytes(4, "big") + b"\0" * 8)
        assert wire.socket.recv(10) == b""


# -------------------------------------------------------------------------------------------------------------- up

ROLES = ("sekisho_twin", "sekisho_engineer", "sekisho_moderator")


@pytest.fixture(scope="module")
def guarded(postgres15: Postgres) -> Iterator[Postgres]:
    """PostgreSQL 15 that wants TLS and passwords, with the messenger's people in it."""
    with postgres15.admin() as admin:
        admin.execute("CREATE DATABASE guarded")
    schema = (Path(__file__).parents[2] / "gateway" / "demo" / "schema.sql").read_text()
    # 15 knows no options of membership, and its REVOKE names the demo's database
    schema = schema.replace(" WITH INHERIT FALSE, SET TRUE", "").replace("DATABASE messenger", "DATABASE guarded")
    postgres15.load(schema, "guarded")
    for role in ROLES:
        postgres15.role(role, password=f"secret-of-{role}", options="LOGIN")
    with postgres15.admin("guarded") as admin:
        for part in tables():
            if part.table in ("regions", "users", "stickers"):
                with (
                    admin.cursor() as cursor,
                    cursor.copy(f"COPY {part.table} ({', '.join(part.columns)}) FROM STDIN") as copy,
                ):
                    for row in part.rows:
                        copy.write_row(row)
    yield postgres15
    with postgres15.admin() as admin:
        admin.execute("DROP DATABASE guarded WITH (FORCE)")
        for role in ROLES:
            admin.execute(f"DROP ROLE {role}")


def upstream(
    server: Postgres, ca: Path, directory: Path, *, host: str = "localhost", **passwords: str
) -> dict[str, Any]:
    """Settings of a datasource reached by TCP, TLS verify-full, SCRAM."""

    def secret(role: str) -> str:
        path = directory / f"{role}.password"
        path.write_text(passwords.get(role, f"secret-of-{role}") + "\n")
        return str(path)

    source = {
        "id": "messenger",
        "host": host,
        "port": server.port,
        "database": "guarded",
        "tls": "verify-full",
        "ca": str(ca),
        "connect_timeout_ms": 3000,
        "twin": {"role": ROLES[0], "password_file": secret(ROLES[0]), "epoch_interval_ms": 100},
        "profiles": [
            {"name": "engineer", "role": ROLES[1], "groups": ["engineer"], "password_file": secret(ROLES[1])},
            {"name": "moderator", "role": ROLES[2], "groups": ["moderator"], "password_file": secret(ROLES[2])},
        ],
    }
    return {"datasources": [source]}


@pytest.mark.needs("postgresql-15")
def test_scram_and_verify_full_upstream(
    new_house: Callable[..., House], guarded: Postgres, test_ca: TestCa, tmp_path: Path
) -> None:
    house = new_house(upstream(guarded, test_ca.path, tmp_path))
    with guarded.admin() as admin, house.connect(SATO) as connection:
        found = (
            "SELECT count(*), bool_and(ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
            "WHERE usename = 'sekisho_engineer' AND application_name <> 'sekisho twin'"
        )
        assert admin.execute(found).fetchone() == (1, True)
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (86,)
        with house.connect(LI) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("SELECT phone FROM users")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT phne FROM users")


def refused(house: House, *secrets: str) -> None:
    """A login that fails for the database's sake: 58000, and no name of ours in it."""
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        wire.password(house.token(SATO))
        fields = wire.fatal()
    assert (fields["C"], "upstream_unavailable" in fields["H"]) == ("58000", True)
    told = json.dumps(fields) + json.dumps(events(house, "login_refused"))
    for secret in ("localhost", "127.0.0.1:", "sekisho_engineer", "guarded", "secret-of", "wrong", *secrets):
        assert secret not in told
    assert house.metric("sekisho_logins_total", method="token", result="upstream_unavailable") == 1


@pytest.mark.needs("postgresql-15")
def test_a_wrong_authority_upstream_is_refused(
    new_house: Callable[..., House], guarded: Postgres, tmp_path: Path
) -> None:
    stranger = TestCa(tmp_path)
    refused(new_house(upstream(guarded, stranger.path, tmp_path)))


@pytest.mark.needs("postgresql-15")
def test_a_wrong_name_upstream_is_refused(
    new_house: Callable[..., House], postgres15: Postgres, guarded: Postgres, test_ca: TestCa, tmp_path: Path
) -> None:
    settings = upstream(guarded, test_ca.path, tmp_path, host="127.0.0.2")
    refused(new_house(settings), "127.0.0.2")


@pytest.mark.needs("postgresql-15")
def test_a_wrong_password_upstream_is_refused_and_told_to_the_operator(
    new_house: Callable[..., House],
    guarded: Postgres,
    test_ca: TestCa,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house = new_house(upstream(guarded, test_ca.path, tmp_path, sekisho_engineer="wrong"))
    refused(house)
    (record,) = [one for one in caplog.records if one.message == "upstream_login_refused"]
    assert record.sqlstate == "28P01"  # type: ignore[attr-defined]
    with house.connect(WANG) as connection:  # another profile's role has the right one
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)


@pytest.mark.needs("postgresql-15")
def test_a_server_without_tls_is_refused(
    new_house: Callable[..., House], new_postgres: Callable[..., Postgres], test_ca: TestCa, tmp_path: Path
) -> None:
    plain = new_postgres(15)
    refused(new_house(upstream(plain, test_ca.path, tmp_path)))
