"""Broken bytes at the postgres door: closed with 08P01, recorded, and the session beside it never notices."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
from gateway.pgwire.messages import decode_fields
from gateway.pgwire.startup import startup_message
from tests.houses import House
from tests.integration.postgres_wire import (
    FLUSH,
    SYNC,
    Wire,
    bind,
    bystander,
    errors,
    events,
    execute,
    parse,
    query,
    rows,
    until,
)

pytestmark = pytest.mark.integration

GIB = 1 << 30


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (encode(b"?", b"x"), "message_refused"),
        (encode(b"F", b"\0\0\0\0" * 4), "message_refused"),  # FunctionCall
        (encode(b"p", b"late\0"), "message_refused"),
        (b"Q" + struct.pack("!I", 3), "message_malformed"),
        (b"Q" + struct.pack("!I", GIB), "message_too_large"),
        (b"P" + struct.pack("!I", 0xFFFFFFFF), "message_too_large"),
        (b"B" + struct.pack("!I", GIB) + b"x" * 4096, "message_too_large"),
        (b"S" + struct.pack("!I", 10_005), "message_too_large"),
        (encode(b"Q", b"SELECT 1"), "message_malformed"),
        (encode(b"Q", b"SELECT 1\0; SELECT phone FROM users\0"), "message_malformed"),
        (encode(b"P", b"s\0SELECT 1\0\0\1"), "message_malformed"),
        (encode(b"P", b"s\0SELECT 1\0\0\0\0"), "message_malformed"),
        (encode(b"B", b"\0\0\0\0\0\1\x7f\xff\xff\xff"), "message_malformed"),
        (encode(b"E", b"portal without end"), "message_malformed"),
        (encode(b"D", b"Xname\0"), "message_malformed"),
        (encode(b"C", b""), "message_malformed"),
        (encode(b"S", b"x"), "message_malformed"),
        (startup_message({"user": "postgres", "database": "messenger"}), "message_too_large"),
    ],
)
def test_a_broken_message_in_a_session(house: House, broken: bytes, reason: str) -> None:
    before, denied = (
        len(events(house, "protocol_error")),
        house.metric("sekisho_denials_total", door="postgres", layer="none", rule="none", reason=reason),
    )
    with bystander(house, LI):
        with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
            wire.send(query("SELECT count(*) FROM regions"))
            assert rows(wire.until(b"Z")) == 1
            wire.send(broken)
            fields = wire.fatal()
        assert fields["C"] == "08P01"
        assert fields["H"].startswith("Reason: message_")
    (entry,) = events(house, "protocol_error")[before:]
    assert fields["H"] == f"Reason: {entry['reason']}"
    assert entry["reason"] == reason
    closing = until(lambda: [one for one in events(house, "session_close") if one["session"] == entry["session"]])
    assert [one["reason"] for one in closing] == [reason]
    counted = house.metric("sekisho_denials_total", door="postgres", layer="none", rule="none", reason=reason)
    assert counted == denied + 1


@pytest.mark.parametrize(
    "broken",
    [
        struct.pack("!II", GIB, 3 << 16),
        struct.pack("!II", 10_001, 3 << 16),
        struct.pack("!II", 7, 3 << 16),
        struct.pack("!II", 0, 0),
        struct.pack("!II", 12, 3 << 16) + b"user",
        struct.pack("!II", 20, 80877103) + b"\0" * 12,  # an SSLRequest with a body
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,  # TLS, not asked for
        b"\xff" * 64,
    ],
)
def test_a_broken_first_packet(house: House, broken: bytes) -> None:
    before = len(events(house, "protocol_error"))
    with bystander(house, LI), Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.send(broken)
        assert wire.fatal()["C"] == "08P01"
    assert len(events(house, "protocol_error")) == before + 1


def test_a_startup_packet_that_is_cut(house: House) -> None:
    whole = startup_message({"user": "sato", "database": "messenger"})
    before = len(events(house, "protocol_error"))
    cuts = [1, 3, 4, 7, 8, 12, len(whole) - 1]
    with bystander(house, LI):
        for cut in cuts:
            with Wire(house.ports.sites["tokyo-hq"]) as wire:
                wire.send(whole[:cut])
                wire.socket.shutdown(socket.SHUT_WR)
                wire.until()
        until(lambda: len(events(house, "protocol_error")) == before + len(cuts))
    assert {entry["reason"] for entry in events(house, "protocol_error")[before:]} == {"startup_truncated"}


def test_a_connection_that_says_nothing_is_no_error(house: House) -> None:
    before = len(house.entries())
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.until() == []
    assert len(house.entries()) == before


def test_every_message_byte_by_byte(house: House) -> None:
    conversation = (
        parse("SELECT name FROM stickers WHERE id < 3", "s")
        + bind("s", "p")
        + encode(b"D", b"Pp\0")
        + execute("p")
        + SYNC
        + query("SELECT phone FROM users")
        + query("SELECT 1")
    )
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        for at in range(len(conversation)):
            wire.send(conversation[at : at + 1])
        first, second, third = wire.until(b"Z"), wire.until(b"Z"), wire.until(b"Z")
    assert [kind for kind, _ in first] == [b"1", b"2", b"T", b"D", b"D", b"C", b"Z"]
    assert errors(second) == ["42501"]
    assert rows(third) == 1


def test_a_name_that_is_taken_and_what_follows_it(house: House) -> None:
    """The second Parse waits for the answer to the first; reading from the client goes on afterwards."""
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(parse("SELECT 1", "s") + parse("SELECT 2", "s"))
        wire.send(SYNC)
        assert errors(wire.until(b"Z")) == ["42P05"]
        wire.send(bind("s") + execute() + SYNC)
        answer = wire.until(b"Z")
        assert [body for kind, body in answer if kind == b"D"] == [b"\0\1\0\0\0\x011"]


def test_after_an_error_everything_up_to_sync_is_skipped(house: House, messenger: Database) -> None:
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        wire.send(parse("SELECT phone FROM users") + FLUSH)
        assert errors(wire.until(b"E")) == ["42501"], "at once, without Sync"
        insert = "INSERT INTO feature_flags (key, enabled) VALUES ('skipped', true)"
        wire.send(parse(insert) + bind() + execute() + FLUSH + query(insert) + SYNC)
        assert wire.until(b"Z") == [(b"Z", b"I")]
    with messenger.connect() as admin:
        assert admin.execute("SELECT count(*) FROM feature_flags WHERE key = 'skipped'").fetchone() == (0,)


def test_a_portal_in_parts(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(query("BEGIN"))
        wire.until(b"Z")
        wire.send(parse("SELECT n FROM generate_series(1, 10) n") + bind("", "p") + execute("p", 4) + SYNC)
        answer = wire.until(b"Z")
        assert (rows(answer), answer[-2][0]) == (4, b"s")
        wire.send(execute("p", 4) + execute("p", 0) + SYNC)
        answer = wire.until(b"Z")
        assert rows(answer) == 6
        wire.send(query("COMMIT") + execute("p", 1) + SYNC)
        wire.until(b"Z")
        assert errors(wire.until(b"Z")) == ["34000"], "a portal dies with its transaction"


def test_unknown_names_are_told_by_the_names_the_client_used(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        for message, state in (
            (bind("nobody"), "26000"),
            (execute("nobody"), "34000"),
            (encode(b"D", b"Snobody\0"), "26000"),
        ):
            wire.send(message + SYNC)
            answer = wire.until(b"Z")
            assert errors(answer) == [state]
            (said,) = [body for kind, body in answer if kind == b"E"]
            assert b'"nobody"' in said
            assert b"sekisho_" not in said


def test_more_statements_than_the_limit(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"statements": 5}})
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        for number in range(6):
            wire.send(parse("SELECT 1", f"s{number}") + SYNC)
            assert errors(wire.until(b"Z")) == ([] if number < 5 else ["54000"])
        labels = {"door": "postgres", "layer": "none", "rule": "none", "reason": "limit_exceeded"}
        assert house.metric("sekisho_denials_total", **labels) == 1
        wire.send(encode(b"C", b"Ss0\0") + parse("SELECT 1", "s9") + SYNC)
        assert errors(wire.until(b"Z")) == []
        wire.send(bind("s1", "p") + SYNC)
        (fields,) = [decode_fields(body) for kind, body in wire.until(b"Z") if kind == b"E"]
        assert (fields["C"], fields["D"]) == ("54000", "Reason: limit_exceeded"), "portals count, too"
        assert house.metric("sekisho_denials_total", **labels) == 2


def test_a_limit_on_messages(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"message_bytes": 300_000}})
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(query("SELECT 1 -- " + "x" * 100_000))
        assert rows(wire.until(b"Z")) == 1
        wire.send(query("SELECT 1 -- " + "x" * 300_000))
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("08P01", "Reason: message_too_large")


def test_text_that_is_no_utf8_is_denied_before_it_is_read(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(query(b"SELECT '\xff\xfe'"))
        assert errors(wire.until(b"Z")) == ["42501"]
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1
    entry = house.entries("decision")[-2]
    assert entry["reason"] == "statement_incomplete"


def test_a_client_that_reads_nothing_holds_up_nobody(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 200000)"))  # 200 MB nobody takes
        with bystander(house, LI):
            pass
    until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
