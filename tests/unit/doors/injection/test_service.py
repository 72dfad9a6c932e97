"""The webhook as it runs: a real TLS server, asked as an API server asks."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.utils import floatToGoString

from gateway.config import TlsServer
from gateway.doors.injection.service import Place, Webhook, end_of
from gateway.errors import ConfigError
from gateway.links.watch import Watch
from tests.golden.injector.pods import before
from tests.servers import TestCa
from tests.unit.doors.injection.test_review import asked
from tests.unit.injector.test_settings import SETTINGS

NAME = "sekisho-injector.sekisho-system.svc"
LOOPBACK = "127.0.0.1"


class Served:
    """A webhook on its addresses."""

    def __init__(self, ca: TestCa, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.ca, self.loop = ca, loop
        self.tls = TlsServer(certificate=folder / "tls.crt", key=folder / "tls.key")
        self.renew()
        self.webhook = Webhook(SETTINGS, Place(address=f"{LOOPBACK}:0", tls=self.tls), Place(address=f"{LOOPBACK}:0"))
        self.loop.run_until_complete(self.webhook.start())
        self.port = int(self.webhook.door.address.rpartition(":")[2])

    def renew(self, days: float = 2) -> None:
        issued = self.ca.issue(NAME, days=(-1, days))
        self.tls.certificate.write_bytes(issued.certificate.read_bytes())
        self.tls.key.write_bytes(issued.key.read_bytes())

    def post(self, document: Any) -> tuple[int, Any]:
        """Over TLS, under the name of the Service, as an API server does."""
        context = ssl.create_default_context(cafile=str(self.ca.path))
        with closing(HTTPSConnection(NAME, self.port, timeout=10, context=context)) as connection:
            raw = socket.create_connection((LOOPBACK, self.port), 10)
            connection.sock = context.wrap_socket(raw, server_hostname=NAME)
            connection.request("POST", "/inject?timeout=5s", json.dumps(document), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def get(self, path: str) -> tuple[int, str]:
        assert self.webhook.beside is not None
        host, _, port = self.webhook.beside.address.rpartition(":")
        with closing(HTTPConnection(host, int(port), timeout=10)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()


@pytest.fixture
def served(test_ca: TestCa, tmp_path: Path) -> Iterator[Served]:
    with asyncio.Runner() as runner:  # closes its loop after whatever goes wrong
        one = Served(test_ca, tmp_path, runner.get_loop())
        yield one
        runner.run(one.webhook.stop())


def test_pods_go_in_over_tls_and_are_counted_where_there_is_none(served: Served) -> None:
    status, document = served.post(asked(before("web-application")))
    assert (status, document["response"]["allowed"]) == (200, True)
    assert served.post({"kind": "Pod"})[0] == 400
    status, text = served.get("/metrics")
    assert status == 200
    assert 'sekisho_injections_total{result="injected"} 1.0' in text
    assert 'sekisho_injections_total{result="malformed"} 1.0' in text
    assert f"sekisho_injector_certificate_end_seconds {floatToGoString(end_of(served.tls.certificate))}" in text


def test_a_renewed_certificate_is_shown_without_a_restart(served: Served) -> None:
    def shown() -> str:
        return ssl.get_server_certificate((LOOPBACK, served.port))

    def look(watch: Watch[ssl.SSLContext]) -> None:
        for _ in range(2):  # at rest is what two looks find the same
            served.loop.run_until_complete(watch.look())

    assert served.webhook.door.certificates is not None
    watch = served.webhook.door.certificates.watch(served.webhook._renewed)
    first = shown()
    served.renew(days=9)
    look(watch)
    assert shown() != first
    second = shown()
    served.tls.key.write_text("no key")
    look(watch)
    assert shown() == second
    text = served.get("/metrics")[1]
    assert 'sekisho_injector_certificate_reloads_total{result="taken"} 1.0' in text
    assert 'sekisho_injector_certificate_reloads_total{result="refused"} 1.0' in text
    assert f"sekisho_injector_certificate_end_seconds {floatToGoString(end_of(served.tls.certificate))}" in text


def test_what_was_asked_is_answered_before_the_end(served: Served) -> None:
    """A connection with half of a request when it is told to stop."""
    context = ssl.create_default_context(cafile=str(served.ca.path))
    body = json.dumps(asked(before("web-application"))).encode()
    head = f"POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((LOOPBACK, served.port), 10) as raw:
        with context.wrap_socket(raw, server_hostname=NAME) as line:
            line.sendall(head.encode() + body[:100])
            assert served.post(asked({}))[0] == 200  # and by now the half has come, too
            stopping = threading.Thread(target=lambda: served.loop.run_until_complete(served.webhook.stop()))
            stopping.start()
            assert served.webhook._keeper.stopping.wait(10)
            line.sendall(body[100:])
            assert line.recv(12) == b"HTTP/1.1 200"
    stopping.join(20)
    assert not stopping.is_alive()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((LOOPBACK, served.port), 10)


def test_it_does_not_begin_without_a_certificate_or_an_address(served: Served, tmp_path: Path) -> None:
    at = Place(address=served.webhook.door.address, tls=served.tls)
    with pytest.raises(ConfigError, match="over TLS only"):
        Webhook(SETTINGS, Place(address=f"{LOOPBACK}:0"))
    gone = TlsServer(certificate=tmp_path / "none", key=served.tls.key)
    with pytest.raises(ConfigError, match="none"):
        Webhook(SETTINGS, Place(address=f"{LOOPBACK}:0", tls=gone))
    second = Webhook(SETTINGS, at, Place(address=f"{LOOPBACK}:0"))
    with pytest.raises(ConfigError, match="in use"):
        served.loop.run_until_complete(second.start())


def test_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read as a certificate"):
        end_of(tmp_path / "none")
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(ConfigError, match="cannot be read as a certificate"):
        end_of(tmp_path / "junk")
