"""TLS as a postgres listener offers it, and what it says of who is at the other end.

https://www.rfc-editor.org/rfc/rfc5929#section-4: the end point a SCRAM exchange is bound to is the hash of the
certificate we show, by the hash function of its own signature.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from gateway.config import PostgresTls

_WEAK: Final = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """One listener's side of TLS. Context and end point are of the same certificate and change together."""

    context: ssl.SSLContext
    end_point: bytes | None  # None: this certificate has none (RFC 5929 knows none for Ed25519)

    @classmethod
    def of(cls, tls: PostgresTls, *, certificate_required: bool) -> Self:
        """Read the files. Raises OSError or ValueError."""
        return cls(server_context(tls, certificate_required=certificate_required), end_point(tls.certificate))


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a client's certificate says, after the handshake verified it."""

    names: tuple[tuple[str, str], ...]  # subject alternative names: kind, name
    not_after: int


def server_context(tls: PostgresTls, *, certificate_required: bool = False) -> ssl.SSLContext:
    """TLS as this gateway offers it. ALPN is PostgreSQL's, so that another protocol's bytes cannot be replayed here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_alpn_protocols(["postgresql"])
    # As PostgreSQL: no renegotiation and no resumption. A resumed session would show no certificate again, and one that
    # has expired meanwhile would still be believed.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    if tls.client_ca is not None:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if certificate_required else ssl.CERT_OPTIONAL
    return context


def end_point(certificate: Path) -> bytes | None:
    """``tls-server-end-point`` of the first certificate in a PEM file, which is the one shown."""
    shown = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    try:
        algorithm = shown.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    return shown.fingerprint(hashes.SHA256() if isinstance(algorithm, _WEAK) else algorithm)


def peer_certificate(found: Any) -> PeerCertificate | None:
    """What `ssl.SSLObject.getpeercert` tells of a verified certificate; None where the client showed none."""
    if not found:
        return None
    names = tuple((str(kind), str(name)) for kind, name in found.get("subjectAltName", ()) if isinstance(name, str))
    return PeerCertificate(names, int(ssl.cert_time_to_seconds(found["notAfter"])))


def why_failed(error: OSError) -> str:
    """Why a handshake failed, in OpenSSL's fixed words: nothing in them is the peer's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate was not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or "unknown"  # OpenSSL sets it; not every error of the class is its own
        return f"the TLS handshake failed: {reason.replace('_', ' ').lower()}"
    return "the peer left during the TLS handshake"
