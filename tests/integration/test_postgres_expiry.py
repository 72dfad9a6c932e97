"""What proved a client has expired: nothing new from then on, and after the grace the session ends in any case."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from gateway.demo.characters import ALGORITHM, AUDIENCE, ISSUER, LI, SATO
from gateway.demo.database import Database
from gateway.pgwire.messages import decode_fields
from tests.houses import House
from tests.integration.postgres_wire import Wire, bystander, events, query, until

pytestmark = pytest.mark.integration

ENDLESS = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 80000) b"
RUNNING = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 80000) b'"


@pytest.fixture
def short(new_house: Callable[..., House]) -> House:
    """A house that gives no leeway and half a second of grace."""
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "keys": "jwks.json", "algorithms": [ALGORITHM], "leeway": 0}
    return new_house({"issuers": [issuer], "limits": {"expiry_grace_ms": 500}})


def enter(house: House, seconds: int) -> Wire:
    """A session whose token lives so long."""
    wire = Wire(house.ports.sites["tokyo-hq"])
    wire.startup("sato")
    wire.password(house.token(SATO, ttl=seconds))
    assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")
    return wire


def test_an_idle_session_is_ended(short: House) -> None:
    with bystander(short, LI), enter(short, 2) as wire:
        expires = int(time.time()) + 2
        fields = wire.fatal()  # it comes by itself
        assert expires - 1 <= time.time() <= expires + 3
    assert (fields["C"], fields["H"]) == ("28000", "Reason: token_expired")
    assert fields["M"] == "terminating connection: the login has expired; log in again"
    (entry,) = until(lambda: events(short, "session_close"))[:1]
    assert (entry["reason"], entry["principal_id"]) == ("token_expired", f"{ISSUER}#sato")
    assert not events(short, "login_refused"), "it was no login that was refused"


def test_nothing_new_within_the_grace(new_house: Callable[..., House]) -> None:
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "keys": "jwks.json", "algorithms": [ALGORITHM], "leeway": 0}
    house = new_house({"issuers": [issuer], "limits": {"expiry_grace_ms": 60_000}})
    with enter(house, 2) as wire:

        def expired() -> bool:
            wire.send(query("SELECT count(*) FROM regions"))
            return any(
                kind == b"E" and decode_fields(body)["C"] == "28000" and decode_fields(body)["S"] == "ERROR"
                for kind, body in wire.until(b"Z")
            )

        until(expired)


def test_a_running_statement_is_left_the_grace_and_then_cancelled(short: House, messenger: Database) -> None:
    with messenger.connect() as admin, enter(short, 2) as wire:
        wire.send(query(ENDLESS))
        until(lambda: admin.execute(RUNNING).fetchone())
        fields = wire.fatal()
        assert (fields["C"], fields["H"]) == ("28000", "Reason: token_expired")
        until(lambda: admin.execute(RUNNING).fetchone() is None)
    assert short.metric("sekisho_sessions", door="postgres") == 0


def test_within_a_row_there_are_no_words(short: House) -> None:
    """What follows half a row would be read as the rest of it."""
    with enter(short, 2) as wire:
        wire.send(query("SELECT repeat('x', 10000000) FROM generate_series(1, 50)"))
        until(lambda: events(short, "session_close"))  # nobody reads: the door waits in the middle of a row
        received = b""
        try:
            while data := wire.socket.recv(1 << 20):
                received += data
        except ConnectionResetError:
            pass
    assert b"FATAL" not in received
    assert events(short, "session_close")[0]["reason"] == "token_expired"
