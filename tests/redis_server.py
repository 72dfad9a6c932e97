"""A real Redis of a test's own, on a loopback port, that keeps nothing.

``redis`` (a fixture, per module) starts one; ``RedisServer.stall`` lets it stand still, as one that is too slow does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.demo.settings import free_port
from tests.servers import Issued, require_tool

PASSWORD = "open sesame"


class RedisServer:
    """One server. ``tls``: its certificate; then it listens with TLS only."""

    def __init__(self, folder: Path, tls: Issued | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        options += ["--requirepass", PASSWORD, "--loglevel", "warning"]
        if self._tls is None:
            options += ["--port", str(self.port)]
        else:
            options += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            options += ["--tls-cert-file", str(self._tls.certificate), "--tls-key-file", str(self._tls.key)]
            options += ["--tls-ca-cert-file", str(self._tls.certificate)]
        self._process = subprocess.Popen([require_tool("redis-server"), *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)  # until it listens

    def stop(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """It takes connections and answers nobody."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    @property
    def settings(self) -> dict[str, object]:
        """Of `volume.redis`."""
        return {"address": f"127.0.0.1:{self.port}", "tls": False, "password_file": str(self.password_file)}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory(prefix="sekisho-redis-") as directory:
        server = RedisServer(Path(directory)).start()
        yield server
        server.stop()
