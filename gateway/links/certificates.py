"""Certificates with their keys, in files that may change while we run: a pair that fits, or the one before it stays.

What is renewed is written in two steps, certificate and key, and found in the middle it is no pair: it is refused,
loudly, and taken when it has come to rest as one. Connections that are open keep what they were opened with.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from cryptography import x509

from gateway.config import TlsServer
from gateway.errors import ConfigError
from gateway.facts.certificates import PeerCertificate
from gateway.links.watch import Watch, signatures

Made = TypeVar("Made")


def server_context(tls: TlsServer) -> ssl.SSLContext:
    """TLS 1.2 at least, with a certificate to show. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    load_pair(context, tls.certificate, tls.key)
    return context


def ask_for_certificates(context: ssl.SSLContext, authorities: Path | None, *, required: bool) -> None:
    """Ask clients for a certificate of these authorities; None: for none. Raises ConfigError."""
    # No resumption: a resumed session would show no certificate again, and one that has expired meanwhile would still
    # be believed.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if authorities is not None:
        load_authorities(context, authorities)
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL


def files_of(tls: TlsServer, authorities: Path | None) -> list[Path]:
    """What a listener's TLS is made of."""
    return [tls.certificate, tls.key, *([authorities] if authorities is not None else [])]


def peer_certificate(found: Any) -> PeerCertificate | None:
    """What `ssl.SSLObject.getpeercert` tells of a verified certificate; None where the client showed none."""
    if not found:
        return None
    names = tuple((str(kind), str(name)) for kind, name in found.get("subjectAltName", ()) if isinstance(name, str))
    return PeerCertificate(names, int(ssl.cert_time_to_seconds(found["notAfter"])))


def peer_certificate_pem(pem: bytes) -> PeerCertificate:
    """The same of a verified certificate that a library passes on as it came. Raises ValueError."""
    shown = x509.load_pem_x509_certificate(pem)
    try:
        found = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names: tuple[tuple[str, str], ...] = ()
    else:
        kinds = (("URI", x509.UniformResourceIdentifier), ("DNS", x509.DNSName), ("email", x509.RFC822Name))
        names = tuple((name, value) for name, kind in kinds for value in found.get_values_for_type(kind))
    return PeerCertificate(names, int(shown.not_valid_after_utc.timestamp()))


class Kept(Generic[Made]):
    """Something made of certificates' files, made anew when they change."""

    def __init__(self, what: str, paths: Iterable[Path], make: Callable[[], Made]) -> None:
        """Made at once. Raises ConfigError."""
        self._what = what
        self._look_at = partial(signatures, tuple(paths))
        self._seen = self._look_at()
        self._make = make
        self.current = make()

    def watch(self, told: Callable[[bool], None]) -> Watch[Made]:
        """What makes it anew. ``told`` of every try, whether it was good."""
        return Watch(
            what=self._what, look_at=self._look_at, load=self._make, swap=self._swap, seen=self._seen, told=told
        )

    def _swap(self, made: Made) -> None:
        self.current = made


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """A certificate to show. Raises ConfigError where it cannot be read or is another key's."""
    try:
        # A key under a passphrase would be asked for at the terminal, and nobody is there.
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError([f"{certificate} with {key}: {_in_words(error)}"]) from error


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Whom to believe. Raises ConfigError."""
    try:
        context.load_verify_locations(path)
    except OSError as error:
        raise ConfigError([f"{path}: {_in_words(error)}"]) from error


def _no_passphrase() -> str:
    raise ConfigError(["the key is under a passphrase: only a key without one can be used"])


def _in_words(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    reason = getattr(error, "reason", None)  # OpenSSL's own word; without one it is no PEM
    return reason.replace("_", " ").lower() if reason else "no PEM file of the right kind"
