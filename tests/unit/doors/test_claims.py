"""Addresses held for several workers: taken as one process takes them, then shared with whoever shares them too."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from gateway.config import GrpcListener, HttpListener, Listeners, PostgresListener
from gateway.config_draft import split_address
from gateway.demo.settings import free_port
from gateway.doors.claims import claimed
from gateway.errors import ConfigError


def listeners(*postgres: str, grpc: str | None = None, http: str | None = None) -> Listeners:
    return Listeners(
        postgres=tuple(PostgresListener(address=one) for one in postgres),
        grpc=GrpcListener(address=grpc) if grpc else None,
        http=HttpListener(address=http) if http else None,
    )


def listen(address: str, *, shared: bool) -> socket.socket:
    """As a door does."""
    host, port = split_address(address)
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        found.bind((host, port))
        found.listen()
    except BaseException:
        found.close()
        raise
    return found


def test_any_free_port_is_the_same_one_for_all() -> None:
    with claimed(listeners("127.0.0.1:0", "[::1]:0", grpc="127.0.0.1:0", http="localhost:0")) as found:
        addresses = [one.address for one in (*found.postgres, found.grpc, found.http) if one is not None]
        assert all(split_address(one)[1] for one in addresses)
        assert addresses[1].startswith("[::1]:")
        with ExitStack() as open_:
            for one in addresses[:3]:
                for _ in range(2):
                    open_.enter_context(listen(one, shared=True))


def test_what_is_held_is_taken_by_nobody_else_and_given_back() -> None:
    address = f"127.0.0.1:{free_port()}"
    with claimed(listeners(address)) as found:
        assert found.postgres[0].address == address
        with pytest.raises(OSError, match="in use"):
            listen(address, shared=False)
        with pytest.raises(ConfigError, match="in use"), claimed(listeners(address)):
            pass
        with listen(address, shared=True) as worker:
            with pytest.raises(ConfigError, match="in use"), claimed(listeners(address)):
                pass
            with socket.create_connection(split_address(address)):
                worker.accept()[0].close()
    listen(address, shared=False).close()


def test_a_connection_goes_to_those_who_listen_and_never_to_the_claim() -> None:
    with claimed(listeners("127.0.0.1:0")) as found:
        place = split_address(found.postgres[0].address)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)


def test_every_address_that_cannot_be_had_is_told() -> None:
    with (
        listen(f"127.0.0.1:{free_port()}", shared=False) as one,
        listen(f"127.0.0.1:{free_port()}", shared=True) as two,
    ):
        first, second = (f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two))
        with pytest.raises(ConfigError) as caught, claimed(listeners(first, "127.0.0.1:0", http=second)):
            pass
    assert caught.value.problems == (
        f"listeners.postgres {first}: Address already in use",
        f"listeners.http {second}: Address already in use",
    )
