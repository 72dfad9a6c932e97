"""One connection up to its login, over a real socket and without a database behind it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import pytest

from gateway.demo.characters import SATO
from gateway.pgwire.startup import SSL_REQUEST, startup_message
from tests.houses import House
from tests.integration.postgres_wire import Wire, events, until


@pytest.fixture
def shut(new_house: Callable[..., House]) -> tuple[House, int]:
    """A house without a database, and the port of its Tokyo listener."""
    house = new_house(database=None)
    return house, house.ports.sites["tokyo-hq"]


def test_the_opening_up_to_a_database_that_is_not_there(shut: tuple[House, int]):
    house, port = shut
    with Wire(port) as wire:
        wire.send(SSL_REQUEST)
        assert wire.socket.recv(1) == b"N", "this listener has no certificate"
        wire.startup("sato", application_name="x" * 1000)
        wire.password(house.token(SATO))
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("58000", "Reason: upstream_unavailable")
    (entry,) = events(house, "login_refused")
    assert (entry["reason"], entry["peer"]["site"]) == ("upstream_unavailable", "tokyo-hq")
    assert entry["attribution"]["user"] == "sato"
    assert len(entry["attribution"]["application_name"]) == 256


def test_one_entry_and_one_count_for_each_refusal(shut: tuple[House, int]):
    house, port = shut
    for _ in range(3):
        with Wire(port) as wire:
            wire.startup("sato")
            wire.password("no token")
            assert wire.fatal()["C"] == "28000"
    assert [entry["reason"] for entry in events(house, "login_refused")] == ["token_malformed"] * 3
    assert house.metric("sekisho_logins_total", method="token", result="token_malformed") == 3
    assert house.metric("sekisho_sessions", door="postgres") == 0


def test_a_peer_that_leaves_before_it_said_anything_useful(shut: tuple[House, int]):
    house, port = shut
    before = len(house.entries())
    for said, entries in ((b"", 0), (SSL_REQUEST, 0), (startup_message({"user": "sato"})[:9], 1)):
        with Wire(port) as wire:
            wire.send(said)
            if said == SSL_REQUEST:
                assert wire.socket.recv(1) == b"N"
            wire.socket.shutdown(socket.SHUT_WR)
            assert wire.socket.recv(100) == b""
        before += entries
        until(partial(_has_entries, house, before))


def _has_entries(house: House, count: int) -> bool:
    return len(house.entries()) == count


def test_words_ahead_of_login_are_limited(shut: tuple[House, int]):
    house, port = shut
    with Wire(port) as wire:
        wire.send(b"\0\0\0\x08" + b"\x04\xd2\x16\x30")  # GSSENCRequest
        assert wire.socket.recv(1) == b"N"
        wire.startup("sato")
        assert wire.message() is not None
        wire.send(b"p" + (66_000).to_bytes(4, "big"))
        assert wire.fatal()["C"] == "08P01"
    assert events(house, "protocol_error")[-1]["reason"] == "message_too_large"
