"""The envelope of authentication messages."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire import sasl

OFFERED = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")


def test_messages_a_server_writes():
    assert sasl.AUTHENTICATION_OK == b"R\0\0\0\x08\0\0\0\0"
    assert sasl.ASK_CLEARTEXT == b"R\0\0\0\x08\0\0\0\x03"
    assert sasl.ask_sasl(("A", "B")) == b"R\0\0\0\x0d\0\0\0\x0aA\0B\0\0"
    assert sasl.sasl_continue(b"x") == b"R\0\0\0\x09\0\0\0\x0bx"
    assert sasl.sasl_final(b"x") == b"R\0\0\0\x09\0\0\0\x0cx"


def test_a_password():
    assert sasl.read_password("pässword".encode() + b"\0") == "pässword"
    assert sasl.read_password(b"\0") == ""
    for body in (b"", b"secret", b"a\0b\0"):
        with pytest.raises(ClientProtocolError) as caught:
            sasl.read_password(body)
        assert caught.value.reason is Reason.MESSAGE_MALFORMED


def initial(mechanism: bytes, message: bytes) -> bytes:
    return mechanism + b"\0" + struct.pack("!I", len(message)) + message


def test_an_initial_response():
    assert sasl.read_initial_response(initial(b"SCRAM-SHA-256", b"n,,"), OFFERED) == ("SCRAM-SHA-256", b"n,,")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.MESSAGE_MALFORMED),
        (b"SCRAM-SHA-256", Reason.MESSAGE_MALFORMED),
        (b"SCRAM-SHA-256\0\0\0", Reason.MESSAGE_MALFORMED),
        (b"SCRAM-SHA-256\0\xff\xff\xff\xff", Reason.MESSAGE_MALFORMED),
        (initial(b"SCRAM-SHA-256", b"n,,") + b"x", Reason.MESSAGE_MALFORMED),
        (initial(b"SCRAM-SHA-256", b"n,,")[:-1], Reason.MESSAGE_MALFORMED),
        (initial(b"OAUTHBEARER", b"n,,"), Reason.MESSAGE_REFUSED),
        (initial(b"scram-sha-256", b"n,,"), Reason.MESSAGE_REFUSED),
        (initial(b"", b"n,,"), Reason.MESSAGE_REFUSED),
        (initial(b"\xff", b"n,,"), Reason.MESSAGE_REFUSED),
    ],
)
def test_an_initial_response_that_is_refused(body: bytes, reason: Reason):
    with pytest.raises(ClientProtocolError) as caught:
        sasl.read_initial_response(body, OFFERED)
    assert caught.value.reason is reason


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(body: bytes):
    for read in (sasl.read_password, lambda one: sasl.read_initial_response(one, OFFERED)):
        with suppress(ClientProtocolError):
            read(body)
