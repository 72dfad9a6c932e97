"""PROXY protocol version 2, the header an edge puts before a connection's bytes.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt section 2.2. It is read only from configured edges, is
required from them, and is never looked for from anybody else: whoever could send it could choose where they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final

from gateway.errors import ClientProtocolError, Reason

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD: Final = Struct("!12sBBH")
_MAX_BYTES: Final = 16 + 4096  # address block and TLVs; a longer header is not an edge's
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_BYTES: Final = {0x11: (4, 12), 0x21: (16, 36)}  # family and protocol: (bytes of an address, of the block)


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What the edge said: the person's address (None: the edge's own connection, a health check) and bytes used."""

    address: str | None
    size: int


def read_header(data: bytes) -> ProxyHeader | None:
    """The header at the start of ``data``, or None while it is incomplete. Raises ClientProtocolError."""
    if not data.startswith(SIGNATURE[: len(data)]):
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "a PROXY protocol v2 header is required from this address")
    if len(data) < _HEAD.size:
        return None
    _, version_command, family, length = _HEAD.unpack_from(data)
    size = _HEAD.size + length
    if size > _MAX_BYTES or version_command not in (_LOCAL, _PROXY):
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "the PROXY protocol header is malformed")
    if len(data) < size:
        return None
    if version_command == _LOCAL:
        return ProxyHeader(None, size)
    width, block = _ADDRESS_BYTES.get(family, (0, 0))
    if not width or length < block:
        raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "the PROXY protocol header names no TCP address")
    raw = data[_HEAD.size : _HEAD.size + width]
    address = IPv4Address(raw) if width == 4 else IPv6Address(raw)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return ProxyHeader(str(mapped or address), size)
