"""What a policy engine is: one document in, one JSON value out. All that can go wrong is ``PolicyUnavailable``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from gateway.model import JsonValue

ENTRY_POINT: Final = "data.sekisho.decision"


class Engine(Protocol):
    """Judges one document under one revision of the policy. Callable from any thread."""

    @property
    def revision(self) -> str:
        """Hash of the rules and data this engine judges by."""
        ...

    def evaluate(self, document: Mapping[str, JsonValue]) -> JsonValue:
        """The value of ``data.sekisho.decision``; raises ``PolicyUnavailable`` where there is none."""
        ...
