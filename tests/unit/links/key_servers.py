"""A web server on loopback that hands out a key set, well or badly."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers import Issued


@dataclass
class KeyServer:
    """What it answers can be changed between requests."""

    document: Any = None
    status: int = 200
    etag: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def body(self) -> bytes:
        return self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()


@contextmanager
def key_server(document: Any, *, tls: Issued | None = None) -> Iterator[KeyServer]:
    """One server, until the end of the block."""
    state = KeyServer(document)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(dict(self.headers.items()))
            if state.hang is not None:
                state.hang.wait(20)
            body, status = state.body(), state.status
            if state.etag is not None and self.headers.get("If-None-Match") == state.etag:
                body, status = b"", 304
            self.send_response(status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            if state.etag is not None:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that refuses our certificate is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/jwks"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        if state.hang is not None:
            state.hang.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
