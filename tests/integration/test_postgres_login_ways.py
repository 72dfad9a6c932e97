"""Every way to log in at the postgres door, over TLS, with real drivers; and what happens to those who cheat."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from gateway.demo.characters import ISSUER, LI, SATO
from gateway.demo.database import Database
from gateway.demo.settings import free_port
from gateway.pgwire.frames import encode
from gateway.pgwire.sasl import AUTHENTICATION_OK
from gateway.pgwire.scram_server import Verifier
from gateway.pgwire.startup import SSL_REQUEST
from tests.houses import House, distinct_ports
from tests.integration import libpq_oauth
from tests.integration.postgres_wire import Wire, events, query, until
from tests.servers import Issued, TestCa, require_tool
from tests.unit.pgwire.scram_peer import ScramPeer
from tests.unit.pgwire.test_binding import self_signed

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery staple"
SPIFFE = "spiffe://corp.example/"
USERS = f"""
users:
- name: svc_report
  subject: report-job
  verifier: {Verifier.of(PASSWORD, b"s" * 16).text()}
  groups: [engineer]
- name: svc_old
  verifier: {Verifier.of(PASSWORD, b"o" * 16).text()}
  to: 2020-01-01
- name: glass_anna
  verifier: {Verifier.of("关所 ⅸ", b"g" * 16).text()}
  groups: [moderator]
"""


def person(issuer: str, subject: str) -> dict[str, Any]:
    job = {"entity": "line-jp", "from": "2017-04-01"}
    document = {"issuer": issuer, "subject": subject, "name": subject, "residence": "JP", "stay": "residence"}
    return {**document, "employments": [job]}


@dataclass
class Ways:
    """A house whose listeners differ in how one logs in."""

    house: House
    ports: dict[str, int]
    ca: TestCa
    users: Path
    server: Issued

    def options(self, way: str, user: str, **more: Any) -> dict[str, Any]:
        options: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.ports[way],
            "dbname": "messenger",
            "user": user,
            "sslmode": "verify-full",
            "sslrootcert": str(self.ca.path),
            "connect_timeout": 10,
        }
        return {**options, **more}

    def connect(self, way: str, user: str, **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.options(way, user, **more), autocommit=True)

    def client(self, *names: str, ca: TestCa | None = None, days: tuple[float, float] = (-1, 1)) -> dict[str, str]:
        issued = (ca or self.ca).issue(*names, client="somebody", days=days)
        return {"sslcert": str(issued.certificate), "sslkey": str(issued.key)}

    def wire(self, way: str, user: str) -> Wire:
        wire = Wire(self.ports[way]).start_tls(self.ca.path)
        wire.startup(user)
        return wire

    def logins(self, method: str, result: str = "allowed") -> float:
        return self.house.metric("sekisho_logins_total", method=method, result=result)

    def last(self, event: str) -> Any:
        return events(self.house, event)[-1]


@pytest.fixture(scope="module")
def ways(messenger: Database, test_ca: TestCa) -> Iterator[Ways]:
    with tempfile.TemporaryDirectory(prefix="sekisho-ways-") as directory:
        root = Path(directory)
        users = root / "users.yaml"
        users.write_text(USERS)
        server = test_ca.issue("localhost", "127.0.0.1")
        tls = {"certificate": str(server.certificate), "key": str(server.key)}
        both = {**tls, "client_ca": str(test_ca.path)}
        listeners: dict[str, Any] = {
            "token": {"tls": tls, "authentication": ["token", "scram"]},
            "oauth": {"tls": tls, "authentication": ["oauthbearer", "scram"], "oauth_scope": "openid db"},
            "certificate": {"tls": both, "authentication": ["certificate"]},
            "any": {"tls": both, "authentication": ["certificate", "token", "scram"]},
            "service": {"tls": tls, "authentication": ["scram"]},
        }
        ports = dict(zip(listeners, distinct_ports(len(listeners)), strict=True))
        house = House(
            root,
            messenger,
            {
                "listeners": {
                    "postgres": [
                        {"address": f"127.0.0.1:{ports[way]}", "site": "tokyo-hq", **one}
                        for way, one in listeners.items()
                    ]
                },
                "service_users": {"file": str(users), "prefixes": ["svc_", "glass_"]},
                "certificates": {
                    "issuer": "sekisho:certificate",
                    "user": f"{SPIFFE}([a-z]+)",
                    "groups": ["engineer"],
                },
            },
        )
        people = house.layout.registry / "people.yaml"
        document = yaml.safe_load(people.read_text())
        document["people"] += [
            person("sekisho:service", "report-job"),
            person("sekisho:certificate", f"{SPIFFE}batch"),
        ]
        people.write_text(yaml.safe_dump(document))
        house.start()
        yield Ways(house, ports, test_ca, users, server)
        house.stop()


NAMES = "SELECT name FROM users WHERE id = 1"


# ----------------------------------------------------------------------------------------------------------- SCRAM


@pytest.mark.parametrize("way", ["token", "oauth", "service", "any"])
@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_a_service_user_with_libpq(ways: Ways, way: str, binding: str) -> None:
    before = ways.logins("scram")
    options = {"password": PASSWORD, "channel_binding": binding, "require_auth": "scram-sha-256"}
    with ways.connect(way, "svc_report", **options) as connection:
        assert connection.execute(NAMES).fetchone() is not None
        assert connection.execute("SELECT current_user").fetchone() == ("sekisho_engineer",)
    assert ways.logins("scram") == before + 1
    entry = ways.last("session_open")
    assert (entry["principal_id"], entry["method"]) == ("sekisho:service#report-job", "scram")
    decision = ways.house.entries("decision")[-1]
    assert decision["principal"]["id"] == "sekisho:service#report-job"


def test_a_service_user_with_psql(ways: Ways) -> None:
    conninfo = " ".join(
        f"{name}={value}" for name, value in ways.options("token", "svc_report", channel_binding="require").items()
    )
    psql = require_tool("psql")
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    done = subprocess.run([psql, "-XAtc", NAMES, conninfo], env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    done = subprocess.run(
        [psql, "-XAtc", NAMES, conninfo],
        env={**environment, "PGPASSWORD": "no"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert 'FATAL:  password authentication failed for user "svc_report"' in done.stderr


_REFUSED_BY_ASYNCPG = """
import asyncio, ssl, sys, asyncpg
port, ca = int(sys.argv[1]), sys.argv[2]
try:
    asyncio.run(asyncpg.connect(host="127.0.0.1", port=port, user="svc_report", password="wrong", database="messenger",
                                ssl=ssl.create_default_context(cafile=ca)))
