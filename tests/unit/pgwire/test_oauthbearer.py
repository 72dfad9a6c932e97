"""OAUTHBEARER as a server: libpq's messages, and others."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire.oauthbearer import error_document, read_token


@pytest.mark.parametrize(
    ("message", "token"),
    [
        (b"n,,\x01auth=\x01\x01", ""),  # libpq 18 without a token: where is one to be had?
        (b"n,,\x01auth=Bearer eyJ.a-b_c.d~e+f/g==\x01\x01", "eyJ.a-b_c.d~e+f/g=="),
        (b"y,,\x01auth=Bearer abc\x01\x01", "abc"),
        (b"n,,\x01auth=bearer  abc\x01\x01", "abc"),
        (b"n,,\x01host=db.example\x01port=5432\x01auth=Bearer abc\x01\x01", "abc"),  # RFC 7628's own example
    ],
)
def test_a_token_or_none(message: bytes, token: str):
    assert read_token(message) == token


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",
        b"n,,\x01auth=Bearer abc\x01\x01x",
        b"n,,auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer a=b\x01\x01",
        b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
        b"n,,\x01host=db\x01\x01",
        b"n,,\x01=x\x01auth=Bearer a\x01\x01",
        b"n,,\x01auth=Bearer a\0b\x01\x01",
        b"p=tls-server-end-point,,\x01auth=Bearer abc\x01\x01",
        b"x,,\x01auth=Bearer abc\x01\x01",
        "n,,\x01auth=Bearer é\x01\x01".encode(),
    ],
)
def test_a_message_that_is_not_as_the_rfc_says(message: bytes):
    with pytest.raises(ClientProtocolError) as caught:
        read_token(message)
    assert caught.value.reason is Reason.MESSAGE_MALFORMED
    assert "abc" not in caught.value.detail


def test_nobody_asks_for_somebody_else():
    with pytest.raises(ClientProtocolError) as caught:
        read_token(b"n,a=root,\x01auth=Bearer abc\x01\x01")
    assert caught.value.reason is Reason.MESSAGE_REFUSED


@pytest.mark.parametrize(
    ("issuer", "discovery"),
    [
        ("https://id.example", "https://id.example/.well-known/openid-configuration"),
        ("https://id.example/realms/a/", "https://id.example/realms/a/.well-known/openid-configuration"),
        (
            "https://id.example/.well-known/oauth-authorization-server/a",
            "https://id.example/.well-known/oauth-authorization-server/a",
        ),
    ],
)
def test_the_discovery_document(issuer: str, discovery: str):
    assert json.loads(error_document(issuer, "openid db")) == {
        "status": "invalid_token",
        "openid-configuration": discovery,
        "scope": "openid db",
    }


@given(st.binary(max_size=300))
def test_any_bytes_are_a_token_or_refused(message: bytes):
    with suppress(ClientProtocolError):
        assert read_token(message).isascii()
