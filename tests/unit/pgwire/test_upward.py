"""The client's messages one by one: what is refused, and that a refusal ends the session before a byte goes on."""

from __future__ import annotations

from struct import pack

import pytest

from gateway.errors import Reason
from gateway.pgwire.actions import Close, Completed, Judge, Leave, ToClient, ToServer
from gateway.pgwire.frames import encode
from tests.unit.pgwire.playbook import (
    BOUND,
    FLUSH,
    SYNC,
    TERMINATE,
    Client,
    Judged,
    Server,
    bind,
    close,
    complete,
    describe,
    error,
    execute,
    parse,
    play,
    query,
    ready,
)

KNOWN = b"QPBDECSHXdcf"


@pytest.mark.parametrize("kind", sorted(set(range(256)) - set(KNOWN)))
def test_a_message_without_an_entry_ends_the_session(kind):
    """FunctionCall (F) and passwords (p) included."""
    refused = Close(Reason.MESSAGE_REFUSED, f"messages of type {chr(kind)!r} are refused")
    play(Client(encode(bytes([kind])) + query("SELECT 1")), refused)


def test_an_unknown_message_is_refused_while_others_are_skipped():
    play(
        Client(bind("", "x") + FLUSH),
        ToServer(bind("", "gw_1") + FLUSH),
        Server(error("26000", "?")),
        ToClient(error("26000", "?")),
        Client(query("ignored") + encode(b"F") + SYNC),
        Close(Reason.MESSAGE_REFUSED, "messages of type 'F' are refused"),
    )


MALFORMED = [
    (encode(b"Q", b"SELECT 1\0; SELECT phone\0"), "invalid message format"),
    (encode(b"Q", b"SELECT 1"), "invalid string in message"),
    (encode(b"P", b"\0SELECT 1\0\0\1"), "insufficient data left in message"),
    (encode(b"P", b"\0SELECT 1\0\0\0\0"), "invalid message format"),
    (encode(b"B", b"\0\0\0\0"), "insufficient data left in message"),
    (encode(b"D", b"X\0"), "invalid message format"),
    (encode(b"C", b"Sname"), "invalid string in message"),
    (encode(b"E", b"\0\0\0\0"), "invalid message format"),
    (encode(b"S", b"\0"), "invalid message format"),
    (encode(b"H", b"\0"), "invalid message format"),
    (b"S\0\0\0\3", "invalid message length"),
]


@pytest.mark.parametrize(("message", "detail"), MALFORMED)
def test_a_malformed_message_ends_the_session_after_what_was_right_before_it(message, detail):
    play(
        Client(bind("", "") + message + query("SELECT 1")),
        ToServer(bind("", "gw_1")),
        Close(Reason.MESSAGE_MALFORMED, detail),
        Client(query("SELECT 1")),
        Server(ready()),
    )


@pytest.mark.parametrize("declared", [1 << 30, 0xFFFFFFFF, 65_537])
@pytest.mark.parametrize("kind", [b"Q", b"P", b"B", b"d"])
def test_a_declared_length_over_the_limit_ends_the_session_at_its_header(kind, declared):
    play(
        Client(kind + pack("!I", declared)),
        Close(Reason.MESSAGE_TOO_LARGE, f"message of type {kind.decode()!r} is over the limit"),
    )


@pytest.mark.parametrize("kind", [b"D", b"E", b"C", b"S", b"H", b"X", b"F"])
def test_other_messages_keep_the_servers_small_limit(kind):
    play(
        Client(kind + pack("!I", 10_001)),
        Close(Reason.MESSAGE_TOO_LARGE, f"message of type {kind.decode()!r} is over the limit"),
    )


def test_copy_messages_outside_copy_go_nowhere():
    play(Client(encode(b"d", b"rows") + encode(b"c") + encode(b"f", b"why\0") + SYNC), ToServer(SYNC))


BEGIN_COPY = encode(b"G", b"\0\0\0")


def test_copy_data_go_on_once_the_server_asks_for_them():
    """And what was sent ahead waits until then: a Sync among the data is ignored, here as there."""
    data, done = encode(b"d", b"1\n"), encode(b"c")
    play(
        Client(query("COPY t FROM STDIN") + data),
        Judge("COPY t FROM STDIN", (), executes=True),
        Judged("t1"),
        ToServer(query("COPY t FROM STDIN") + FLUSH),
        Server(BEGIN_COPY),
        ToClient(BEGIN_COPY),
        ToServer(data),
        Client(SYNC + data + done + data),
        ToServer(data + done + FLUSH),
        Server(complete("COPY 2") + ready()),
        Completed("t1", 2, "00000"),
        ToClient(complete("COPY 2") + ready()),
    )


def test_another_message_among_copy_data_ends_the_session():
    play(
        Client(query("COPY t FROM STDIN")),
        Judge("COPY t FROM STDIN", (), executes=True),
        Judged("t1"),
        ToServer(query("COPY t FROM STDIN")),
        Server(BEGIN_COPY),
        ToClient(BEGIN_COPY),
        Client(query("SELECT phone")),
        Close(Reason.MESSAGE_REFUSED, "unexpected message of type 'Q' during COPY"),
    )


def test_goodbye():
    play(Client(TERMINATE), Leave())


def test_text_reaches_the_judge_as_it_is_and_the_server_byte_identical():
    raw = "SELECT '関所', E'\\x00' -- \xff".encode("latin-1", "ignore") + b"\xfe\xff"
    play(
        Client(query(raw)),
        Judge(raw.decode("utf-8", "surrogateescape"), (), executes=True),
        Judged("t"),
        ToServer(query(raw)),
    )


def test_no_client_name_reaches_the_server_whatever_it_is():
    wanted = b"\xffname"  # not UTF-8: the map does not care, the server never sees it
    message = encode(b"P", wanted + b"\0SELECT 1\0\0\0") + encode(b"B", b"p\xfe\0" + wanted + b"\0" + bytes(6))
    play(
        Client(message + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged(),
        ToServer(parse("gw_1", "SELECT 1") + bind("gw_2", "gw_1") + SYNC),
    )


def test_a_name_of_ours_that_a_client_guesses_means_nothing():
    play(
        Client(parse("s", "SELECT 1") + bind("", "gw_1") + describe("S", "gw_1") + execute("gw_1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged(),
        ToServer(parse("gw_1", "SELECT 1") + bind("", "gw_2") + describe("S", "gw_3") + execute("gw_4") + SYNC),
    )


def test_closing_what_is_not_there_closes_nothing():
    play(
        Client(close("S", "pg_settings") + close("P", "c") + SYNC),
        ToServer(close("S", "gw_1") + close("P", "gw_2") + SYNC),
    )


def test_a_portal_keeps_its_statement_when_that_is_closed():
    play(
        Client(parse("s", "SELECT 1", 20) + bind("", "s") + close("S", "s") + execute() + SYNC),
        Judge("SELECT 1", (20,), executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "SELECT 1", 20) + bind("", "gw_1") + close("S", "gw_1")),
        Judge("SELECT 1", (20,), executes=True, ticket="t", fresh=True),
        Server(encode(b"1") + BOUND),
        ToClient(encode(b"1") + BOUND),
    )
