"""The http door: POST /v1/authorize, and what runs beside it: /healthz, /readyz, /metrics, /v1/config.

`create_app` is the Flask application (no socket), `HttpDoor` serves it with waitress: one thread of its own moves
bytes, a few worker threads run requests and block in the synchronous ``desk.ask``. An answer, denials included, is one
JSON document with the status of its reason; a request that never became a question is an RFC 9457 problem document.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, Response, request
from prometheus_client import exposition
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from werkzeug.exceptions import HTTPException

from gateway.config import HttpListener
from gateway.config_draft import split_address
from gateway.doors.answers import answer_document
from gateway.doors.documents import MAX_BODY, canonical_address, parse_json
from gateway.doors.http_tls import TlsChannel
from gateway.doors.requests import DeskApi, Edges, prepare, read_request, refuse
from gateway.errors import ANSWERS, Reason, SekishoError
from gateway.links.certificates import Kept, server_context
from gateway.model import Door, JsonValue

log = logging.getLogger(__name__)

_STACK: Final = 16 * 1024 * 1024
_MAX_HEADERS: Final = 64 * 1024
_REQUEST_SECONDS: Final = 20  # from the first byte of a request to its last
_IDLE_SECONDS: Final = 60
_LINGER_SECONDS: Final = 2
_LINGER_BYTES: Final = 16 * 1024 * 1024
_CONNECTIONS: Final = 256
_BESIDE: Final = frozenset({"/healthz", "/readyz", "/metrics", "/v1/config"})
_SECURITY: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)


def create_app(desk: DeskApi, edges: Sequence[str] = ()) -> Flask:
    """The WSGI application. ``edges`` are networks whose callers may assert a person's address."""
    trusted = Edges.parse(edges)
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a path that is not exactly one of ours is none of ours
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY

    @app.post("/v1/authorize", provide_automatic_options=False)
    def authorize() -> Response:
        try:
            if request.mimetype != "application/json":
                raise SekishoError(Reason.REQUEST_INVALID, "content-type must be application/json")
            body = request.get_data(cache=False)
            asked = read_request(parse_json(body), request.headers.getlist("Authorization"))
            ask = prepare(desk, Door.HTTP, asked, caller=_caller(), edges=trusted)
        except SekishoError as error:
            raise refuse(desk, Door.HTTP, error, _caller()) from error
        document = answer_document(ask, desk.ask(ask))
        return _json(document, ANSWERS[Reason(str(document["reason"]))].http)

    @app.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        alive = desk.alive()
        return _json({"alive": alive}, 200 if alive else 503)

    @app.get("/readyz", provide_automatic_options=False)
    def readyz() -> Response:
        ready, problems = desk.ready()
        return _json({"ready": ready, "problems": problems}, 200 if ready else 503)

    @app.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        # The library never sees the caller's own header: it raises where a version there is no number.
        wanted = "application/openmetrics-text" in request.headers.get("Accept", "")
        encode, kind = exposition.choose_encoder("application/openmetrics-text; version=1.0.0" if wanted else "")
        return Response(encode(desk.collector), content_type=kind)

    @app.get("/v1/config", provide_automatic_options=False)
    def config() -> Response:
        return _json(desk.resolved_config(), 200)

    @app.errorhandler(SekishoError)
    def refused(error: SekishoError) -> Response:
        return _problem(error.reason, error.detail)

    @app.errorhandler(HTTPException)
    def not_served(error: HTTPException) -> Response:
        """What Flask itself turns away: no such path, no such method, too large, gone before the body was."""
        status = error.code or 500
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _problem_of(refuse(desk, Door.HTTP, _too_large(), _caller()))
        allow = [(name, value) for name, value in error.get_headers() if name == "Allow"]
        return _problem(Reason.REQUEST_INVALID, status=status, headers=allow)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        log.error("request_failed", exc_info=error)
        return _problem_of(refuse(desk, Door.HTTP, SekishoError(Reason.INTERNAL), _caller()))

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.extend(_SECURITY)
        return response

    return app


def _caller() -> str | None:
    """The address of the socket's other end. Forwarding headers are never read: anyone can write them."""
    address = request.remote_addr
    return canonical_address(address) if address else None


def _json(document: dict[str, Any] | dict[str, JsonValue], status: int) -> Response:
    return Response(json.dumps(document) + "\n", status=status, content_type="application/json")


def _too_large() -> SekishoError:
    return SekishoError(Reason.MESSAGE_TOO_LARGE, f"a request has at most {MAX_BODY} bytes")


def _problem_of(error: SekishoError) -> Response:
    return _problem(error.reason, error.detail)


def _problem(
    reason: Reason, detail: str = "", *, status: int | None = None, headers: Sequence[tuple[str, str]] = ()
) -> Response:
    """RFC 9457. A status of HTTP's own (no such path) has no type of ours, only the reason it is counted under."""
    code, document = problem_document(reason, detail, status)
    response = Response(
        json.dumps(document) + "\n", status=code, headers=list(headers), content_type="application/problem+json"
    )
    if code == HTTPStatus.UNAUTHORIZED:
        error = "" if reason is Reason.TOKEN_MISSING else ', error="invalid_token"'
        response.headers["WWW-Authenticate"] = f'Bearer realm="sekisho"{error}'
    return response


