"""The gateway as a user runs it: ``sekisho serve --config …`` in a process of its own, watched until it is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final, Protocol

_READY_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
_TAIL_LINES: Final = 25


class GatewayFailed(Exception):
    """The gateway did not start, or ended by itself."""


class Running(Protocol):
    """A gateway that was started."""

    def stop(self) -> None:
        """End it and wait. May be called more than once."""

    def alive(self) -> bool:
        """Whether it still runs."""

    def tail(self) -> str:
        """The last lines it logged."""


def command() -> list[str]:
    """How to call ``sekisho`` here: the installed command, else the same module by this interpreter."""
    script = Path(sysconfig.get_path("scripts")) / "sekisho"
    return [str(script)] if script.is_file() else [sys.executable, "-m", "gateway.cli"]


class ServeProcess:
    """A child process of ours that runs the gateway."""

    def __init__(self, arguments: list[str], log: Path) -> None:
        """Starts at once; what it says goes to the file ``log``."""
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us: we stop the gateway, then the database
                # a person's own settings belong to their own gateway
                env={name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")},
            )

    def stop(self) -> None:
        """SIGTERM, so that it drains as it does in production; SIGKILL where that does not end it."""
        if not self.alive():
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])


def serve(config: Path) -> ServeProcess:
    """Start ``sekisho serve`` with this configuration; its log lies beside it."""
    return ServeProcess([*command(), "serve", "--config", str(config)], config.with_name("gateway.log"))


def await_ready(running: Running, ready_url: str, *, seconds: float = _READY_SECONDS) -> None:
    """Until ``/readyz`` says 200. `GatewayFailed`, with the end of the log, where that does not come."""
    # No proxy of the environment stands between this process and its own child.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    said = "it did not answer"
    while time.monotonic() < deadline:
        if not running.alive():
            raise GatewayFailed(f"the gateway ended while starting:\n{running.tail()}")
        try:
            with opener.open(ready_url, timeout=2):
                return
        except urllib.error.HTTPError as error:
            with error:
                said = f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:  # nobody listens yet
            said = str(error)
        time.sleep(0.05)
    raise GatewayFailed(f"the gateway was not ready within {seconds:.0f} s ({said}):\n{running.tail()}")
