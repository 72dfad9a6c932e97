"""What a policy engine is: one document in, one JSON value out. All that can go wrong is ``PolicyUnavailable``.

Each way to fail has a reason of its own: there is no engine (``engine_unavailable``), it failed on this very document
(``engine_failed``), it took too long (``engine_timeout``), the decision is undefined (``engine_undefined``), its answer
is no decision (``engine_answer_invalid``), or other rules gave it than the gateway believes in
(``engine_revision_mismatch``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:  # processes that only judge start sooner without it
    from gateway.model import JsonValue

ENTRY_POINT: Final = "data.sekisho.decision"


class Engine(Protocol):
    """Judges documents under one revision of the policy. Belongs to the loop it is first asked on."""

    @property
    def revision(self) -> str:
        """Hash of the rules and data this engine judges by."""
        ...

    async def judge(self, document: Mapping[str, JsonValue], asker: str = "") -> JsonValue:
        """The value of ``data.sekisho.decision``; raises ``PolicyUnavailable`` where there is none. ``asker``: for
        whose sake it is asked. What holds up one asker's questions holds up nobody else's."""
        ...

    async def aclose(self) -> None:
        """Nothing is asked any more, and what is under way has ended: answered, mostly, else by the engine's bound."""
        ...