def problem_document(reason: Reason, detail: str, status: int | None = None) -> tuple[int, dict[str, JsonValue]]:
    """Status and body of a problem."""
    code = status if status is not None else ANSWERS[reason].http
    return code, {
        "type": "about:blank" if status is not None else f"urn:sekisho:reason:{reason.value}",
        "title": HTTPStatus(code).phrase if status is not None else ANSWERS[reason].summary,
        "status": code,
        "detail": detail,
        "reason": reason.value,
    }


# --- the server ------------------------------------------------------------------------------------------------------


class _RefusedTask(ErrorTask):
    """What waitress turns away before the application sees it: said in the same form, and counted."""

    def execute(self) -> None:
        failure = self.request.error  # type: ignore[attr-defined]  # the stubs take `request` for the error itself
        error = SekishoError(Reason.MESSAGE_MALFORMED, "the HTTP message is malformed")
        if failure.code in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE):
            error = _too_large()
        elif failure.code == HTTPStatus.INTERNAL_SERVER_ERROR:
            error = SekishoError(Reason.INTERNAL)
        assert isinstance(self.channel, _Channel)  # noqa: S101  # for the type checker: only these classes make each
        assert isinstance(self.channel.server, _Server)  # noqa: S101  # other
        self.channel.refused = True
        error = refuse(self.channel.server.desk, Door.HTTP, error, canonical_address(str(self.channel.addr[0])))
        code, document = problem_document(error.reason, error.detail)
        body = (json.dumps(document) + "\n").encode()
        self.status = f"{code} {HTTPStatus(code).phrase}"
        self.response_headers = [*_SECURITY, ("Content-Type", "application/problem+json")]
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


class _Server(TcpWSGIServer):
    """waitress on a socket that is bound already."""

    def __init__(
        self, app: Flask, desk: DeskApi, bound: socket.socket, threads: int, certificates: Kept[ssl.SSLContext] | None
    ) -> None:
        self.channel_class = _Channel if certificates is None else _TlsChannel
        self.certificates = certificates
        self.desk = desk
        self.beside = workers(1)
        self.bound = bound
        self.sockets: dict[int, Any] = {}
        settings = Adjustments(
            ident="sekisho",
            max_request_header_size=_MAX_HEADERS,
            max_request_body_size=MAX_BODY + 1,
            inbuf_overflow=2 * MAX_BODY,  # never a temporary file: the file system may be read-only
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE_SECONDS,
            cleanup_interval=5,
            expose_tracebacks=False,
            clear_untrusted_proxy_headers=True,
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

    def stop_accepting(self) -> None:
        """Closes the listening socket; open connections live on."""
        self.accepting = False
        self.del_channel()
        self.bound.close()

    def turn(self, seconds: float) -> None:
        """Moves bytes for at most that long. poll(2): select(2) breaks on the descriptors of a busy gateway."""
        wasyncore.loop(timeout=seconds, use_poll=True, map=self.sockets, count=1)


class HttpDoor:
    """The door on its address, from `start` to `stop`."""

    def __init__(self, desk: DeskApi, listener: HttpListener, *, shared: bool = False) -> None:
        """``shared``: the address, with the other workers of this gateway."""
        self._desk = desk
        self._listener = listener
        self._shared = shared
        self._app = create_app(desk, listener.edges)
        tls = listener.tls
        paths = (tls.certificate, tls.key) if tls is not None else ()
        self.certificates = Kept("TLS of listeners.http", paths, partial(server_context, tls)) if tls else None
        self._host, self._port = split_address(listener.address)
        self._stopping = threading.Event()
        self._grace = 0.0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """host:port as bound; known once started."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Binds, listens and serves. OSError where the address cannot be had."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._shared:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(place)
        except OSError:
            bound.close()
            raise
        self._port = bound.getsockname()[1]
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for every request that has to wait
        self._server = _Server(self._app, self._desk, bound, self._listener.threads, self.certificates)
        self._thread = threading.Thread(target=self._serve, args=(self._server,), name="http-door", daemon=True)
        self._thread.start()

    async def stop(self, grace: float = 5.0) -> None:
        """Accepts nothing more, lets open requests end for ``grace`` seconds, closes. The loop stays free meanwhile:
        requests that are being answered need it."""
        if self._server is None or self._thread is None:
            return
        self._grace = grace
        self._stopping.set()
        self._server.pull_trigger()
        await asyncio.to_thread(self._thread.join)
        self._server = self._thread = None

    def _serve(self, server: _Server) -> None:
        """Body of the door's thread: until told to stop, then until the open requests are answered."""
        while not self._stopping.is_set():
            server.turn(1.0)
        server.stop_accepting()
        deadline = time.monotonic() + self._grace
        while (busy := server.channels) and time.monotonic() < deadline:
            for channel in busy:
                channel.will_close = channel.will_close or not (channel.requests or channel.total_outbufs_len)
            server.turn(0.05)
        server.stop_workers()
        wasyncore.close_all(server.sockets, ignore_all=True)
