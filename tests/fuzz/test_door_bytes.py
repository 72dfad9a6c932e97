"""Any bytes at the postgres door of a running gateway, by anybody, in any state: no crash, no hang, nothing denied goes
to the server, nobody else notices, and the record has the end of every session. ``make fuzz`` sends 10 000 streams."""

from __future__ import annotations

import logging
import os
import random
import socket
import struct
from pathlib import Path

import pytest

from gateway.audit.verify import verify
from gateway.demo.characters import LI, SATO
from gateway.demo.database import DATABASE, PORT, Database
from gateway.pgwire.frames import encode
from gateway.pgwire.startup import SSL_REQUEST, cancel_request, startup_message
from tests.houses import House
from tests.integration.faulty_line import Lines
from tests.integration.postgres_wire import FLUSH, SYNC, Wire, bind, bystander, events, execute, parse, query, until

pytestmark = pytest.mark.integration

STREAMS = 5 * int(os.environ.get("FUZZ_EXAMPLES", "40"))  # `make fuzz`: 10 000
DENIED = b"SELECT phone FROM users"
SOUND = [
    query("SELECT 1"),
    query("BEGIN"),
    query("COMMIT"),
    query(DENIED),
    query("SELECT id, name FROM stickers ORDER BY id"),
    query("COPY feature_flags (key, enabled) FROM STDIN"),
    query("COPY stickers TO STDOUT"),
    parse("SELECT 1", "s"),
    parse(DENIED.decode()),
    parse("SELECT name FROM stickers"),
    bind("s", "p"),
    bind(),
    execute("p", 1),
    execute(),
    encode(b"D", b"Ss\0"),
    encode(b"D", b"P\0"),
    encode(b"C", b"Ss\0"),
    encode(b"d", b"fuzz\tt\n"),
    encode(b"c"),
    encode(b"f", b"no\0"),
    encode(b"X"),
    FLUSH,
    SYNC,
    SYNC,
]
OPENINGS = [
    SSL_REQUEST,
    struct.pack("!II", 8, 80877104),
    cancel_request(7, b"abcd"),
    startup_message({"user": "li", "database": "messenger"}),
    startup_message({"user": "li", "database": "messenger", "options": "-c="}),
    b"\x16\x03\x01\x02\x00\x01",
    encode(b"p", b"no token\0"),
]


def stream(chance: random.Random, sound: list[bytes]) -> bytes:
    """Sound messages with some bytes changed, dropped or put in; now and then noise."""
    if chance.random() < 0.15:
        return chance.randbytes(chance.randrange(1, 400))
    data = bytearray(b"".join(chance.choices(sound, k=chance.randrange(1, 10))))
    for _ in range(chance.choice((0, 0, 1, 2, 5))):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randrange(1, 5)]
            case 2:
                data[at:at] = chance.randbytes(chance.randrange(1, 5))
            case _:
                del data[at:]
        if not data:
            break
    return bytes(data)


def speak(wire: Wire, chance: random.Random, data: bytes) -> None:
    """Send it in pieces, and leave in one of the ways people leave; whoever waits, waits for an end that must come."""
    try:
        at = 0
        while at < len(data):
            size = chance.choice((1, 3, 17, 1000))
            wire.send(data[at : at + size])
            at += size
        match chance.randrange(3):
            case 0:
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            case 1:
                wire.socket.shutdown(socket.SHUT_WR)
                while wire.socket.recv(65_536):
                    pass
            case _:
                pass
    except TimeoutError:
        raise
    except OSError:
        pass  # it was hung up on


def test_any_bytes_at_the_door(messenger: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seeds = random.Random() if "FUZZ_EXAMPLES" in os.environ else random.Random(20_261_122)
    with Lines(str(messenger.socket_directory / f".s.PGSQL.{PORT}")) as lines:
        source = {
            "id": "messenger",
            "host": "127.0.0.1",
            "port": lines.port,
            "database": DATABASE,
            "tls": "disable",
            "twin": {"role": "sekisho_twin"},
            "profiles": [{"name": "engineer", "role": "sekisho_engineer"}],
        }
        house = House(tmp_path, messenger, {"datasources": [source]}).start()
        try:
            with bystander(house, SATO):
                for _ in range(STREAMS):
                    seed = seeds.randrange(2**32)
                    chance = random.Random(seed)
                    with Wire(house.ports.sites["shanghai-office"]) as wire:
                        opening = chance.random() < 0.4
                        if not opening:
                            wire.login(house, LI)
                        speak(wire, chance, stream(chance, OPENINGS if opening else SOUND))
            until(lambda: house.metric("sekisho_sessions", door="postgres") == 0, seconds=30)
            opened = {entry["session"] for entry in events(house, "session_open")}
            closed = [entry["session"] for entry in events(house, "session_close")]
            assert sorted(closed) == sorted(opened), "every session has one end"
        finally:
            house.stop()
        upstream = [line for line in lines.lines if line.parameters.get("application_name") != "sekisho twin"]
        assert not [line for line in upstream if DENIED in line.sent]
    with messenger.connect() as admin:
        admin.execute("DELETE FROM feature_flags WHERE key LIKE '%fuzz%'")
    # Other tests' gateways may live on in this process, and go on telling that a registry of theirs is refused.
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record for record in errors if record.name != "gateway.links.watch"] == []
    assert verify(house.layout.record).ok
