"""What passes directly and not through the gateway, compared with what is known of it."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.peers.suites import Result

FILE = Path(__file__).with_name("differences.toml")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some tests of a suite do not pass through the gateway."""

    why: str
    tests: tuple[str, ...]  # names, or patterns of names


def known(suite: str, path: Path = FILE) -> tuple[Reason, ...]:
    """The reasons of a suite."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(Reason(one["why"], tuple(one["tests"])) for one in document.get(suite, ()))


@dataclass(frozen=True, slots=True)
class Compared:
    """A suite's two runs beside each other."""

    passed: int  # directly
    explained: Mapping[str, list[str]]  # by reason
    unexplained: list[str]
    outdated: list[str]  # patterns that explain nothing any more


def compare(direct: Mapping[str, Result], through: Mapping[str, Result], reasons: tuple[Reason, ...]) -> Compared:
    """Sort what differs."""
    passed = [name for name, one in direct.items() if one.outcome == "passed"]
    differing = [name for name in passed if name not in through or through[name].outcome != "passed"]
    explained: dict[str, list[str]] = {}
    unexplained: list[str] = []
    used: set[str] = set()
    for name in differing:
        for reason in reasons:
            hits = [pattern for pattern in reason.tests if fnmatch.fnmatchcase(name, pattern)]
            if hits:
                used.update(hits)
                explained.setdefault(reason.why, []).append(name)
                break
        else:
            unexplained.append(name)
    outdated = [pattern for reason in reasons for pattern in reason.tests if pattern not in used]
    return Compared(len(passed), explained, unexplained, outdated)
