"""Rego compiled in this process, one program for each thread that asks: for tools, tests and processes that only judge.

Nothing bounds how long an evaluation takes here, and nobody else runs meanwhile: a gateway that serves asks
`gateway.links.judges`, where this very engine works in processes of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import JsonValue
from gateway.policy.bundle import Bundle
from gateway.policy.engine import ENTRY_POINT
from gateway.policy.rego import RegoError, RegoProgram


class InProcessEngine:
    """An ``Engine`` over one bundle. A thread compiles its own program the first time it asks (some 50 ms)."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._own = threading.local()

    @property
    def revision(self) -> str:
        """The bundle's revision."""
        return self._bundle.revision

    def evaluate(self, document: Mapping[str, JsonValue]) -> JsonValue:
        """The answer, without a loop. Raises PolicyUnavailable."""
        return self._program().evaluate(document)

    async def judge(self, document: Mapping[str, JsonValue], asker: str = "") -> JsonValue:
        """See ``Engine``."""
        return self.evaluate(document)

    async def aclose(self) -> None:
        """See ``Engine``."""

    def _program(self) -> RegoProgram:
        program: RegoProgram | None = getattr(self._own, "program", None)
        if program is None:
            try:
                program = RegoProgram(self._bundle.modules, self._bundle.data, ENTRY_POINT)
            except RegoError:
                # load_bundle compiled the same text; a person cannot help it here, so no compiler text goes out
                raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE, "the policy could not be prepared") from None
            self._own.program = program
        return program
