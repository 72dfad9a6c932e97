"""TLS towards a real database: a login bound to its certificate, somebody in the middle, files that change."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import Datasource
from gateway.errors import ConfigError, UpstreamError
from gateway.links.asker import Asker
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.links.trust import Trust, trust_of
from gateway.pgwire.login import LoginRefused
from gateway.pgwire.startup import SSL_REQUEST
from tests.servers import Postgres, TestCa

ROLE = Credentials(user="unit_trust", password="a secret")
PLUS = b"SCRAM-SHA-256-PLUS\0"


@pytest.fixture
def server(postgres15: Postgres) -> Postgres:
    postgres15.role(ROLE.user, password=ROLE.password)
    return postgres15


def datasource(ca: Path, **changes: Any) -> Datasource:
    twin = config.Twin(role="twin")
    return Datasource(id="x", host="localhost", database="postgres", ca=ca, twin=twin, profiles=(), **changes)


def address(port: int, trust: Trust) -> ServerAddress:
    return ServerAddress(host="localhost", port=port, database="postgres", trust=trust, connect_timeout=5.0)


async def certificate_seen(where: ServerAddress, who: Credentials = ROLE) -> str | None:
    """Log in; the subject of our certificate, as the server saw it."""
    connection = await open_connection(where, who, {}, lambda: "nonce")
    try:
        sql = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ((seen,),) = await Asker(connection, answer_limit=10_000).rows(sql, 5.0)
        return seen
    finally:
        connection.close()


@dataclass
class Middle:
    """Somebody between us and the server, with a certificate that we believe."""

    server: Postgres
    context: ssl.SSLContext
    towards: ssl.SSLContext
    strips: bool
    encrypts: bool = True  # to the server
    port: int = 0
    said: bytearray = field(default_factory=bytearray)  # by us
    busy: list[asyncio.Task[None] | None] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.busy.append(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            assert await reader.readexactly(8) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(self.context)
            there, to_server = await asyncio.open_connection("127.0.0.1", self.server.port)
            if self.encrypts:
                to_server.write(SSL_REQUEST)
                assert await there.readexactly(1) == b"S"
                await to_server.start_tls(self.towards, server_hostname="localhost")
            await asyncio.gather(self.pump(reader, to_server, self.said), self.pump(there, writer, bytearray()))

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytearray) -> None:
        try:
            while data := await reader.read(65_536):
                said += data
                if self.strips and data[:1] == b"R" and PLUS in data:
                    data = b"R" + (int.from_bytes(data[1:5]) - len(PLUS)).to_bytes(4) + data[5:].replace(PLUS, b"")
                writer.write(data)
        finally:
            writer.close()


@asynccontextmanager
async def in_the_middle(server: Postgres, ca: TestCa, *, strips: bool, encrypts: bool = True) -> AsyncIterator[Middle]:
    issued = ca.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    middle = Middle(server, context, ssl.create_default_context(cafile=str(ca.path)), strips, encrypts)
    listening = await asyncio.start_server(middle.serve, "127.0.0.1", 0)
    async with listening:
        middle.port = listening.sockets[0].getsockname()[1]
        yield middle
        await asyncio.gather(*(task for task in middle.busy if task is not None))


def through_the_middle(server: Postgres, ca: TestCa, binding: str, **how: bool) -> tuple[UpstreamError | None, bytes]:
    async def work() -> tuple[UpstreamError | None, bytes]:
        async with in_the_middle(server, ca, **how) as middle:
            where = address(middle.port, Trust(datasource(ca.path, channel_binding=binding)))
            try:
                await certificate_seen(where)
            except UpstreamError as error:
                return error, bytes(middle.said)
            return None, bytes(middle.said)

    return asyncio.run(work())


@pytest.mark.needs("postgresql-15")
@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_with_nobody_between_the_login_is_good(server: Postgres, test_ca: TestCa, binding: str) -> None:
    trust = Trust(datasource(test_ca.path, channel_binding=binding))
    assert asyncio.run(certificate_seen(address(server.port, trust))) is None


@pytest.mark.needs("postgresql-15")
@pytest.mark.parametrize("binding", ["require", "prefer"])
def test_who_passes_on_the_exchange_has_another_certificate(server: Postgres, test_ca: TestCa, binding: str) -> None:
    error, said = through_the_middle(server, test_ca, binding, strips=False)
    assert isinstance(error, LoginRefused)
    assert "channel binding" in error.server_message
    assert PLUS in said


@pytest.mark.needs("postgresql-15")
def test_who_takes_plus_out_of_the_offer_is_refused_by_us_or_by_the_server(server: Postgres, test_ca: TestCa) -> None:
    required, said = through_the_middle(server, test_ca, "require", strips=True)
    assert required is not None
    assert "does not offer SCRAM-SHA-256-PLUS" in required.detail
    assert b"SCRAM" not in said, "not a byte of the password's proof went out"
    preferred, said = through_the_middle(server, test_ca, "prefer", strips=True)
    assert isinstance(preferred, LoginRefused)
    assert "negotiation" in preferred.server_message
    assert b"y,,n=" in said


@pytest.mark.needs("postgresql-15")
def test_what_only_require_finds_out(server: Postgres, test_ca: TestCa) -> None:
    """The server cannot know that it should have offered binding to whom it does not speak TLS with."""
    plain = {"strips": False, "encrypts": False}
    assert through_the_middle(server, test_ca, "require", **plain)[0] is not None
    assert through_the_middle(server, test_ca, "prefer", **plain)[0] is None
    assert through_the_middle(server, test_ca, "disable", strips=True)[0] is None


@pytest.mark.needs("postgresql-15")
def test_our_certificate_and_whom_we_believe_are_read_again(
    server: Postgres, test_ca: TestCa, tmp_path: Path, new_postgres: Any
) -> None:
    ca, certificate, key = tmp_path / "authority", tmp_path / "tls.crt", tmp_path / "tls.key"
    shutil.copyfile(TestCa(tmp_path).path, ca)
    first, second = test_ca.issue(client="first"), test_ca.issue(client="second")
    shutil.copyfile(first.certificate, certificate)
    shutil.copyfile(first.key, key)
    trust = Trust(datasource(ca, certificate=certificate, key=key))
    told: list[bool] = []
    watch = trust.kept.watch(told.append)
    where = address(server.port, trust)

    async def looked() -> None:
        await watch.look()
        await watch.look()

    async def work() -> None:
        with pytest.raises(UpstreamError, match="could not be reached"):
            await certificate_seen(where)
        shutil.copyfile(test_ca.path, ca)
        await looked()
        await certificate_seen(where)
        running = trust.context
        for path, content in ((certificate, second.certificate), (key, second.key)):
            path.write_bytes(content.read_bytes())
            await looked()
            assert (trust.context is running) is (path == certificate), "half of a pair is not taken"
        ca.write_text("not a certificate")
        await looked()
        await certificate_seen(where)

    asyncio.run(work())
    assert told == [True, False, True, False]


def test_what_cannot_be_used_is_told(test_ca: TestCa, tmp_path: Path) -> None:
    one, other = test_ca.issue("localhost"), test_ca.issue("localhost")
    (tmp_path / "text").write_text("none")
    for source, why in (
        (datasource(tmp_path / "nowhere"), "nowhere: No such file"),
        (datasource(tmp_path / "text"), "text: no certificate or crl found"),
        (datasource(test_ca.path, certificate=one.certificate, key=other.key), "key values mismatch"),
    ):
        with pytest.raises(ConfigError, match=why):
            trust_of(source)
    assert trust_of(datasource(test_ca.path, tls="disable")) is None
