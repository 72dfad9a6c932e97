"""The first bytes of a connection at a running door (the CVEs that others had there among them): the answer is the same
whether they come whole, in two parts or one by one."""

from __future__ import annotations

import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.demo.characters import LI
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
from gateway.pgwire.messages import decode_fields
from gateway.pgwire.startup import SSL_REQUEST, cancel_request, negotiate_version, startup_message
from tests.houses import House, distinct_ports
from tests.integration.postgres_wire import Wire, bystander
from tests.servers import TestCa

pytestmark = pytest.mark.integration

GSSENC = struct.pack("!II", 8, 80877104)
ASKS = encode(b"R", struct.pack("!I", 3))
START = startup_message({"user": "sato", "database": "messenger"})


def started(version: int = 3 << 16, **parameters: str) -> bytes:
    body = startup_message({"user": "sato", "database": "messenger", **parameters})[8:]
    return struct.pack("!II", len(body) + 8, version) + body


def fatal(sqlstate: str, reason: str) -> tuple[str, str]:
    return sqlstate, f"Reason: {reason}"


REFUSED, MALFORMED = fatal("08P01", "message_refused"), fatal("08P01", "message_malformed")
PARAMETER = fatal("28000", "startup_parameter_refused")
SILENCE = b""  # and the end
Step = bytes | tuple[str, str] | str  # what is sent and what comes, in turn: bytes, a FATAL, or "tls": a handshake

