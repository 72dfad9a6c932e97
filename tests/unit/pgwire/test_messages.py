"""Bodies of messages: as strict as the server, no reader of the same bytes may differ."""

from __future__ import annotations

from struct import pack

import pytest

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire import messages
from tests.unit.pgwire.playbook import bind, close, describe, error, execute, parse, query


def _malformed(decode, body: bytes) -> str:
    with pytest.raises(ClientProtocolError) as caught:
        decode(body)
    assert caught.value.reason is Reason.MESSAGE_MALFORMED
    assert caught.value.answer.sqlstate == "08P01"
    return caught.value.detail


def _body(message: bytes) -> bytes:
    return message[5:]


SOUND = [
    (messages.decode_query, _body(query("SELECT 1"))),
    (messages.decode_parse, _body(parse("s", "SELECT $1, $2", 23, 0))),
    (messages.decode_bind, _body(bind("p", "s", b"1", None, b""))),
    (messages.decode_target, _body(describe("S", "s"))),
    (messages.decode_execute, _body(execute("p", 5))),
]


@pytest.mark.parametrize(("decode", "body"), SOUND)
def test_trailing_bytes_and_every_truncation_are_malformed(decode, body):
    decode(body)
    for at in range(len(body)):
        _malformed(decode, body[:at])
    _malformed(decode, body + b"\0")
    _malformed(decode, body + b"x")


def test_a_nul_inside_a_query_is_malformed():
    """libpg_query would stop at it in silence and judge the first half."""
    assert _malformed(messages.decode_query, b"SELECT 1\0; SELECT phone\0") == "invalid message format"
    assert _malformed(messages.decode_query, b"SELECT 1") == "invalid string in message"
    assert _malformed(messages.decode_query, b"") == "invalid string in message"


def test_a_nul_inside_the_text_of_parse_is_malformed():
    _malformed(messages.decode_parse, b"s\0SELECT 1\0; SELECT 2\0\0\0")


def test_parse_says_its_types():
    found = messages.decode_parse(_body(parse("n", "SELECT $1", 23, 0xFFFFFFFF)))
    assert found == messages.Parse(b"n", b"SELECT $1", (23, 0xFFFFFFFF))
    assert messages.encode_parse(found.name, found.query, found.types) == parse("n", "SELECT $1", 23, 0xFFFFFFFF)
    _malformed(messages.decode_parse, b"\0SELECT 1\0" + pack("!H", 2) + pack("!I", 23))


def test_the_values_of_bind_go_on_byte_identical():
    message = bind("portal", "statement", b"\0\xff", None, b"x" * 300)
    found = messages.decode_bind(_body(message))
    assert (found.portal, found.statement) == (b"portal", b"statement")
    assert messages.encode_bind(found.portal, found.statement, found.rest) == message


@pytest.mark.parametrize("length", [-2, -(2**31), 5, 2**31 - 1])
def test_a_value_whose_length_does_not_fit_is_malformed(length):
    rest = pack("!H", 0) + pack("!H", 1) + pack("!i", length) + b"1234" + pack("!H", 0)
    _malformed(messages.decode_bind, b"\0\0" + rest)


def test_formats_of_values_and_results_are_counted():
    body = b"\0\0" + pack("!HHH", 2, 0, 1) + pack("!H", 0) + pack("!HHH", 2, 1, 1)
    assert messages.decode_bind(body).rest == body[2:]
    _malformed(messages.decode_bind, body[:-1])


@pytest.mark.parametrize("body", [b"", b"x\0", b"Ss", b"Ss\0x", b"\0\0", b"s\0"])
def test_a_target_is_a_statement_or_a_portal(body):
    _malformed(messages.decode_target, body)


def test_targets_are_encoded_as_they_were():
    for message in (describe("S", "a"), close("P", "")):
        target, name = messages.decode_target(_body(message))
        assert messages.encode_target(message[:1], target, name) == message


def test_sync_flush_and_terminate_have_no_body():
    messages.decode_empty(b"")
    _malformed(messages.decode_empty, b"\0")


def test_fields_of_a_server_are_read_with_tolerance():
    assert messages.decode_fields(_body(error("42601", "no", D="why")))["D"] == "why"
    assert messages.decode_fields(b"") == {}
    assert messages.decode_fields(b"SERROR\0Mhalf") == {"S": "ERROR"}
    assert messages.decode_fields(b"M\xff\xfe\0\0") == {"M": "\ufffd\ufffd"}
    assert messages.decode_fields(b"Mno sqlstate\0\0").get("C", "XX000") == "XX000"


def test_fields_cannot_be_broken_out_of():
    """A text that quotes what a client wrote may hold a NUL, or bytes that are no UTF-8 (as lone surrogates)."""
    found = messages.encode_fields(b"E", {"S": "ERROR", "M": "a\0Cb\udcff", "H": ""})
    assert found[5:] == "SERROR\0Ma\ufffdCb?\0\0".encode()
    assert messages.decode_fields(found[5:]) == {"S": "ERROR", "M": "a\ufffdCb?"}


def test_messages_of_our_own():
    assert messages.error_response("FATAL", "08P01", "no", detail="d")[5:] == b"SFATAL\0VFATAL\0C08P01\0Mno\0Dd\0\0"
    assert messages.parameter_status("a", "b") == b"S\0\0\0\x08a\0b\0"
    assert messages.backend_key_data(7, b"key!") == b"K\0\0\0\x0c\0\0\0\x07key!"
    assert messages.ready_for_query(b"T") == b"Z\0\0\0\x05T"
    assert messages.encode_query(b"x") == query("x")
    assert messages.encode_execute(b"p", pack("!i", 5)) == execute("p", 5)
    assert (messages.SYNC, messages.FLUSH, messages.TERMINATE) == (b"S\0\0\0\4", b"H\0\0\0\4", b"X\0\0\0\4")
