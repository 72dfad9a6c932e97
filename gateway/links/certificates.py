"""Certificates with their keys, in files that may change while we run: a pair that fits, or the one before it stays.

What is renewed is written in two steps, certificate and key, and found in the middle it is no pair: it is refused,
loudly, and taken when it has come to rest as one. Connections that are open keep what they were opened with.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from gateway.config import TlsServer
from gateway.errors import ConfigError
from gateway.links.watch import Watch, signatures

Made = TypeVar("Made")


def server_context(tls: TlsServer) -> ssl.SSLContext:
    """TLS 1.2 at least, with a certificate to show. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    load_pair(context, tls.certificate, tls.key)
    return context


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
