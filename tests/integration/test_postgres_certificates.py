"""TLS from the first byte, and certificates that change while connections are open."""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509

from gateway.demo.characters import SATO
from gateway.demo.relay import proxy_header
from gateway.demo.settings import Ports
from gateway.links import watch
from gateway.pgwire.binding import end_point
from gateway.pgwire.frames import encode
from gateway.pgwire.scram_server import Verifier
from gateway.pgwire.startup import SSL_REQUEST, startup_message
from tests.houses import House, distinct_ports
from tests.integration.postgres_wire import Wire, events, query, rows, until
from tests.servers import Issued, TestCa
from tests.unit.pgwire.scram_peer import ScramPeer

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery staple"
USERS = f"""
users:
- name: svc_report
  verifier: {Verifier.of(PASSWORD, b"s" * 16).text()}
  groups: [engineer]
"""
SERVICE = {"user": "svc_report", "password": PASSWORD, "channel_binding": "require"}


class Renewed:
    """A house whose listener's certificate lies in a folder of its own."""

    def __init__(self, new_house: Callable[..., House], ca: TestCa, folder: Path) -> None:
        self.ca = ca
        self.certificate, self.key, self.client_ca = (folder / name for name in ("tls.crt", "tls.key", "clients.pem"))
        self.issued = ca.issue("localhost", "127.0.0.1")
        self.put(self.issued)
        self.client_ca.write_bytes(ca.path.read_bytes())
        (folder / "users.yaml").write_text(USERS)
        tls = {"certificate": str(self.certificate), "key": str(self.key), "client_ca": str(self.client_ca)}
        ways = ["token", "scram", "certificate"]
        self.port, self.edge = distinct_ports(2)
        common = {"site": "tokyo-hq", "tls": tls, "authentication": ways}
        listeners = [
            {"address": f"127.0.0.1:{self.port}", **common},
            {"address": f"127.0.0.1:{self.edge}", "edges": ["127.0.0.1/32"], **common},
        ]
        settings = {
            "listeners": {"postgres": listeners},
            "service_users": {"file": str(folder / "users.yaml")},
            "certificates": {
                "issuer": "https://ca.example",
                "user": "spiffe://corp.example/(.+)",
                "groups": ["engineer"],
            },
        }
        self.house = new_house(settings)
        self.house.ports = Ports(
            sites={"tokyo-hq": self.port, "shanghai-office": self.port},
            edge=self.edge,
            grpc=self.house.ports.grpc,
            http=self.house.ports.http,
        )

    def put(self, issued: Issued) -> None:
        self.certificate.write_bytes(issued.certificate.read_bytes())
        self.key.write_bytes(issued.key.read_bytes())

    def options(self, **more: Any) -> dict[str, Any]:
        tls = {"sslmode": "verify-full", "sslrootcert": str(self.ca.path)}
        return {**self.house.parameters(SATO), **tls, **more}

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.options(**more), autocommit=True)

    def serial(self) -> int:
        """Of the certificate that a connection of now is shown."""
        with Wire(self.port).start_tls(self.ca.path) as wire:
            assert isinstance(wire.socket, ssl.SSLSocket)
            return shown(wire.socket).serial_number

    def reloads(self, result: str) -> float:
        """Of both listeners together."""
        return self.house.metric("sekisho_certificate_reloads_total", use="postgres", result=result)


def shown(tls: ssl.SSLSocket) -> x509.Certificate:
    found = tls.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


