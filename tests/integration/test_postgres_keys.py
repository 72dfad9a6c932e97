"""Keys that change while the gateway runs, seen from its doors: rotation, an issuer that is down, what /readyz says."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import ALGORITHM, AUDIENCE, ISSUER, SATO, Issuer
from tests.houses import House
from tests.integration.postgres_wire import Wire, until
from tests.unit.links.key_servers import KeyServer, key_server

pytestmark = pytest.mark.integration


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server({"keys": []}) as one:
        yield one


def settings(keys: KeyServer) -> dict[str, Any]:
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": keys.url, "algorithms": [ALGORITHM]}
    return {"issuers": [{**issuer, "jwks_min_interval": 1, "jwks_refresh": 1, "jwks_max_age": 3}]}


def answer(house: House, who: Issuer) -> str:
    """SQLSTATE of a login with a token of this issuer's key; 00000 where it is let in."""
    house.issuer = who
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        wire.password(house.token(SATO))
        kind, body = wire.until(b"Z", b"E")[-1]
        return "00000" if kind == b"Z" else body.partition(b"C")[2][:5].decode()


def ready(house: House) -> tuple[int, str]:
    with urllib.request.urlopen(f"{house.http}/readyz", timeout=10) as response:
        return response.status, response.read().decode()


def test_rotation_at_an_address(new_house: Callable[..., House], keys: KeyServer) -> None:
    first, second = Issuer(), Issuer()
    keys.document = first.jwks()
    house = new_house(settings(keys))
    assert answer(house, first) == "00000", "known when the doors open"
    with psycopg.connect(**house.parameters(SATO, password=_token(house, first)), autocommit=True) as connection:
        keys.document = {"keys": first.jwks()["keys"] + second.jwks()["keys"]}
        until(lambda: answer(house, second) == "00000")
        assert answer(house, first) == "00000", "both, while they change over"
        keys.document = second.jwks()
        until(lambda: answer(house, first) == "28000")
        assert answer(house, second) == "00000"
        assert connection.execute("SELECT 1").fetchone() == (1,), "who is in stays until the token's own end"


def _token(house: House, who: Issuer) -> str:
    house.issuer = who
    return house.token(SATO)


def test_an_issuer_that_is_down(new_house: Callable[..., House], keys: KeyServer) -> None:
    keys.status = 503
    house = new_house(settings(keys))
    mine = Issuer()
    keys.document = mine.jwks()
    assert answer(house, mine) == "58000"
    assert house.metric("sekisho_logins_total", method="token", result="issuer_keys_unavailable") >= 1
    status, said = ready(house)
    assert (status, "its keys could not be fetched" in said) == (200, True), "no other replica could heal it"
    keys.status = 200
    until(lambda: answer(house, mine) == "00000")
    assert "its keys" not in ready(house)[1]
    keys.status = 500  # for good
    assert answer(house, mine) == "00000", "the keys known last are good for a while"
    until(lambda: answer(house, mine) == "58000", seconds=20)
    assert "its tokens are refused" in ready(house)[1]
    assert house.metric("sekisho_issuer_keys_known", issuer=ISSUER) == 0


def test_rotation_in_a_file(new_house: Callable[..., House]) -> None:
    house = new_house()
    first, second = house.issuer, Issuer()
    assert answer(house, first) == "00000"
    second.write_jwks(house.layout.jwks)
    until(lambda: answer(house, second) == "00000")
    assert answer(house, first) == "28000"
