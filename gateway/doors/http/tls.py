"""TLS for the http door: waitress speaks none, so a channel of it is given a socket that does.

The socket belongs to two threads (waitress reads in its own and may write in a worker's), and OpenSSL's state to one at
a time: every call is made under the channel's lock. Sockets never block, so "not yet" is an answer everywhere.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from typing import Any, Final, cast

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from gateway.config import CallerTls, TlsServer
from gateway.facts.certificates import PeerCertificate
from gateway.links.certificates import Kept, ask_for_certificates, files_of, peer_certificate, server_context

CERTIFICATE: Final = "sekisho.certificate"  # no header of a request can make this key: theirs begin with HTTP_


def kept_context(tls: TlsServer, address: str) -> Kept[ssl.SSLContext]:
    """The door's side of TLS, kept up to date. Callers may show a certificate and need not. Raises ConfigError."""

    authorities = tls.client_ca if isinstance(tls, CallerTls) else None

    def make() -> ssl.SSLContext:
        context = server_context(tls)
        if authorities is not None:
            ask_for_certificates(context, authorities, required=False)
        return context

    return Kept(f"TLS of {address}", files_of(tls, authorities), make)


class NothingYet(Exception):
    """There is no whole record to read: neither data nor the end."""


class CertifiedTask(WSGITask):
    """Tells the application which certificate the other end showed."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        assert isinstance(self.channel, TlsChannel)  # noqa: S101  # for the type checker: only that class makes it
        environ[CERTIFICATE] = self.channel.certificate
        return environ


class TlsChannel(HTTPChannel):
    """A channel whose socket is a `ssl.SSLSocket`; goes before the door's own channel class."""

    task_class = CertifiedTask
    unfinished_since: float | None
    certificate: PeerCertificate | None = None  # that the other end showed, once the handshake is done

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        self._tls_lock = threading.Lock()
        self._shaking = True
        self._wants_write = False
        super().__init__(server, sock, addr, adj, map=map)
        self.unfinished_since = time.time()  # a handshake is a request's first part, and must end as soon

    @property
    def _tls(self) -> ssl.SSLSocket:
        return cast(ssl.SSLSocket, self.socket)

    def readable(self) -> bool:
        return self._shaking or bool(super().readable())

    def writable(self) -> bool:
        return self._wants_write if self._shaking else bool(super().writable())

    def handle_read(self) -> None:
        if self._shaking and not self._shake():
            return
        with contextlib.suppress(NothingYet):  # the channel is told when more comes
            super().handle_read()

    def handle_write(self) -> None:
        if self._shaking and not self._shake():
            return
        super().handle_write()

    def _shake(self) -> bool:
        """Go on with the handshake; True where it is done."""
        try:
            with self._tls_lock:
                self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._wants_write = False
            return False
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return False
        except OSError:  # no TLS, or the peer is gone: nothing can be told
            self.handle_close()
            return False
        self._shaking = False
        self.unfinished_since = None
        with self._tls_lock:
            self.certificate = peer_certificate(self._tls.getpeercert())
        return True

    def recv(self, buffer_size: int) -> bytes:
        """What has arrived. Raises NothingYet. Whole records: the loop is not told of what waits within OpenSSL."""
        try:
            with self._tls_lock:
                data: bytes = self._tls.recv(buffer_size)
                while data and (more := _pending(self._tls)):
                    data += self._tls.recv(more)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            raise NothingYet from None
        except OSError:
            data = b""
        if not data:
            self.handle_close()
        return data

    def send(self, data: bytes, do_close: bool = True) -> int:
        """How much of it went out."""
        try:
            with self._tls_lock:
                return int(self._tls.send(data))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return 0
        except OSError:
            if do_close:
                self.handle_close()
            return 0


def _pending(connection: ssl.SSLSocket) -> int:
    # What is read after a shutdown (`SHUT_WR`) is no TLS any more, and thrown away.
    return connection.pending() if connection.version() is not None else 0
