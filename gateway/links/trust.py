"""TLS of ours towards a database: whom we believe, and what we show where it wants to see something."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509

from gateway.links.certificates import Kept, load_authorities, load_pair
from gateway.pgwire.binding import end_point

_NO_TLS: Final = "disable"
_REQUIRE: Final = "require"
_DISABLE: Final = "disable"


class Reached(Protocol):
    """What a server is reached by: a datasource, or a sink of the record."""

    @property
    def id(self) -> str:
        """Its name, for people."""
        ...

    @property
    def tls(self) -> str:
        """Whether over TLS."""
        ...

    @property
    def ca(self) -> Path | None:
        """Who signs its certificate; None: whom the system believes."""
        ...

    @property
    def certificate(self) -> Path | None:
        """What it is shown."""
        ...

    @property
    def key(self) -> Path | None:
        """Of that."""
        ...

    @property
    def channel_binding(self) -> str:
        """Whether a password login is bound to its certificate."""
        ...


class Trust:
    """The TLS of a datasource; its files may change."""

    def __init__(self, source: Reached) -> None:
        """Read the files. Raises ConfigError."""
        self._binding = source.channel_binding
        self.kept = Kept(f"TLS of datasource {source.id}", files(source), partial(client_context, source))

    @property
    def context(self) -> ssl.SSLContext:
        """Of the next connection."""
        return self.kept.current

    @property
    def bound(self) -> bool:
        """Whether a password login must be bound to the server's certificate."""
        return self._binding == _REQUIRE

    def end_point(self, tls: ssl.SSLObject) -> bytes | None:
        """What to bind a password login to; None where nothing shall be, or can be."""
        shown = tls.getpeercert(binary_form=True)
        if self._binding == _DISABLE or shown is None:
            return None
        return end_point(x509.load_der_x509_certificate(shown))


def trust_of(source: Reached) -> Trust | None:
    """How a datasource is believed; None where it is reached without TLS. Raises ConfigError."""
    return None if source.tls == _NO_TLS else Trust(source)


def files(source: Reached) -> tuple[Path, ...]:
    """What the TLS of a datasource is made of. The system's authorities are read at start only."""
    return tuple(path for path in (source.ca, source.certificate, source.key) if path is not None)


def client_context(source: Reached) -> ssl.SSLContext:
    """TLS 1.2 at least; chain and name are checked. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if source.ca is not None:
        load_authorities(context, source.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if source.certificate is not None and source.key is not None:
        load_pair(context, source.certificate, source.key)
    return context
