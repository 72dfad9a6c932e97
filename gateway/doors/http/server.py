"""waitress behind the http doors: its channels and workers, what it turns away itself, and how it stops.

One thread moves bytes, a few worker threads run requests. What never becomes a request is refused in the same form as
what does, and counted.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher

from gateway.doors.documents import MAX_BODY, canonical_address
from gateway.doors.http.problems import SECURITY, problem_document, too_large
from gateway.doors.http.tls import TlsChannel
from gateway.doors.requests import Refusing, refuse
from gateway.errors import Reason, SekishoError
from gateway.links.certificates import Kept
from gateway.model import Door

_STACK: Final = 16 * 1024 * 1024
_MAX_HEADERS: Final = 64 * 1024
_REQUEST_SECONDS: Final = 20  # from the first byte of a request to its last
_IDLE_SECONDS: Final = 60
_LINGER_SECONDS: Final = 2
_LINGER_BYTES: Final = 16 * 1024 * 1024
_CONNECTIONS: Final = 256
_BESIDE: Final = frozenset({"/healthz", "/readyz", "/metrics", "/v1/config"})


class _RefusedTask(ErrorTask):
    """What waitress turns away before the application sees it: said in the same form, and counted."""

    def execute(self) -> None:
        failure = self.request.error  # type: ignore[attr-defined]  # the stubs take `request` for the error itself
        error = SekishoError(Reason.MESSAGE_MALFORMED, "the HTTP message is malformed")
        if failure.code in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE):
            error = too_large()
        elif failure.code == HTTPStatus.INTERNAL_SERVER_ERROR:
            error = SekishoError(Reason.INTERNAL)
        assert isinstance(self.channel, _Channel)  # noqa: S101  # for the type checker: only these classes make each
        assert isinstance(self.channel.server, Server)  # noqa: S101  # other
        self.channel.refused = True
        error = refuse(self.channel.server.desk, Door.HTTP, error, canonical_address(str(self.channel.addr[0])))
        code, document = problem_document(error.reason, error.detail)
        body = (json.dumps(document) + "\n").encode()
        self.status = f"{code} {HTTPStatus(code).phrase}"
        self.response_headers = [*SECURITY, ("Content-Type", "application/problem+json")]
        self.set_close_on_finish()  # where the next request would begin is not known
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    """One connection, with the moment at which its unfinished request began, and a close that lets the answer through.

    A refused request is often still being sent. Closing a socket with bytes unread resets the connection, and the reset
    destroys the answer on its way; so we stop writing, and read on for a while into nothing.
    """

    error_task_class = _RefusedTask
    unfinished_since: float | None = None
    refused = False  # by waitress, perhaps in the middle
    lingering = False
    discarded = 0

    def received(self, data: bytes) -> bool:
        taken = super().received(data)
        if self.request is None:
            self.unfinished_since = None
        elif self.unfinished_since is None:
            self.unfinished_since = time.time()
        return taken

    def readable(self) -> bool:
        return self.lingering or bool(super().readable())

    def handle_read(self) -> None:
        if not self.lingering:
            super().handle_read()
            return
        self.discarded += len(self.recv(self.adj.recv_bytes))  # recv closes at the end of the stream
        if self.discarded > _LINGER_BYTES:
            self.handle_close()

    def handle_close(self) -> None:
        if self.refused and self.connected and not self.lingering and self.socket is not None:
            self.lingering, self.will_close = True, False
            self.unfinished_since = time.time() + _LINGER_SECONDS - _REQUEST_SECONDS
            with contextlib.suppress(OSError):  # gone already: the next read says so
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()


class _TlsChannel(TlsChannel, _Channel):
    """The same under TLS."""


def workers(count: int) -> ThreadedTaskDispatcher:
    """So many worker threads, with a deep stack: the SQL parser recurses in C by the depth of the statement, and a
    thread that runs out of stack takes the whole process down. Threads get 8 MiB or less unless told."""
    dispatcher = ThreadedTaskDispatcher()
    before = threading.stack_size(_STACK)
    try:
        dispatcher.set_thread_count(count)
    finally:
        threading.stack_size(before)
    return dispatcher


class Server(TcpWSGIServer):
    """waitress on a socket that is bound already."""

    def __init__(
        self, app: Flask, desk: Refusing, bound: socket.socket, threads: int, certificates: Kept[ssl.SSLContext] | None
    ) -> None:
        self.channel_class = _Channel if certificates is None else _TlsChannel
        self.certificates = certificates
        self.desk = desk
        self.beside = workers(1)
        self.bound = bound
        self.sockets: dict[int, Any] = {}
        self._waking = threading.RLock()  # again by one thread: what waitress closes may wake it
        self._closed = False
        settings = Adjustments(
            ident="sekisho",
            max_request_header_size=_MAX_HEADERS,
            max_request_body_size=MAX_BODY + 1,
            inbuf_overflow=2 * MAX_BODY,  # never a temporary file: the file system may be read-only
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_SECONDS,
            cleanup_interval=5,
            expose_tracebacks=False,
            # They change nothing here: no proxy is trusted with the peer's address. Forward-auth reads one, of edges.
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,  # a peer that goes away is no event
        )
        place = (bound.family, bound.type, bound.proto, bound.getsockname())
        super().__init__(
            app, self.sockets, True, bound, workers(threads), adj=settings, sockinfo=place, bind_socket=False
        )

    def accept(self) -> Any:
        found = super().accept()
        if found is None or self.certificates is None:
            return found
        context = self.certificates.current
        return context.wrap_socket(found[0], server_side=True, do_handshake_on_connect=False), found[1]

    def add_task(self, task: Any) -> None:
        """Queues the first request of a connection. Probes and metrics have a worker of their own: while decisions wait
        for a database that is down, the gateway must not look dead as well."""
        path = getattr(task.requests[0], "path", "")  # absent where the request could not be parsed
        (self.beside if path in _BESIDE else self.task_dispatcher).add_task(task)

    @property
    def channels(self) -> list[_Channel]:
        """The open connections."""
        return [entry for entry in list(self.sockets.values()) if isinstance(entry, _Channel)]

    def maintenance(self, now: float) -> None:
        """Closes idle connections and those that send one request for too long: a trickle must not hold a place."""
        super().maintenance(int(now))
        for channel in self.channels:
            if channel.unfinished_since is not None and channel.unfinished_since < now - _REQUEST_SECONDS:
                channel.will_close = True

    def stop_workers(self) -> None:
        """Waits a second at most: what still runs is asking the loop, and nobody is left to answer to."""
        for dispatcher in (self.beside, self.task_dispatcher):
            dispatcher.shutdown(timeout=1)

    def pull_trigger(self) -> None:
        """Wakes the thread that moves bytes. From any thread, also when that one has ended and closed its descriptors:
        by then their numbers may be somebody else's."""
        with self._waking:
            if not self._closed:
                super().pull_trigger()

    def close_all(self) -> None:
        """Closes the connections and all else that `turn` looks at."""
        with self._waking:
            self._closed = True
            wasyncore.close_all(self.sockets, ignore_all=True)

    def stop_accepting(self) -> None:
        """Closes the listening socket; open connections live on."""
        self.accepting = False
        self.del_channel()
        self.bound.close()

    def turn(self, seconds: float) -> None:
        """Moves bytes for at most that long. poll(2): select(2) breaks on the descriptors of a busy gateway."""
        wasyncore.loop(timeout=seconds, use_poll=True, map=self.sockets, count=1)
