"""The edge load balancer of the demo: states in a PROXY protocol v2 header whom it speaks for, then pipes bytes.

A driver speaks no PROXY protocol, and on one machine everybody calls from loopback, which tells nothing. So each
person's connection goes through one of these, which says the address they are staged at; the gateway believes it
because its listener is configured to (``edges``), as it would believe a real balancer.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_VERSION_2_PROXY: Final = 0x21
_TCP_OVER_IPV4: Final = 0x11
_TCP_OVER_IPV6: Final = 0x21
_CHUNK: Final = 65536
_CONNECT_SECONDS: Final = 10.0


def proxy_header(source: str, source_port: int, destination: str, destination_port: int) -> bytes:
    """A PROXY protocol v2 header for one TCP connection."""
    there, here = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if there.version != here.version:
        # The header has one family for both ends: the IPv4 end is written as an IPv4-mapped IPv6 address.
        there, here = _as_ipv6(there), _as_ipv6(here)
    family = _TCP_OVER_IPV4 if there.version == 4 else _TCP_OVER_IPV6
    body = there.packed + here.packed + struct.pack(">HH", source_port, destination_port)
    return _SIGNATURE + struct.pack(">BBH", _VERSION_2_PROXY, family, len(body)) + body


def _as_ipv6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\x00" * 10 + b"\xff\xff" + address.packed)


class Relay:
    """Listens on a free loopback port; every connection is passed to ``target`` as coming from ``source``."""

    def __init__(self, source: str, target: tuple[str, int]) -> None:
        """Listens at once; accepts from `__enter__` on."""
        self._source = source
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False

    @property
    def port(self) -> int:
        """The port to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end every connection, wait for the threads."""
        with self._lock:
            self._closed = True
            ends = [self._listener, *self._sockets]
        for end in ends:
            # shutdown wakes the thread that sits in accept or recv; close alone would leave it there
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in ends:
            end.close()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                person, (_, port) = self._listener.accept()
            except OSError:
                return  # closed
            try:
                gateway = socket.create_connection(self._target, timeout=_CONNECT_SECONDS)
            except OSError:
                person.close()  # the driver reports a closed connection, as with any balancer without a backend
                continue
            with self._lock:
                if self._closed:
                    person.close()
                    gateway.close()
                    return
                self._sockets += [person, gateway]
            self._spawn(self._serve, person, gateway, port)

    def _serve(self, person: socket.socket, gateway: socket.socket, port: int) -> None:
        """One connection: the header first, then both directions."""
        gateway.settimeout(None)
        with contextlib.suppress(OSError):
            gateway.sendall(proxy_header(self._source, port, *gateway.getpeername()[:2]))
        self._spawn(self._pump, gateway, person)
        self._pump(person, gateway)

    def _pump(self, reader: socket.socket, writer: socket.socket) -> None:
        """Pass bytes on unchanged until the end, and then the end itself."""
        with contextlib.suppress(OSError):
            while chunk := reader.recv(_CHUNK):
                writer.sendall(chunk)
        with contextlib.suppress(OSError):
            writer.shutdown(socket.SHUT_WR)
