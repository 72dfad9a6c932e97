"""A real HTTP server that takes what is posted to it: OPA's decision logs, or OTLP logs (JSON).

``answers`` are given one after the other, the last one for ever: status, headers, body; what came with a good one is
kept. ``slow`` holds answers back.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers import Issued

Answer = tuple[int, dict[str, str], bytes]
GOOD: Answer = (200, {}, b"")


class Receiver:
    """One server on a loopback port."""

    def __init__(
        self,
        tls: Issued | None = None,
        port: int = 0,
        keep: Callable[[dict[str, str], bytes], object] | None = None,
    ) -> None:
        """``keep``: what becomes of a good post, in place of ``posts``."""
        self.answers: list[Answer] = [GOOD]
        self.slow = threading.Event()
        self.slow.set()  # not so
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.asked = 0
        self.hangs_up = False  # after an answer, without a word
        self._open: list[socket.socket] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                receiver.slow.wait(30)
                status, headers, answer = receiver.answers.pop(0) if receiver.answers[1:] else receiver.answers[0]
                if status < 300:
                    (keep or receiver._keep)({"path": self.path, **dict(self.headers)}, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.close_connection = receiver.hangs_up

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: pytest shows what failed."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def process_request(self, request: Any, client_address: Any) -> None:
                receiver._open.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Whoever asked has gone."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _keep(self, headers: dict[str, str], body: bytes) -> None:
        self.posts.append((headers, body))

    def url(self, path: str) -> str:
        return f"{self.scheme}://{'localhost' if self.scheme == 'https' else '127.0.0.1'}:{self.port}{path}"

    def close(self) -> None:
        """As when it is killed: nobody answers any more, on connections that are there either."""
        for connection in self._open:
            with contextlib.suppress(OSError):  # it has gone
                connection.shutdown(socket.SHUT_RDWR)
        self.slow.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def events(self) -> list[dict[str, Any]]:
        """Of OPA's decision logs."""
        return [event for _, body in list(self.posts) for event in json.loads(gzip.decompress(body))]

    def log_records(self) -> list[Any]:
        """Of OTLP."""
        return [
            record
            for _, body in list(self.posts)
            for resource in json.loads(body)["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]


def partly(refused: int, why: str) -> Answer:
    """OTLP: some were refused."""
    answer = {"partialSuccess": {"rejectedLogRecords": str(refused), "errorMessage": why}}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


@contextmanager
def receiving(tls: Issued | None = None) -> Iterator[Receiver]:
    receiver = Receiver(tls)
    try:
        yield receiver
    finally:
        receiver.close()
