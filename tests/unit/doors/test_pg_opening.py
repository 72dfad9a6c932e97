"""The first bytes of a connection: edges, encryption, where what arrives goes meanwhile."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.config import PostgresListener
from gateway.demo.relay import proxy_header
from gateway.doors.pg_opening import Reception, is_loopback
from gateway.doors.postgres import Place
from gateway.errors import AuthenticationError, ClientProtocolError, Reason
from gateway.links.tasks import TaskGroup
from gateway.pgwire.startup import SSL_REQUEST, CancelKey, cancel_request, startup_message

STARTUP = startup_message({"user": "sato", "database": "messenger", "application_name": "x"})


class Host:
    """A connection that notes what is asked of it."""

    def __init__(self, *, tls: bool = False, **settings: Any) -> None:
        self.said = b""
        self.asked: list[Any] = []
        self.reader: Callable[[bytes], None] | None = None
        place = Place(PostgresListener(address="127.0.0.1:0", **settings))
        if tls:
            place.certificates = cast(Any, SimpleNamespace(current=SimpleNamespace(context=None)))
        self.reception = Reception(self, place)

    def connect(self, address: str) -> Host:
        self.reception.connected(address)
        return self

    def feed(self, data: bytes) -> Host:
        assert self.reader is not None
        self.reader(data)
        return self

    def write(self, data: bytes) -> None:
        self.said += data

    def read_with(self, reader: Callable[[bytes], None] | None) -> None:
        self.reader = reader

    def begin_tls(self) -> None:
        self.asked.append("tls")

    def cancel_asked(self, key: CancelKey | None) -> None:
        self.asked.append(key)

    def arrived(self) -> None:
        self.asked.append("arrived")

    def handshake_failed(self, why: str) -> None:
        self.asked.append(why)


def test_loopback_is_what_the_kernel_says():
    found = [is_loopback(one) for one in ("127.0.0.1", "127.8.9.10", "::1", "10.0.0.1", None)]
    assert found == [True, True, True, False, False]


def test_a_startup_message_on_loopback():
    host = Host(plaintext="loopback", site="tokyo-hq").connect("127.0.0.1").feed(STARTUP)
    assert host.asked == ["arrived"]
    assert host.reception.peer.address == "127.0.0.1"
    assert host.reception.peer.site == "tokyo-hq"
    assert host.reception.claims() == {"user": "sato", "database": "messenger", "application_name": "x"}


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"plaintext": "never"}, "127.0.0.1"),
        ({"plaintext": "loopback"}, "10.0.0.1"),
        ({"plaintext": "loopback", "authentication": ("oauthbearer",)}, "127.0.0.1"),
    ],
)
def test_nobody_is_asked_for_a_secret_in_the_clear(settings: dict[str, Any], address: str):
    with pytest.raises(AuthenticationError) as caught:
        Host(**settings).connect(address).feed(STARTUP)
    assert caught.value.reason is Reason.TLS_REQUIRED


def test_an_edge_says_who_stands_behind_it_and_comes_first():
    host = Host(plaintext="loopback", edges=("127.0.0.1/32",)).connect("127.0.0.1")
    header = proxy_header("203.0.113.9", 4000, "127.0.0.1", 5432)
    host.feed(header[:7])
    assert host.reception.truncated()
    host.feed(header[7:] + STARTUP)
    assert host.asked == ["arrived"]
    assert (host.reception.peer.address, host.reception.peer.via_edge) == ("203.0.113.9", True)


def test_an_encryption_request():
    host = Host(tls=True).connect("10.0.0.1").feed(SSL_REQUEST)
    assert (host.said, host.asked, host.reception.shaking) == (b"S", ["tls"], True)
    with pytest.raises(ClientProtocolError, match="unencrypted data after SSL request"):
        host.feed(STARTUP)
    assert Host().connect("10.0.0.1").feed(SSL_REQUEST).said == b"N"


def test_a_cancel_request():
    host = Host().connect("10.0.0.1").feed(cancel_request(7, b"abcd"))
    assert host.asked == [CancelKey(process_id=7, secret=b"abcd")]


def test_before_a_startup_message_there_are_no_claims():
    host = Host().connect("10.0.0.1")
    assert host.reception.claims() == {}
    with pytest.raises(ClientProtocolError):
        _ = host.reception.request


def test_a_handshake_that_fails_is_told_and_what_came_meanwhile_is_kept():
    """Once the handshake has begun, bytes are delivered from under TLS only, and nobody reads them before it ended."""
    host = Host(tls=True).connect("10.0.0.1").feed(SSL_REQUEST)

    async def work() -> None:
        loop = asyncio.get_running_loop()

        async def refuse(*_: Any, **options: Any) -> None:
            assert host.reader is None
            assert options["ssl_handshake_timeout"] == 3.0
            raise ssl.SSLError(1, "x")

        loop.start_tls = refuse  # type: ignore[method-assign, assignment]
        nothing = cast(Any, None)
        assert await host.reception.start_tls(nothing, nothing, TaskGroup(), within=3.0) is None

    asyncio.run(work())
    assert host.asked == ["tls", "the TLS handshake failed: unknown"]
    assert not host.reception.encrypted
    assert host.reception.shaking, "no word of ours fits into what is left of it"