except asyncpg.InvalidPasswordError:
    print("refused")
"""


def test_a_wrong_password_with_asyncpg(ways: Ways) -> None:
    """In a process of its own: asyncpg leaves the transport of a refused login open, and its loop ends before it."""
    command = [sys.executable, "-c", _REFUSED_BY_ASYNCPG, str(ways.ports["token"]), str(ways.ca.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "refused\n", done.stderr


def test_a_service_user_with_asyncpg(ways: Ways) -> None:
    async def work() -> Any:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=ways.ports["token"],
            user="svc_report",
            password=PASSWORD,
            database="messenger",
            ssl=ssl.create_default_context(cafile=str(ways.ca.path)),
        )
        try:
            return await connection.fetchval(NAMES)
        finally:
            await connection.close()

    assert asyncio.run(work())


def test_a_password_of_every_alphabet(ways: Ways) -> None:
    """SASLprep: what libpq sends of it is what the verifier was made of."""
    with ways.connect("token", "glass_anna", password="关所 ix", channel_binding="require") as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("sekisho_moderator",)


def test_nobody_can_tell_which_names_exist(ways: Ways) -> None:
    said = []
    for user in ("svc_report", "svc_nobody", "svc_old", "glass_nobody"):
        salts = set()
        for _ in range(2):
            with ways.wire("token", user) as wire:
                asked = wire.message()
                peer = ScramPeer("wrong")
                wire.send(initial("SCRAM-SHA-256", peer.first()))
                first = wire.message()
                assert first is not None
                fields = dict(part.split("=", 1) for part in first[1][4:].decode().split(","))
                salts.add(fields["s"])
                wire.send(encode(b"p", peer.final(first[1][4:])))
                fatal = wire.fatal()
            said.append((asked, len(first[1]), fields["i"], fatal["C"], fatal["M"].replace(user, "?"), fatal["H"]))
        assert len(salts) == 1, "a salt that changes is nobody's"
    assert len(set(said)) == 1, said
    assert said[0][3:] == ("28P01", 'password authentication failed for user "?"', "Reason: password_wrong")
    assert ways.last("login_refused")["method"] == "scram"


def test_an_expired_user_is_refused_with_the_right_password(ways: Ways) -> None:
    for user in ("svc_old", "svc_nobody"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ways.connect("token", user, password=PASSWORD)


def test_a_name_that_is_not_asked_for_scram_is_asked_for_a_token(ways: Ways) -> None:
    with ways.connect("token", "sato", password=ways.house.token(SATO)) as connection:
        assert connection.execute(NAMES).fetchone() is not None
    with pytest.raises(psycopg.OperationalError, match="login_not_offered"):
        ways.connect("service", "sato", password=ways.house.token(SATO))


def test_a_token_for_a_name_that_is_asked_for_scram_is_no_password(ways: Ways) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ways.connect("token", "svc_report", password=ways.house.token(SATO))


def initial(mechanism: str, message: bytes) -> bytes:
    return encode(b"p", mechanism.encode() + b"\0" + len(message).to_bytes(4, "big") + message)


def test_a_downgrade_is_noticed(ways: Ways) -> None:
    """Somebody between took -PLUS out of the list: the client says it could have bound."""
    with ways.wire("token", "svc_report") as wire:
        assert wire.message() == (b"R", b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        wire.send(initial("SCRAM-SHA-256", ScramPeer(PASSWORD, gs2="y,,").first()))
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: channel_binding_failed")
    assert ways.last("login_refused")["reason"] == "channel_binding_failed"


def test_a_client_that_was_shown_another_certificate_is_refused(ways: Ways) -> None:
    with ways.wire("token", "svc_report") as wire:
        wire.message()
        peer = ScramPeer(PASSWORD, gs2="p=tls-server-end-point,,", binding=bytes(32))
        wire.send(initial("SCRAM-SHA-256-PLUS", peer.first()))
        first = wire.message()
        assert first is not None
        wire.send(encode(b"p", peer.final(first[1][4:])))
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: channel_binding_failed")


@pytest.mark.parametrize("case", ["query", "ahead", "startup", "again", "mechanism", "long"])
def test_messages_out_of_order_end_it(ways: Ways, case: str) -> None:
    """The exchange takes its own messages and no others: no second start-up message, nothing ahead."""
    peer = ScramPeer(PASSWORD)
    with ways.wire("token", "svc_report") as wire:
        wire.message()
        if case == "query":
            wire.send(query("SELECT 1"))
        elif case == "startup":
            wire.startup("sato")
        elif case == "mechanism":
            wire.send(initial("PLAIN", b"\0svc_report\0" + PASSWORD.encode()))
        elif case == "long":
            wire.send(initial("SCRAM-SHA-256", b"n,,n=,r=" + b"a" * 5000))
        elif case == "ahead":
            wire.send(initial("SCRAM-SHA-256", peer.first()) + query("SELECT 1"))
        else:
            wire.send(initial("SCRAM-SHA-256", peer.first()))
            wire.message()
            wire.send(initial("SCRAM-SHA-256", peer.first()))
        fields = wire.fatal()
    assert fields["C"] == "08P01"


def test_a_file_of_users_that_changes(ways: Ways) -> None:
    with ways.connect("token", "svc_report", password=PASSWORD) as connection:
        ways.users.write_text(USERS.replace("svc_report", "svc_other"))
        try:
            until(lambda: _ended(connection), seconds=20)
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                ways.connect("token", "svc_report", password=PASSWORD)
            with ways.connect("token", "svc_other", password=PASSWORD) as other:
                assert other.execute(NAMES).fetchone() is not None
        finally:
            ways.users.write_text(USERS)
    until(lambda: _lets_in(ways), seconds=20)


def _ended(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return True
    return False


def _since(ways: Ways, before: int) -> list[Any]:
    return events(ways.house, "protocol_error")[before:]


def _lets_in(ways: Ways) -> bool:
    try:
        ways.connect("token", "svc_report", password=PASSWORD).close()
    except psycopg.OperationalError:
        return False
    return True


# ----------------------------------------------------------------------------------------------------- OAUTHBEARER


def test_libpq_asks_where_to_get_a_token_and_comes_again(ways: Ways) -> None:
    asked: list[tuple[str, str]] = []

    def give(discovery: str, scope: str) -> str:
        asked.append((discovery, scope))
        return ways.house.token(SATO)

    refused, allowed = len(events(ways.house, "login_refused")), ways.logins("oauthbearer")
    sent_away = ways.logins("oauthbearer", "token_missing")
    with libpq_oauth.tokens(give):
        options = {"oauth_issuer": ISSUER, "oauth_client_id": "sekisho", "require_auth": "oauth"}
        with ways.connect("oauth", "sato", **options) as connection:
            assert connection.execute(NAMES).fetchone() is not None
    assert asked == [(f"{ISSUER}/.well-known/openid-configuration", "openid db")]
    assert ways.logins("oauthbearer") == allowed + 1
    assert ways.logins("oauthbearer", "token_missing") == sent_away + 1
    assert len(events(ways.house, "login_refused")) == refused, "asking the way is no refused login"
    assert ways.last("session_open")["method"] == "oauthbearer"


def test_libpq_with_a_token_that_is_refused(ways: Ways) -> None:
    expired = ways.house.token(SATO, at=int(time.time()) - 7200, ttl=3600)
    with libpq_oauth.tokens(lambda *_: expired):
        options = {"oauth_issuer": ISSUER, "oauth_client_id": "sekisho"}
        with pytest.raises(psycopg.OperationalError, match=r"token_expired|invalid_token"):
            ways.connect("oauth", "sato", **options)
    until(lambda: ways.last("login_refused")["reason"] == "token_expired")  # libpq does not wait for our last word


def bearer(token: str) -> bytes:
    return initial("OAUTHBEARER", b"n,,\x01auth=" + (f"Bearer {token}" if token else "").encode() + b"\x01\x01")


def test_the_exchange_byte_by_byte(ways: Ways) -> None:
    with ways.wire("oauth", "sato") as wire:
        assert wire.message() == (b"R", b"\0\0\0\x0aOAUTHBEARER\0\0")
        wire.send(bearer(ways.house.token(SATO)))
        greeting = wire.until(b"Z", b"E")
        assert encode(*greeting[0]) == AUTHENTICATION_OK
        assert greeting[-1] == (b"Z", b"I")
    with ways.wire("oauth", "sato") as wire:
        wire.message()
        wire.send(bearer(""))
        kind, body = wire.message() or (b"", b"")
        assert (kind, body[:4]) == (b"R", b"\0\0\0\x0b")
        assert json.loads(body[4:]) == {
            "status": "invalid_token",
            "openid-configuration": f"{ISSUER}/.well-known/openid-configuration",
            "scope": "openid db",
        }
        wire.send(encode(b"p", b"\x01"))
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: token_missing")


def test_a_client_that_leaves_when_its_token_is_refused_is_recorded(ways: Ways) -> None:
    before = len(events(ways.house, "login_refused"))
    with ways.wire("oauth", "sato") as wire:
        wire.message()
        wire.send(bearer("not.a.token"))
        wire.message()
    (entry,) = until(lambda: events(ways.house, "login_refused")[before:])
    assert (entry["reason"], entry["method"]) == ("token_malformed", "oauthbearer")


@pytest.mark.parametrize("answer", [b"", b"\x01\x01", b"\0", b"x"])
def test_a_refusal_must_be_acknowledged(ways: Ways, answer: bytes) -> None:
    with ways.wire("oauth", "sato") as wire:
        wire.message()
        wire.send(bearer(""))
        wire.message()
        wire.send(encode(b"p", answer))
        assert wire.fatal()["C"] == "08P01"


def test_no_second_token_on_one_connection(ways: Ways) -> None:
    with ways.wire("oauth", "sato") as wire:
        wire.message()
        wire.send(bearer("not.a.token"))
        wire.message()
        wire.send(bearer(ways.house.token(SATO)))
        assert wire.fatal()["C"] == "08P01"


def test_a_token_for_another_user(ways: Ways) -> None:
    with ways.wire("oauth", "li") as wire:
        wire.message()
        wire.send(bearer(ways.house.token(SATO)))
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: user_mismatch")


# ----------------------------------------------------------------------------------------------------- certificate


@pytest.mark.parametrize("way", ["certificate", "any"])
def test_a_certificate_and_nothing_else(ways: Ways, way: str) -> None:
    with ways.connect(way, "batch", **ways.client(f"{SPIFFE}batch", "batch.internal")) as connection:
        assert connection.execute(NAMES).fetchone() is not None
    entry = ways.last("session_open")
    assert (entry["principal_id"], entry["method"]) == (f"sekisho:certificate#{SPIFFE}batch", "certificate")


def test_asyncpg_with_a_certificate(ways: Ways) -> None:
    issued = ways.client(f"{SPIFFE}batch")

    async def work() -> Any:
        context = ssl.create_default_context(cafile=str(ways.ca.path))
        context.load_cert_chain(issued["sslcert"], issued["sslkey"])
        connection = await asyncpg.connect(
            host="127.0.0.1", port=ways.ports["certificate"], user="batch", database="messenger", ssl=context
        )
        try:
            return await connection.fetchval(NAMES)
        finally:
            await connection.close()

    assert asyncio.run(work())


def test_a_certificate_for_another_user(ways: Ways) -> None:
    for user in ("sato", "svc_report", "BATCH"):
        with pytest.raises(psycopg.OperationalError, match="user_mismatch"):
            ways.connect("any", user, **ways.client(f"{SPIFFE}batch"), password=ways.house.token(SATO))


@pytest.mark.parametrize("names", [(), ("batch",), (f"{SPIFFE}a", f"{SPIFFE}b"), ("spiffe://evil.example/batch",)])
def test_a_certificate_that_names_nobody(ways: Ways, names: tuple[str, ...]) -> None:
    """Its common name, which is `somebody`, is not looked at; and there is no second chance with a token."""
    with pytest.raises(psycopg.OperationalError, match="certificate_refused"):
        ways.connect("any", "somebody", **ways.client(*names), password=ways.house.token(SATO))


def test_a_certificate_that_is_not_accepted_is_a_failed_handshake(ways: Ways, tmp_path: Path) -> None:
    stranger = TestCa(tmp_path)
    cases: dict[str, dict[str, str]] = {
        "certificate has expired": ways.client(f"{SPIFFE}batch", days=(-3, -1)),
        "certificate is not yet valid": ways.client(f"{SPIFFE}batch", days=(1, 2)),
        "certificate signature failure": ways.client(f"{SPIFFE}batch", ca=stranger),
    }
    for why, certificate in cases.items():
        before = len(events(ways.house, "protocol_error"))
        counted = ways.house.metric(
            "sekisho_denials_total", door="postgres", layer="none", rule="none", reason="tls_handshake_failed"
        )
        with pytest.raises(psycopg.OperationalError, match=r"SSL|alert|closed"):
            ways.connect("certificate", "batch", **certificate)
        (entry,) = until(partial(_since, ways, before))
        assert entry["reason"] == "tls_handshake_failed"
        assert why in entry["detail"]
        assert entry["peer"]["address"] == "127.0.0.1"
        assert counted + 1 == ways.house.metric(
            "sekisho_denials_total", door="postgres", layer="none", rule="none", reason="tls_handshake_failed"
        )


def test_no_certificate_where_one_is_demanded(ways: Ways) -> None:
    before = len(events(ways.house, "protocol_error"))
    with pytest.raises(psycopg.OperationalError, match=r"SSL|alert|closed"):
        ways.connect("certificate", "batch", password="x")
    (entry,) = until(lambda: events(ways.house, "protocol_error")[before:])
    assert (entry["reason"], "did not return a certificate" in entry["detail"]) == ("tls_handshake_failed", True)


def test_no_certificate_where_there_are_other_ways(ways: Ways) -> None:
    with ways.connect("any", "li", password=ways.house.token(LI)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_client_that_does_not_trust_us_is_recorded(ways: Ways, tmp_path: Path) -> None:
    before = len(events(ways.house, "protocol_error"))
    stranger = TestCa(tmp_path)
    with pytest.raises(psycopg.OperationalError, match="SSL error"):
        ways.connect("token", "sato", sslrootcert=str(stranger.path), password="x")
    (entry,) = until(lambda: events(ways.house, "protocol_error")[before:])
    assert (entry["reason"], "alert" in entry["detail"]) == ("tls_handshake_failed", True)


def test_a_handshake_that_is_garbage(ways: Ways) -> None:
    for garbage in (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n"):
        before = len(events(ways.house, "protocol_error"))
        with Wire(ways.ports["token"]) as wire:
            wire.send(b"\0\0\0\x08\x04\xd2\x16\x2f")
            assert wire.socket.recv(1) == b"S"
            wire.send(garbage)
            assert b"FATAL" not in wire.socket.recv(1000), "no word of ours within a handshake"
        (entry,) = until(partial(_since, ways, before))
        assert entry["reason"] == "tls_handshake_failed"


def test_a_peer_that_leaves_within_the_handshake(ways: Ways) -> None:
    before = len(events(ways.house, "protocol_error"))
    with Wire(ways.ports["token"]) as wire:
        wire.send(SSL_REQUEST)
        assert wire.socket.recv(1) == b"S"
    (entry,) = until(partial(_since, ways, before))
    assert entry["reason"] == "tls_handshake_failed"


def test_a_handshake_that_never_comes(new_house: Callable[..., House], test_ca: TestCa) -> None:
    issued, port = test_ca.issue("localhost"), free_port()
    tls = {"certificate": str(issued.certificate), "key": str(issued.key)}
    listener = {"address": f"127.0.0.1:{port}", "tls": tls}
    house = new_house({"listeners": {"postgres": [listener]}, "limits": {"login_timeout_ms": 300}})
    with Wire(port) as wire:
        wire.send(SSL_REQUEST)
        assert wire.socket.recv(1) == b"S"
        assert wire.socket.recv(1000) == b"", "no word of ours within a handshake"
    assert [entry["reason"] for entry in events(house, "login_refused")] == ["login_timeout"]
    assert events(house, "protocol_error") == []


def test_an_ed25519_certificate_cannot_be_bound_to_and_clients_are_told_so(
    new_house: Callable[..., House], ways: Ways, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "c.key"
    private = ed25519.Ed25519PrivateKey.generate()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    certificate.write_bytes(self_signed(private, None).public_bytes(pem))
    key.write_bytes(private.private_bytes(pem, form, serialization.NoEncryption()))
    port = free_port()
    tls = {"certificate": str(certificate), "key": str(key)}
    listener = {"address": f"127.0.0.1:{port}", "tls": tls, "authentication": ["scram"], "site": "tokyo-hq"}
    users = {"file": str(ways.users), "prefixes": ["svc_", "glass_"]}
    new_house({"listeners": {"postgres": [listener]}, "service_users": users})
    options = ways.options("token", "svc_report", password=PASSWORD, port=port, sslmode="require", sslrootcert="")
    with psycopg.connect(**options, channel_binding="prefer") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        psycopg.connect(**options, channel_binding="require")


def test_a_flood_of_bad_logins_does_not_fill_the_record(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"refusals_per_address": 3}})
    for _ in range(10):
        with Wire(house.ports.sites["tokyo-hq"]) as wire:
            wire.startup("sato")
            wire.password("no token")
            assert wire.fatal()["H"] == "Reason: token_malformed", "everybody is told all the same"
    assert len(events(house, "login_refused")) == 3
    assert house.metric("sekisho_logins_total", method="token", result="token_malformed") == 10
    assert house.metric("sekisho_refusals_suppressed_total") == 7
    with house.connect(SATO) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,), "who may come in comes in"
    house.stop()
    last = events(house, "login_refused")[-1]
    assert (last["reason"], last["suppressed"], last["peer"]["address"]) == ("limit_exceeded", 7, "127.0.0.1")
