"""Helpers that check segments in this very process, and a record verified with and without them: the same, always."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from gateway.audit.joined import Stretch, Work, check_alone
from gateway.audit.verify import Report, verify


@dataclass
class Inline:
    """Checks a segment when it is asked for what came of it. ``idle``: never; ``found``: what it told."""

    idle: bool = False
    found: list[Stretch | None] = field(default_factory=list)

    def begin(self, work: Work) -> Callable[[], Stretch | None]:
        return partial(self._check, work)

    def _check(self, work: Work) -> Stretch | None:
        self.found.append(None if self.idle else check_alone(work))
        return self.found[-1]


def verified(directory: Path, **asked: Any) -> Report:
    report = verify(directory, **asked)
    assert verify(directory, helpers=Inline(), **asked) == report
    return report
