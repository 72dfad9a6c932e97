"""Engines for tests: one that fails on command, and a real OPA.

``FakeEngine`` gives one answer, or fails in the way it is told to; nothing of the gateway's own can be made to fail in
all these ways when a test wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Any

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import JsonValue

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

    async def close(self) -> None:
        self.closed = True
