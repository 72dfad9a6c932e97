"""A log server far away, whose acknowledgement statements wait for (durability `remote`), and when it gave it.

It notes an entry before it answers, so no acknowledgement is older than it says.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import Any, Final

from tests.receivers import Receiver

_SINK: Final = "afar"
_TIMEOUT_MS: Final = 5000


class Afar:
    """To be closed."""

    def __init__(self) -> None:
        self.since: dict[str, float] = {}  # the moment each decision was first there, by its id
        self._receiver = Receiver(keep=self._note)

    def settings(self) -> dict[str, Any]:
        """Of the record: every statement that is allowed waits for it."""
        return {
            "sinks": [{"name": _SINK, "http": {"url": self._receiver.url("/logs")}}],
            "remote": {"sink": _SINK, "applies": "all", "timeout_ms": _TIMEOUT_MS},
        }

    def close(self) -> None:
        """End it."""
        self._receiver.close()

    def _note(self, headers: dict[str, str], body: bytes) -> None:
        del headers
        now = time.monotonic()
        for event in json.loads(gzip.decompress(body)):
            if event["custom"]["sekisho"]["kind"] in ("decision", "repeat"):
                self.since.setdefault(event["decision_id"], now)