# name -> listener (with TLS or without), steps
TALKS: dict[str, tuple[bool, list[Step]]] = {
    "tls": (True, [SSL_REQUEST, b"S", "tls", START, ASKS]),
    "gssenc, then tls": (True, [GSSENC, b"N", SSL_REQUEST, b"S", "tls", START, ASKS]),
    "gssenc, then no tls": (True, [GSSENC, b"N", START, fatal("28000", "tls_required")]),
    "no tls where it must be": (True, [START, fatal("28000", "tls_required")]),
    "gssenc twice": (True, [GSSENC, b"N", GSSENC, REFUSED]),
    "tls under tls": (True, [SSL_REQUEST, b"S", "tls", SSL_REQUEST, REFUSED]),
    "gssenc under tls": (True, [SSL_REQUEST, b"S", "tls", GSSENC, REFUSED]),
    "cancel under tls": (True, [SSL_REQUEST, b"S", "tls", cancel_request(7, b"abcd"), SILENCE]),
    "cancel": (True, [cancel_request(7, b"abcd"), SILENCE]),
    "cancel, a long key": (False, [cancel_request(7, b"k" * 32), SILENCE]),
    "cancel, no key": (False, [cancel_request(7, b""), MALFORMED]),
    "cancel, a key too long": (False, [cancel_request(7, b"k" * 257), MALFORMED]),
    "tls where none is": (False, [SSL_REQUEST, b"N", START, ASKS]),
    "gssenc, then tls where none is": (False, [GSSENC, b"N", SSL_REQUEST, b"N", START, ASKS]),
    "tls twice where none is": (False, [SSL_REQUEST, b"N", SSL_REQUEST, REFUSED]),
    "gssenc behind tls": (False, [SSL_REQUEST, b"N", GSSENC, REFUSED]),
    "direct tls where none is": (False, [b"\x16\x03\x01\x02\x00\x01\x00\x01", MALFORMED]),
    "a request with a body": (False, [struct.pack("!III", 12, 80877103, 0), REFUSED]),
    "3.0": (False, [START, ASKS]),
    "3.1": (False, [started(0x30001), negotiate_version(0, ()) + ASKS]),
    "3.2": (False, [started(0x30002), ASKS]),
    "3.9": (False, [started(0x30009), negotiate_version(2, ()) + ASKS]),
    "an option": (False, [started(0x30000, **{"_pq_.x": "1"}), negotiate_version(0, ("_pq_.x",)) + ASKS]),
    "4.0": (False, [started(4 << 16), fatal("0A000", "protocol_version_refused")]),
    "2.0": (False, [started(2 << 16), fatal("0A000", "protocol_version_refused")]),
    "options": (False, [started(options="-c="), PARAMETER]),
    "options with a setting": (False, [started(options="-c search_path=evil"), PARAMETER]),
    "replication": (False, [started(replication="database"), PARAMETER]),
    "role": (False, [started(role="postgres"), PARAMETER]),
    "no user": (False, [struct.pack("!II", 9, 3 << 16) + b"\0", PARAMETER]),
    "length 0": (False, [bytes(8), MALFORMED]),
    "length 7": (False, [struct.pack("!II", 7, 3 << 16), MALFORMED]),
    "length 10 001": (False, [struct.pack("!II", 10_001, 3 << 16), MALFORMED]),
    "length 1 GiB": (False, [struct.pack("!II", 1 << 30, 3 << 16), MALFORMED]),
    "length -1": (False, [struct.pack("!iI", -1, 3 << 16), MALFORMED]),
    "no terminator": (False, [struct.pack("!II", 16, 3 << 16) + b"user\0li\0", MALFORMED]),
    "behind the terminator": (False, [struct.pack("!II", 19, 3 << 16) + b"user\0li\0\0x\0", MALFORMED]),
    "a second one": (False, [START, ASKS, START, REFUSED]),  # PgBouncer CVE-2026-107350
    "a query in place of a password": (False, [START, ASKS, encode(b"Q", b"SELECT 1\0"), REFUSED]),
    "a PROXY header": (False, [b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", fatal("28000", "edge_untrusted")]),
}
CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "whole": lambda data: [data],
    "in two": lambda data: [data[: len(data) // 2], data[len(data) // 2 :]],
    "byte by byte": lambda data: [data[at : at + 1] for at in range(len(data))],
}


class Door:
    """A house with both kinds of listeners."""

    def __init__(self, house: House, secured: int, ca: TestCa) -> None:
        self.house, self.ca = house, ca
        self.ports = {True: secured, False: house.ports.sites["shanghai-office"]}


@pytest.fixture(scope="module")
def door(messenger: Database, test_ca: TestCa) -> Iterator[Door]:
    issued, (port, plain) = test_ca.issue("localhost", "127.0.0.1"), distinct_ports(2)
    tls = {"certificate": str(issued.certificate), "key": str(issued.key)}
    listeners = [
        {"address": f"127.0.0.1:{port}", "tls": tls},
        {"address": f"127.0.0.1:{plain}", "plaintext": "loopback", "site": "shanghai-office"},
    ]
    with tempfile.TemporaryDirectory(prefix="sekisho-first-") as directory:
        house = House(Path(directory), messenger, {"listeners": {"postgres": listeners}})
        sites = {"shanghai-office": plain}
        house.ports = type(house.ports)(sites=sites, edge=0, grpc=house.ports.grpc, http=house.ports.http)
        house.start()
        yield Door(house, port, test_ca)
        house.stop()


@pytest.mark.parametrize("cut", list(CUTS))
@pytest.mark.parametrize("name", list(TALKS))
def test_first_bytes(door: Door, name: str, cut: str) -> None:
    tls, steps = TALKS[name]
    sending = True
    with Wire(door.ports[tls]) as wire:
        for step in steps:
            if step == "tls":
                wire.wrap(door.ca.path)
            elif sending:
                assert isinstance(step, bytes)
                for piece in CUTS[cut](step):
                    try:
                        wire.send(piece)
                    except (BrokenPipeError, ConnectionResetError):
                        break  # enough was seen to say no
                sending = False
            else:
                expect(wire, step)
                sending = True


def expect(wire: Wire, step: Step) -> None:
    if isinstance(step, tuple):
        fields = decode_fields(message(wire)[5:])
        assert (fields["S"], (fields["C"], fields["H"])) == ("FATAL", step)
        assert read(wire, 1) == b""
    elif step == SILENCE:
        assert read(wire, 1) == b""
    else:
        assert isinstance(step, bytes)
        assert read(wire, len(step)) == step


def message(wire: Wire) -> bytes:
    head = read(wire, 5)
    assert len(head) == 5, head
    return head + read(wire, struct.unpack("!I", head[1:])[0] - 4)


def read(wire: Wire, size: int) -> bytes:
    data = b""
    try:
        while len(data) < size and (more := wire.socket.recv(size - len(data))):
            data += more
    except ConnectionResetError:
        pass  # bytes of ours were still on their way
    return data


@pytest.mark.parametrize("asked", [SSL_REQUEST, GSSENC])
@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("behind", [b"x", START, SSL_REQUEST, encode(b"Q", b"SELECT 1\0")])
def test_what_is_sent_together_with_a_request_for_encryption(
    door: Door, asked: bytes, tls: bool, behind: bytes
) -> None:
    """CVE-2021-23214, CVE-2021-23222, PgBouncer CVE-2021-3935: it came before encryption, and is not read as after."""
    with bystander(door.house, LI), Wire(door.ports[tls]) as wire:
        wire.send(asked + behind)
        wire.socket.shutdown(socket.SHUT_WR)
        assert b"C08P01\0" in read(wire, 1000)
    before = [entry for entry in door.house.entries("event") if entry["event"] == "session_open"]
    assert all(entry["principal_id"].endswith("#li") for entry in before), "only the bystanders are in"
