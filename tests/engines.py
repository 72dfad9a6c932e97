"""Engines for tests: one that fails on command, and a real OPA.

``FakeEngine`` gives one answer, or fails in the way it is told to; nothing of the gateway's own can be made to fail in
all these ways when a test wants it.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from gateway.demo.settings import free_port
from gateway.errors import PolicyUnavailable, Reason
from gateway.model import JsonValue
from gateway.policy.archive import pack
from gateway.policy.bundle import Bundle
from tests.servers import require_tool

DENIED: JsonValue = {
    "effect": "deny",
    "obligations": [],
    "findings": [],
    "cross_border": True,
    "durability": "synced",
    "valid_until": None,
    "headroom": 0,
    "limits": [],
}


@dataclass(frozen=True, slots=True)
class Opa:
    """A real OPA that serves one bundle."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def opa_serving(*arguments: str, port: int | None = None) -> Iterator[Opa]:
    """``opa run --server`` with these arguments, ready; skips where there is no OPA (``make tools``)."""
    program = require_tool("opa")
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "run", "--server", "--skip-version-check", "--log-level=error", f"--addr=127.0.0.1:{port}"]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            patience = time.monotonic() + 60
            while not _healthy(url):
                assert process.poll() is None, "OPA ended instead of serving"
                assert time.monotonic() < patience, "OPA did not become ready"
            yield Opa(url, process)
        finally:
            process.kill()


@contextmanager
def opa_with(bundle: Bundle) -> Iterator[Opa]:
    """A real OPA with this bundle, packed as `sekisho bundle build` packs it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.tar.gz"
        path.write_bytes(pack(bundle, {}, bundle.revision))
        with opa_serving("--bundle", str(path)) as opa:
            yield opa


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health?bundles", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Failure(Enum):
    """What goes wrong with a question."""

    SLOW = "it answers when it is let go, and not before"
    JUNK = "it answers something that is no decision"
    CRASH = "it is gone"
    UNDEFINED = "it has no decision"


class FakeEngine:
    """An ``Engine`` that fails on command: ``failure`` may be changed between questions."""

    revision = "fake"

    def __init__(self, failure: Failure | None = None, answer: JsonValue = None) -> None:
        self.failure = failure
        self.answer = DENIED if answer is None else answer
        self.asked: list[tuple[Any, str]] = []
        self.begun = asyncio.Event()  # a question came
        self.go = asyncio.Event()  # the slow ones may go on
        self.closed = False

    async def judge(self, document: Mapping[str, JsonValue], asker: str = "") -> JsonValue:
        self.asked.append((document, asker))
        self.begun.set()
        match self.failure:
            case Failure.SLOW:
                await self.go.wait()
                raise PolicyUnavailable(Reason.ENGINE_TIMEOUT, "it took too long")
            case Failure.JUNK:
                return {"effect": "perhaps"}
            case Failure.CRASH:
                raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE, "it is gone")
            case Failure.UNDEFINED:
                raise PolicyUnavailable(Reason.ENGINE_UNDEFINED, "it has no decision")
            case None:
                return self.answer

    async def aclose(self) -> None:
        self.closed = True
