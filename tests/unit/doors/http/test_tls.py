"""The http door over TLS: whole, in pieces, large both ways, refused, and with a certificate that is renewed."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Caller, CallerTls, HttpListener
from gateway.doors.callers import Callers
from gateway.doors.documents import MAX_BODY
from gateway.doors.http.door import http_door
from tests.servers import Issued, TestCa
from tests.unit.doors.test_requests import ScriptedDesk

LOOPBACK = "127.0.0.1"


class Served:
    """A door under TLS."""

    def __init__(self, ca: TestCa, loop: asyncio.AbstractEventLoop, client_ca: Path | None = None) -> None:
        issued = ca.issue("localhost", LOOPBACK)
        self.ca, self.loop, self.desk = ca, loop, ScriptedDesk()
        self.tls = CallerTls(certificate=issued.certificate, key=issued.key, client_ca=client_ca)
        self.door = http_door(self.desk, HttpListener(address=f"{LOOPBACK}:0", tls=self.tls, threads=2))
        loop.run_until_complete(self.door.start())
        self.port = int(self.door.address.rpartition(":")[2])

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca.path))

    @contextmanager
    def connection(self) -> Iterator[HTTPSConnection]:
        with closing(HTTPSConnection(LOOPBACK, self.port, timeout=10, context=self.context)) as connection:
            yield connection

    def asked_once(self, _: object = None) -> int:
        with self.connection() as connection:
            return ask(connection)[0]

    def shown(self) -> str:
        return ssl.get_server_certificate((LOOPBACK, self.port))


@pytest.fixture
def served(test_ca: TestCa) -> Iterator[Served]:
    with serving(test_ca) as one:
        yield one


@contextmanager
def serving(ca: TestCa, client_ca: Path | None = None) -> Iterator[Served]:
    with asyncio.Runner() as runner:  # closes its loop after whatever goes wrong
        one = Served(ca, runner.get_loop(), client_ca)
        try:
            yield one
        finally:
            runner.run(one.door.stop())


def ask(connection: HTTPSConnection, sql: str = "select 1") -> tuple[int, Any]:
    document = {"token": "good", "datasource": "messenger", "statement": {"sql": sql}}
    connection.request("POST", "/v1/authorize", json.dumps(document), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_many_requests_over_one_connection_and_over_many(served: Served) -> None:
    with served.connection() as connection:
        for _ in range(3):
            assert ask(connection)[0] == 200
        connection.close()
        with ThreadPoolExecutor(8) as threads:
            answers = threads.map(served.asked_once, range(24))
            assert set(answers) == {200}
        assert len(served.desk.asked) == 27


def test_a_caller_may_show_a_certificate_and_probes_need_none(test_ca: TestCa, tmp_path: Path) -> None:
    caller = Caller(name="search", certificate="dns:search.example", datasources=("messenger",))
    search, other = test_ca.issue("search.example"), test_ca.issue("other.example")
    late = test_ca.issue("search.example", days=(-2, -1))
    stranger = TestCa(tmp_path).issue("search.example")
    with serving(test_ca, client_ca=test_ca.path) as served:
        served.desk.callers = Callers((caller,), ())

        def answer(shown: Issued | None) -> tuple[int, str, str | None]:
            context = served.context
            if shown is not None:
                context.load_cert_chain(shown.certificate, shown.key)
            with closing(HTTPSConnection(LOOPBACK, served.port, timeout=10, context=context)) as connection:
                status, document = ask(connection)
                asked = served.desk.asked[-1] if status == 200 else None
                return status, document["reason"], asked.caller.id if asked and asked.caller else None

        assert answer(None) == (200, "allowed", None)
        assert answer(search) == (200, "allowed", "search")
        assert answer(other) == (401, "caller_unknown", None)
        for refused in (late, stranger):
            with pytest.raises(OSError):  # noqa: PT011  # a reset or a TLS alert, whichever is read first
                answer(refused)
        with served.connection() as connection:
            connection.request("GET", "/healthz", headers={"sekisho.certificate": "search", "sekisho-certificate": "x"})
            assert connection.getresponse().status == 200
        assert len(served.desk.asked) == 2


def test_a_large_request_is_read_whole_and_a_larger_one_is_told_why_not(served: Served) -> None:
    with served.connection() as connection:
        status, answer = ask(connection, "long " + "x" * (MAX_BODY - 1000))
        assert (status, answer["reason"]) == (403, "statement_incomplete")
        assert served.desk.asked[-1].sql.endswith("xxx")
        connection.request("POST", "/v1/authorize", b"x" * (2 * MAX_BODY), {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["reason"]) == (413, "message_too_large")


@pytest.mark.parametrize("size", [1, 7, 300])
def test_records_cut_anywhere(served: Served, size: int) -> None:
    """What arrives is no whole record, and what is a whole record is no whole request."""
    body = json.dumps({"token": "good", "datasource": "messenger", "statement": {"sql": "select 1"}}).encode()
    head = f"POST /v1/authorize HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    request = head.encode() + b"Content-Type: application/json\r\n\r\n" + body
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = served.context.wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
    with socket.create_connection((LOOPBACK, served.port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send() -> None:
            data = outgoing.read()
            for at in range(0, len(data), size):
                raw.sendall(data[at : at + size])

        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                send()
                incoming.write(raw.recv(65_536))
        for at in range(0, len(request), 50):
            tls.write(request[at : at + 50])
        send()
        answer = b""
        while True:
            try:
                data = tls.read(65_536)
            except ssl.SSLWantReadError:
                received = raw.recv(65_536)
                if not received:
                    break
                incoming.write(received)
            else:
                answer += data
                if not data:
                    break
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.count(b'"effect": "allow"') == 1


def test_what_is_no_tls_is_hung_up_on_and_disturbs_nobody(served: Served) -> None:
    with served.connection() as connection:
        assert ask(connection)[0] == 200
        for noise in (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xee" * 100, b"\0" * 50):
            with socket.create_connection((LOOPBACK, served.port), timeout=10) as raw:
                raw.sendall(noise)
                said = b""
                try:
                    while data := raw.recv(65_536):
                        said += data
                except ConnectionResetError:
                    pass  # more was sent than was read
                assert b"HTTP" not in said
        with socket.create_connection((LOOPBACK, served.port), timeout=10):
            pass  # gone before it said anything
        assert ask(connection)[0] == 200


def test_a_renewed_certificate_is_shown_to_who_comes_next(served: Served) -> None:
    told: list[bool] = []
    assert served.door.certificates is not None
    watch = served.door.certificates.watch(told.append)

    def looked() -> None:
        for _ in range(2):
            served.loop.run_until_complete(watch.look())

    with served.connection() as connection:
        assert ask(connection)[0] == 200
        before = served.shown()
        following = served.ca.issue("localhost", LOOPBACK)
        served.tls.certificate.write_bytes(following.certificate.read_bytes())
        looked()
        assert served.shown() == before
        served.tls.key.write_bytes(following.key.read_bytes())
        looked()
        assert served.shown() == following.certificate.read_text()
        assert ask(connection)[0] == 200, "who was there stays"
        assert served.asked_once() == 200
        assert told == [False, True]
