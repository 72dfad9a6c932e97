"""The PROXY header of an edge: exactly as the specification writes it, or the connection ends."""

from __future__ import annotations

from ipaddress import IPv6Address
from struct import pack

import pytest

from gateway.demo.relay import proxy_header
from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire.proxy import SIGNATURE, ProxyHeader, read_header

V4 = bytes([203, 0, 113, 7]) + bytes([192, 0, 2, 1]) + pack("!HH", 40000, 5432)


def _v6(source: str) -> bytes:
    return IPv6Address(source).packed + IPv6Address("2001:db8::1").packed + pack("!HH", 40000, 5432)


def _header(command: int, family: int, body: bytes, *, length: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + pack("!H", len(body) if length is None else length) + body


def _malformed(data: bytes) -> None:
    with pytest.raises(ClientProtocolError) as caught:
        read_header(data)
    assert caught.value.reason is Reason.MESSAGE_MALFORMED
    assert caught.value.answer.sqlstate == "08P01"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (_header(0x21, 0x11, V4), "203.0.113.7"),
        (_header(0x21, 0x21, _v6("2001:db8::7")), "2001:db8::7"),
        (_header(0x21, 0x21, _v6("::ffff:203.0.113.7")), "203.0.113.7"),
        (_header(0x21, 0x11, V4 + b"\x03\x00\x04crc!"), "203.0.113.7"),
        (_header(0x20, 0x00, b""), None),
        (_header(0x20, 0x11, V4), None),
        (proxy_header("203.0.113.7", 40000, "192.0.2.1", 5432), "203.0.113.7"),
    ],
)
def test_the_address_and_the_size_are_read_at_every_split(header, address):
    for at in range(len(header)):
        assert read_header(header[:at]) is None
    assert read_header(header) == ProxyHeader(address, len(header))
    assert read_header(header + b"\0\0\0\x08rest") == ProxyHeader(address, len(header))


@pytest.mark.parametrize("family", [0x00, 0x10, 0x12, 0x20, 0x22, 0x31, 0x32, 0x41, 0xFF])
def test_unix_unspecified_and_datagrams_have_no_address_to_stand_at(family):
    _malformed(_header(0x21, family, bytes(216)))


@pytest.mark.parametrize("command", [0x00, 0x01, 0x10, 0x11, 0x22, 0x2F, 0x31])
def test_another_version_or_command_is_refused(command):
    _malformed(_header(command, 0x11, V4))


@pytest.mark.parametrize(("family", "body"), [(0x11, V4[:-1]), (0x21, _v6("::1")[:-1]), (0x21, V4), (0x11, b"")])
def test_a_block_shorter_than_its_addresses_is_refused(family, body):
    _malformed(_header(0x21, family, body))


@pytest.mark.parametrize("length", [4097, 0xFFFF])
@pytest.mark.parametrize("command", [0x20, 0x21])
def test_a_header_over_the_limit_is_refused_before_its_body_comes(command, length):
    _malformed(_header(command, 0x11, b"", length=length))


@pytest.mark.parametrize(
    "start", [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f", b"\r\n\r\n\0\r\nQUIP"]
)
def test_without_the_signature_nothing_is_read(start):
    for at in range(1, len(start) + 1):
        if not SIGNATURE.startswith(start[:at]):
            _malformed(start[:at])
    _malformed(start)
