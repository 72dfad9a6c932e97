"""One request for a key set: what is taken, and everything that is not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.links import jwks_fetch
from gateway.links.get import FetchError
from gateway.links.jwks_fetch import Fetched, fetch
from tests.servers import TestCa
from tests.unit.links.key_servers import KeyServer, key_server

KEYS = {"keys": [{"kty": "OKP"}]}


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server(KEYS) as one:
        yield one


def test_a_key_set(server: KeyServer):
    assert fetch(server.url, None, None) == Fetched(KEYS, None, None)
    assert "json" in server.asked[0]["Accept"]


def test_what_has_not_changed_is_not_sent_again(server: KeyServer):
    server.etag, server.headers = '"v1"', {"Cache-Control": "public, max-age=120"}
    first = fetch(server.url, None, None)
    assert first == Fetched(KEYS, '"v1"', 120)
    assert fetch(server.url, None, first.etag) == Fetched(None, '"v1"', 120)
    server.etag = '"v2"'
    assert fetch(server.url, None, first.etag).document == KEYS


@pytest.mark.parametrize(
    ("control", "age"),
    [
        ("max-age=60", 60),
        ("private, Max-Age=60, must-revalidate", 60),
        ('max-age="60"', 60),
        ("no-store", 0),
        ("no-cache, max-age=60", 0),
        ("max-age=-1", None),
        ("max-age=nonsense", None),
        ("", None),
    ],
)
def test_how_long_it_may_be_kept(server: KeyServer, control: str, age: int | None):
    server.headers = {"Cache-Control": control}
    assert fetch(server.url, None, None).max_age == age


@pytest.mark.parametrize(
    ("document", "status", "why"),
    [
        (KEYS, 404, "answered 404"),
        (KEYS, 500, "answered 500"),
        (KEYS, 304, "answered 304"),  # nothing was said to be known
        (KEYS, 204, "answered 204"),
        (b"<html>", 200, "Expecting value"),
        (b"[]", 200, "not a JSON Web Key Set"),
        ({"keys": {}}, 200, "not a JSON Web Key Set"),
        (b"\xff", 200, "utf-8"),
        (b"[" * 100_000, 200, "recursion|Expecting"),
        (json.dumps(KEYS).encode() + b" " * (1 << 20), 200, "larger than 1 MiB"),
    ],
)
def test_what_is_no_key_set(server: KeyServer, document: object, status: int, why: str):
    server.document, server.status = document, status
    with pytest.raises(FetchError, match=why):
        fetch(server.url, None, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: KeyServer, status: int):
    with key_server(KEYS) as other:
        server.status, server.headers = status, {"Location": other.url}
        with pytest.raises(FetchError, match=f"answered {status}"):
            fetch(server.url, None, None)
        assert other.asked == []


def test_https_is_checked(test_ca: TestCa, tmp_path: Path):
    with key_server(KEYS, tls=test_ca.issue("127.0.0.1")) as one:
        assert fetch(one.url, test_ca.path, None).document == KEYS
        for ca in (TestCa(tmp_path).path, None):
            with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
                fetch(one.url, ca, None)
    with key_server(KEYS, tls=test_ca.issue("id.example")) as other:
        with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(other.url, test_ca.path, None)


def test_a_proxy_of_the_environment_is_not_on_the_way_to_loopback(server: KeyServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fetch(server.url, None, None).document == KEYS


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match="refused"):
        fetch(f"http://127.0.0.1:{port}/", None, None)


def test_an_answer_that_does_not_come(server: KeyServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jwks_fetch, "WITHIN", 0.2)
    server.hang = threading.Event()
    with pytest.raises(FetchError, match="timed out"):
        fetch(server.url, None, None)


@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
def test_a_server_that_does_not_speak_http(said: bytes):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(FetchError):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", None, None)
        thread.join(10)
