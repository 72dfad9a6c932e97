"""The http door on its address: bound, served by a thread of its own, and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from typing import Protocol

from flask import Flask

from gateway.config import HttpListener, TlsServer
from gateway.config_draft import split_address
from gateway.doors.http.app import create_app
from gateway.doors.http.room import Behind
from gateway.doors.http.server import Server
from gateway.doors.http.tls import kept_context
from gateway.doors.requests import DeskApi, Refusing


class Listening(Protocol):
    """Where a door listens."""

    @property
    def address(self) -> str: ...
    @property
    def tls(self) -> TlsServer | None: ...


def http_door(desk: DeskApi, listener: HttpListener, *, shared: bool = False, behind: Behind | None = None) -> HttpDoor:
    """The gateway's own. ``behind``: what some operations need."""
    app = create_app(desk, listener.edges, behind)
    return HttpDoor(desk, listener, app, threads=listener.threads, shared=shared)


class HttpDoor:
    """An application on its address, from `start` to `stop`."""

    def __init__(
        self, desk: Refusing, listener: Listening, app: Flask, *, threads: int = 1, shared: bool = False
    ) -> None:
        """``desk``: who is told of what never reached the application. ``shared``: the address, with the other workers
        of this gateway."""
        self._desk = desk
        self._shared = shared
        self._threads = threads
        self._app = app
        self.certificates = kept_context(listener.tls, listener.address) if listener.tls is not None else None
        self._host, self._port = split_address(listener.address)
        self._stopping = threading.Event()
        self._grace = 0.0
        self._server: Server | None = None
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
        self._server = Server(self._app, self._desk, bound, self._threads, self.certificates)
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

    def _serve(self, server: Server) -> None:
        """Body of the door's thread: until told to stop, then until the open requests are answered."""
        while not self._stopping.is_set():
            server.turn(1.0)
        server.stop_accepting()
        deadline = time.monotonic() + self._grace
        while (busy := server.channels) and time.monotonic() < deadline:
            for channel in busy:
                working = channel.requests or channel.total_outbufs_len or channel.unfinished_since is not None
                channel.will_close = channel.will_close or not working
            server.turn(0.05)
        server.stop_workers()
        server.close_all()
