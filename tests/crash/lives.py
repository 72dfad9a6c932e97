"""The gateway's process: as a user starts it, or forked by `tests.crash.nest`, which is four times as fast."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Protocol

from gateway.demo.serving import command
from tests.servers import ROOT

_TAIL_LINES = 25


class Life(Protocol):
    """One process of the gateway."""

    pid: int

    def alive(self) -> bool:
        """Whether it still runs."""

    def ended(self) -> int:
        """Wait for its end: the exit code, or the signal that ended it as a negative number."""


class Served:
    """``sekisho serve`` as a user runs it."""

    def __init__(self, config: Path, log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command(), "serve", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=environment(),
            )
        self.pid = self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def ended(self) -> int:
        return self._process.wait(60)

    def stop(self) -> int:
        """End it in good order, if it has not ended: the exit code."""
        if self.alive():
            self._process.terminate()
        return self.ended()


class Nest:
    """Forks gateways. One at a time: the next may be asked for when the one before has ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nest"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment() | {"GRPC_ENABLE_FORK_SUPPORT": "0"},
            cwd=ROOT,
        )
        assert self._read() == "ready"

    def hatch(self, config: Path, log: Path) -> Forked:
        """A gateway of this configuration."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{config}\t{log}\n")
        self._process.stdin.flush()
        return Forked(int(self._read()), self)

    def waited(self, pid: int) -> int:
        """The status of the one that runs, when it has ended."""
        found, status = map(int, self._read().split())
        assert found == pid
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End the nest; nothing runs in it any more."""
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Forked:
    """A gateway out of the nest."""

    def __init__(self, pid: int, nest: Nest) -> None:
        self.pid = pid
        self._nest = nest

    def alive(self) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return True
        return False

    def ended(self) -> int:
        return self._nest.waited(self.pid)


def kill(life: Life) -> None:
    """At once, and without a word to it. It may have been killed already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(life.pid, signal.SIGKILL)


def tail(log: Path) -> str:
    """The last lines it logged."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-_TAIL_LINES:])


def environment() -> dict[str, str]:
    """A person's own settings belong to their own gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
