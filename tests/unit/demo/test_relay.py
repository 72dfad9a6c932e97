"""The edge: the header of the standard, bytes unchanged both ways, and an end to everything it opened."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from gateway.demo.relay import LOOPBACK, Relay, proxy_header

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
HEADER_V4 = 28


def test_the_header_for_ipv4():
    header = proxy_header("192.0.2.10", 40000, "127.0.0.1", 6432)
    assert header == SIGNATURE + bytes.fromhex("21 11 000c c000020a 7f000001 9c40 1920")


def test_the_header_for_ipv6():
    header = proxy_header("2001:db8::10", 1, "::1", 2)
    address = bytes.fromhex("20010db8000000000000000000000010")
    assert header == SIGNATURE + bytes.fromhex("21 21 0024") + address + b"\x00" * 15 + b"\x01" + b"\x00\x01\x00\x02"


def test_both_ends_are_written_in_one_family():
    header = proxy_header("2001:db8::10", 1, "127.0.0.1", 2)
    assert header[12:16] == bytes.fromhex("21210024")
    assert header[32:48] == b"\x00" * 10 + b"\xff\xff\x7f\x00\x00\x01"


@pytest.mark.parametrize("bad", ["", "tokyo", "192.0.2.300", "192.0.2.0/24"])
def test_what_is_no_address_is_refused(bad: str):
    with pytest.raises(ValueError, match="does not appear to be"):
        proxy_header(bad, 1, "127.0.0.1", 2)


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back all it got, header included, and ends when its client does."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    while chunk := connection.recv(65536):
                        connection.sendall(chunk)

        thread = threading.Thread(target=serve)
        thread.start()
        yield LOOPBACK, listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while chunk := connection.recv(65536):
        parts.append(chunk)
    return b"".join(parts)


def test_bytes_come_through_unchanged_behind_the_header(echo: tuple[str, int]):
    sent = bytes(range(256)) * 2000
    with Relay("198.51.100.10", echo) as relay, socket.create_connection((LOOPBACK, relay.port)) as person:
        own_port = person.getsockname()[1]
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(read_all(person)))
        reader.start()
        person.sendall(sent)
        person.shutdown(socket.SHUT_WR)
        reader.join()
    assert received[0] == proxy_header("198.51.100.10", own_port, *echo) + sent


def test_one_relay_serves_several_connections(echo: tuple[str, int]):
    with Relay("203.0.113.10", echo) as relay:
        for text in (b"one", b"two"):
            with socket.create_connection((LOOPBACK, relay.port)) as person:
                person.sendall(text)
                person.shutdown(socket.SHUT_WR)
                assert read_all(person)[HEADER_V4:] == text


def test_closing_ends_open_connections(echo: tuple[str, int]):
    with Relay("192.0.2.10", echo) as relay:
        port = relay.port
        person = socket.create_connection((LOOPBACK, port))
        received = person.recv(HEADER_V4)
    with person:
        assert len(received + read_all(person)) == HEADER_V4
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port))


def test_nobody_behind_it_closes_the_connection():
    with socket.create_server((LOOPBACK, 0)) as unused:
        port = unused.getsockname()[1]
    with Relay("192.0.2.10", (LOOPBACK, port)) as relay, socket.create_connection((LOOPBACK, relay.port)) as person:
        assert read_all(person) == b""