@pytest.fixture
def renewed(
    new_house: Callable[..., House], test_ca: TestCa, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Renewed:
    monkeypatch.setattr(watch, "INTERVAL", 0.05)
    return Renewed(new_house, test_ca, tmp_path)


# ------------------------------------------------------------------------------------------------ from the first byte


@pytest.mark.skipif(psycopg.pq.version() < 170000, reason="libpq 17 speaks it first")
def test_a_driver_begins_with_tls(renewed: Renewed) -> None:
    with renewed.connect(sslnegotiation="direct") as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (86,)
    with renewed.connect(
        sslnegotiation="direct", user="svc_report", password=PASSWORD, channel_binding="require"
    ) as it:
        assert it.execute("SELECT 1").fetchone() == (1,)


def hello(raw: socket.socket, ca: TestCa, *alpn: str, chunk: int = 1 << 20, first: bytes = b"") -> Any:
    """TLS from the first byte, sent in pieces; gives ``write`` and ``read`` under it."""
    context = ssl.create_default_context(cafile=str(ca.path))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")

    def call(what: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal first
        while True:
            try:
                found, wants = what(*arguments), False
            except ssl.SSLWantReadError:
                found, wants = None, True
            data, first = first + outgoing.read(), b""
            for at in range(0, len(data), chunk):
                raw.sendall(data[at : at + chunk])
            if not wants:
                return found
            received = raw.recv(65_536)
            if received:
                incoming.write(received)
            else:
                incoming.write_eof()

    call(tls.do_handshake)
    return lambda data: call(tls.write, data), lambda: call(tls.read, 65_536)


@pytest.mark.parametrize("chunk", [1, 5, 100, 1 << 20])
def test_tls_from_the_first_byte_in_pieces(renewed: Renewed, chunk: int) -> None:
    with socket.create_connection(("127.0.0.1", renewed.port), timeout=20) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        write, read = hello(raw, renewed.ca, "postgresql", chunk=chunk)
        write(startup_message({"user": "sato", "database": "messenger"}))
        assert read() == encode(b"R", (3).to_bytes(4, "big"))
        write(encode(b"p", renewed.house.token(SATO).encode() + b"\0"))
        answer = read()
        assert answer.startswith(encode(b"R", b"\0\0\0\0"))


def test_tls_right_behind_the_header_of_an_edge(renewed: Renewed) -> None:
    header = proxy_header("192.0.2.9", 4000, "127.0.0.1", 5432)
    with socket.create_connection(("127.0.0.1", renewed.edge), timeout=20) as raw:
        write, read = hello(raw, renewed.ca, "postgresql", first=header)
        write(startup_message({"user": "sato", "database": "messenger"}))
        assert read() == encode(b"R", (3).to_bytes(4, "big"))
        write(encode(b"p", b"no token\0"))
        assert b"token_malformed" in read()
    (entry,) = until(lambda: events(renewed.house, "login_refused"))
    assert entry["peer"]["address"] == "192.0.2.9"


@pytest.mark.parametrize("alpn", [(), ("http/1.1",), ("h2", "http/1.1")])
def test_tls_of_its_own_accord_is_for_postgresql_only(renewed: Renewed, alpn: tuple[str, ...]) -> None:
    with bystander(renewed), socket.create_connection(("127.0.0.1", renewed.port), timeout=20) as raw:
        write, read = hello(raw, renewed.ca, *alpn)
        with suppress(ssl.SSLError, ConnectionError):  # it is closed, sooner or later
            write(startup_message({"user": "sato", "database": "messenger"}))
            assert not read(), "nothing is said under such TLS"
    (entry,) = until(lambda: events(renewed.house, "protocol_error"))
    assert (entry["reason"], "ALPN" in entry["detail"]) == ("tls_handshake_failed", True)


def test_noise_in_place_of_a_handshake(renewed: Renewed) -> None:
    noise = [b"\x16" + b"\xff" * 64, b"\x16\x03\x01\x02\x00" + b"\0" * 600, b"\x16\x03\x01", b"\x16" * 100_000]
    with bystander(renewed):
        for broken in noise:
            with Wire(renewed.port) as wire:
                wire.send(broken)
                wire.socket.shutdown(socket.SHUT_WR)
                with suppress(ConnectionResetError):  # more was sent than anybody read
                    while wire.socket.recv(65_536):
                        pass
        entries = until(lambda: (found := events(renewed.house, "protocol_error"))[3:] and found)
    assert {entry["reason"] for entry in entries} == {"tls_handshake_failed"}


def test_nothing_asks_for_tls_under_tls(renewed: Renewed) -> None:
    for asked in (SSL_REQUEST, (8).to_bytes(4, "big") + (80877104).to_bytes(4, "big")):
        with socket.create_connection(("127.0.0.1", renewed.port), timeout=20) as raw:
            write, read = hello(raw, renewed.ca, "postgresql")
            write(asked)
            assert b"C08P01\0" in read()


@contextmanager
def bystander(renewed: Renewed) -> Iterator[None]:
    """Another session, open meanwhile; afterwards it still works."""
    with renewed.connect() as connection:
        yield
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)


# --------------------------------------------------------------------------------------------------- what is renewed


def test_a_renewed_certificate_is_shown_to_who_comes_next(renewed: Renewed, caplog: pytest.LogCaptureFixture) -> None:
    before = renewed.serial()
    following = renewed.ca.issue("localhost", "127.0.0.1")
    with renewed.connect() as connection, Wire(renewed.port).start_tls(renewed.ca.path) as early:
        # The two files of a pair are never written in one moment: half of it is refused, loudly.
        renewed.certificate.write_bytes(following.certificate.read_bytes())
        until(lambda: renewed.reloads("refused") == 2)
        assert renewed.serial() == before
        record = next(one for one in caplog.records if one.message == "reload_refused")
        assert "key values mismatch" in vars(record)["problems"][0]
        renewed.key.write_bytes(following.key.read_bytes())
        until(lambda: renewed.reloads("ok") == 2)
        assert renewed.serial() != before
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (86,), "who was there stays"
        bound_to_its_own(early)
    for _ in range(2):
        with renewed.connect(**SERVICE) as bound:
            assert bound.execute("SELECT 1").fetchone() == (1,)


def bound_to_its_own(wire: Wire) -> None:
    """Log in by SCRAM-SHA-256-PLUS over a connection that was shown the certificate before."""
    assert isinstance(wire.socket, ssl.SSLSocket)
    binding = end_point(shown(wire.socket))
    assert binding is not None
    peer = ScramPeer(PASSWORD, gs2="p=tls-server-end-point,,", binding=binding)
    wire.startup("svc_report")
    asked = wire.message()
    assert asked is not None
    assert b"SCRAM-SHA-256-PLUS\0" in asked[1]
    first = peer.first()
    wire.send(encode(b"p", b"SCRAM-SHA-256-PLUS\0" + len(first).to_bytes(4, "big") + first))
    server_first = wire.message()
    assert server_first is not None
    wire.send(encode(b"p", peer.final(server_first[1][4:])))
    server_final = wire.message()
    assert server_final == (b"R", (12).to_bytes(4, "big") + b"v=" + b64encode(peer.server_signature))
    wire.until(b"Z")
    wire.send(query("SELECT 1"))
    assert rows(wire.until(b"Z")) == 1


def test_whose_certificates_are_taken_changes_with_its_file(renewed: Renewed, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = TestCa(tmp_path / "other")

    def logs_in(ca: TestCa) -> bool:
        issued = ca.issue("spiffe://corp.example/sato", client="sato")
        try:
            with renewed.connect(sslcert=str(issued.certificate), sslkey=str(issued.key)) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    assert (logs_in(renewed.ca), logs_in(other)) == (True, False)
    renewed.client_ca.write_bytes(other.path.read_bytes())
    until(lambda: renewed.reloads("ok") == 2)
    assert (logs_in(renewed.ca), logs_in(other)) == (False, True)
    renewed.client_ca.write_text("nobody")
    until(lambda: renewed.reloads("refused") == 2)
    assert (logs_in(renewed.ca), logs_in(other)) == (False, True)
