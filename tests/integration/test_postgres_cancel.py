"""Cancel requests: keys of our own of either length, so many heeded a minute, and nobody else slowed down."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.demo.characters import LI, SATO
from gateway.pgwire.messages import decode_fields
from gateway.pgwire.startup import cancel_request
from tests.houses import House
from tests.integration.postgres_wire import Wire, bystander, errors, query, rows

pytestmark = pytest.mark.integration

ENDLESS = query("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 40000) b")


def enter(house: House, minor: int = 0) -> tuple[Wire, int, bytes]:
    """A session of this minor version, and its key."""
    wire = Wire(house.ports.sites["tokyo-hq"])
    body = struct.pack("!I", 3 << 16 | minor) + b"user\0sato\0database\0messenger\0\0"
    wire.send(struct.pack("!I", len(body) + 4) + body)
    wire.password(house.token(SATO))
    greeting = wire.until(b"Z", b"E")
    assert greeting[-1] == (b"Z", b"I"), greeting
    assert b"v" not in [kind for kind, _ in greeting]
    (key,) = [message for kind, message in greeting if kind == b"K"]
    return wire, struct.unpack_from("!I", key)[0], key[4:]


def cancel(house: House, process_id: int, secret: bytes) -> None:
    with socket.create_connection(("127.0.0.1", house.ports.sites["tokyo-hq"]), timeout=10) as peer:
        peer.sendall(cancel_request(process_id, secret))
        assert peer.recv(1) == b"", "no answer, whatever becomes of it"


def asked(house: House, result: str) -> float:
    return house.metric("sekisho_cancel_requests_total", result=result)


@pytest.mark.parametrize(("minor", "length"), [(0, 4), (2, 32)])
def test_a_key_cancels_its_session(house: House, minor: int, length: int) -> None:
    wire, process_id, secret = enter(house, minor)
    with wire, bystander(house, LI):
        assert len(secret) == length
        before = asked(house, "sent"), asked(house, "unknown")
        wire.send(ENDLESS)
        for wrong in (secret + b"x", secret[:3] + b"\0\0", b"\0" * 4, b"\0" * 32, secret[:4] + b"\0" * 28):
            cancel(house, process_id, wrong)
        cancel(house, process_id ^ 1, secret)
        assert asked(house, "sent") == before[0]
        assert asked(house, "unknown") - before[1] >= 5
        cancel(house, process_id, secret)
        assert errors(wire.until(b"Z")) == ["57014"]
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1


def test_a_newer_minor_version_is_told_what_is_spoken(house: House) -> None:
    for minor, told in ((1, 0), (3, 2), (9999, 2)):
        with Wire(house.ports.sites["tokyo-hq"]) as wire:
            body = struct.pack("!I", 3 << 16 | minor) + b"user\0sato\0database\0messenger\0\0"
            wire.send(struct.pack("!I", len(body) + 4) + body)
            assert wire.message() == (b"v", struct.pack("!II", 3 << 16 | told, 0))
            wire.password(house.token(SATO))
            key = next(body for kind, body in wire.until(b"Z") if kind == b"K")
            assert len(key) == (36 if told else 8)


def test_only_so_many_requests_are_heeded(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"cancels_per_address": 5, "cancels": 1000}})
    wire, process_id, secret = enter(house)
    with wire, bystander(house, LI):
        for _ in range(20):
            cancel(house, process_id, b"none")
        assert (asked(house, "unknown"), asked(house, "suppressed")) == (5, 15)
        wire.send(query("SELECT count(*) FROM generate_series(1, 2000) a, generate_series(1, 1000) b"))
        cancel(house, process_id, secret)
        assert errors(wire.until(b"Z")) == [], "not even the right key, as it is not looked at"


def test_a_flood_of_cancel_requests_slows_nobody_down(new_house: Callable[..., House]) -> None:
    house = new_house()
    wire, process_id, secret = enter(house)
    until_over = time.monotonic() + 2.0

    def flood(key: bytes) -> int:
        sent = 0
        while time.monotonic() < until_over:
            cancel(house, process_id, key)
            sent += 1
        return sent

    took: list[float] = []
    with wire, house.connect(LI) as other, ThreadPoolExecutor(2) as threads:
        floods = [threads.submit(flood, key) for key in (secret, b"none")]
        while time.monotonic() < until_over:
            began = time.monotonic()
            assert other.execute("SELECT 1").fetchone() == (1,)
            took.append(time.monotonic() - began)
        sent = sum(one.result() for one in floods)
        wire.send(query("SELECT 1"))
        said = [decode_fields(body)["C"] for kind, body in wire.until(b"Z") if kind == b"E"]
        assert said in ([], ["57014"])
    assert sent > 20
    assert sum(asked(house, one) for one in ("sent", "unknown", "suppressed")) == sent
    assert sorted(took)[len(took) // 2] < 0.5  # of a loop that two floods share with it, on a busy machine
