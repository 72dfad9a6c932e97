"""TLS as a postgres listener offers it, and what it says of who is at the other end."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial
from typing import Final, Self, cast

from cryptography import x509

from gateway.config import PostgresListener, PostgresTls
from gateway.errors import ConfigError
from gateway.links import certificates
from gateway.links.certificates import Kept, files_of
from gateway.pgwire.binding import end_point

ALPN: Final = "postgresql"


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """One listener's side of TLS. Context and end point are of the same certificate and change together."""

    context: ssl.SSLContext
    end_point: bytes | None  # None: this certificate has none (RFC 5929 knows none for Ed25519)

    @classmethod
    def of(cls, tls: PostgresTls, *, certificate_required: bool) -> Self:
        """Read the files. Raises ConfigError."""
        context = server_context(tls, certificate_required=certificate_required)
        try:
            # The first certificate of the file is the one shown.
            shown = x509.load_pem_x509_certificates(tls.certificate.read_bytes())[0]
        except (OSError, ValueError) as error:
            raise ConfigError([f"{tls.certificate}: {error}"]) from error
        return cls(context, end_point(shown))


def server_context(tls: PostgresTls, *, certificate_required: bool = False) -> ssl.SSLContext:
    """TLS as this gateway offers it. ALPN is PostgreSQL's, so that another protocol's bytes cannot be replayed here.
    Raises ConfigError."""
    context = certificates.server_context(tls)
    context.set_alpn_protocols([ALPN])
    certificates.ask_for_certificates(context, tls.client_ca, required=certificate_required)
    return context


def kept_tls(listener: PostgresListener, *, certificate_required: bool) -> Kept[ListenerTls] | None:
    """A listener's TLS, kept up to date; None where it offers none. Raises ConfigError."""
    tls = listener.tls
    if tls is None:
        return None
    make = partial(ListenerTls.of, tls, certificate_required=certificate_required)
    return Kept(f"TLS of listeners.postgres {listener.address}", files_of(tls, tls.client_ca), make)


def feed(transport: asyncio.Transport, data: bytes) -> None:
    """Give the TLS of a transport bytes that were read before it was there."""
    tls = cast(asyncio.BufferedProtocol, transport.get_protocol())  # what `start_tls` puts there, in either loop
    while data and not transport.is_closing():
        room = memoryview(tls.get_buffer(len(data)))
        size = min(len(room), len(data))
        room[:size] = data[:size]
        tls.buffer_updated(size)
        data = data[size:]


def why_failed(error: OSError) -> str:
    """Why a handshake failed, in OpenSSL's fixed words: nothing in them is the peer's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate was not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or "unknown"  # OpenSSL sets it; not every error of the class is its own
        return f"the TLS handshake failed: {reason.replace('_', ' ').lower()}"
    return "the peer left during the TLS handshake"
