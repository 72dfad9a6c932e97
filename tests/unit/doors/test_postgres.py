"""The postgres door's listeners: who is an edge, what TLS it offers, who finds a seat."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.config import Limits, PostgresListener
from gateway.doors.desk import Desk
from gateway.doors.pg_client import Client
from gateway.doors.postgres import Place, PostgresDoor, nonce
from gateway.strictness import Strictness


def listener(**settings: Any) -> PostgresListener:
    return PostgresListener(address="127.0.0.1:0", **settings)


def test_an_edge_is_an_address_of_its_networks():
    place = Place(listener(edges=("10.0.0.0/8", "2001:db8::/32")))
    assert [place.is_edge(one) for one in ("10.1.2.3", "2001:db8::1", "11.0.0.1", "::1", None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not Place(listener()).is_edge("10.1.2.3")


def test_a_place_without_a_certificate_offers_no_tls():
    place = Place(listener(site="tokyo-hq"))
    assert (place.tls, place.plaintext, place.site) == (None, "never", "tokyo-hq")


def test_a_nonce_is_a_word_that_is_no_statement():
    words = {nonce() for _ in range(100)}
    assert len(words) == 100
    assert all(word.isidentifier() and word.startswith("sekisho_") and len(word) < 40 for word in words)


def door(*, sessions: int, draining: bool = False) -> PostgresDoor:
    desk = SimpleNamespace(config=SimpleNamespace(limits=Limits(sessions=sessions)), draining=draining, metrics=None)
    return PostgresDoor(
        cast(Desk, desk), addresses={}, credentials={}, strictness=lambda name: Strictness(strict=False)
    )


def client(of: PostgresDoor) -> Client:
    return Client(of, Place(listener()))


def test_nobody_enters_a_house_that_closes():
    closing = door(sessions=2, draining=True)
    one = client(closing)
    assert (closing.admit(one), closing.seat(one)) == (False, False)


@pytest.mark.parametrize("times", [1, 2])
def test_a_connection_may_be_forgotten_more_than_once(times: int):
    some = door(sessions=1)
    one = client(some)
    some.admit(one)
    for _ in range(times):
        some.forget(one)
    assert some._gone.is_set()
