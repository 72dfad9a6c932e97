"""The golden cases of the policy packs, by the reader that `sekisho test` uses."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from gateway.policy import cases as reader
from gateway.policy.cases import Case

FOLDER = Path(__file__).with_name("policy")
POLICIES = Path(__file__).parents[2] / "policies"


@cache
def cases() -> tuple[Case, ...]:
    """All cases of all files, read once in a process: whoever changes a document copies it."""
    return reader.read_cases([path for path in sorted(FOLDER.glob("*.yaml")) if path.name != reader.BASE])


def document(who: str, what: str, file: str = reader.BASE) -> dict[str, Any]:
    """The whole document of a person who runs a statement."""
    return dict(reader.document(reader.content_of(FOLDER / file), who, what))
