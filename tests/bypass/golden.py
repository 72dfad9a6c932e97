"""What is known to fall short, by major: ``golden/touches-18.json`` and ``golden/housekeeping-18.json``.

Nothing may be worse than what stands there; what is better passes, and belongs written down by ``--golden`` of
``tests.bypass.run``, so that it stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bypass.housekeeping import Answer
from tests.bypass.judge import Result

FOLDER = Path(__file__).parent / "golden"
_ANSWERED = ("allowed", "rejected")


def shortfall(result: Result) -> dict[str, Any]:
    """How far a ``resolve`` case is from exact: as denied, and as asked in Tokyo. Empty where it is exact in both.

    What the server itself rejects (a build without XML, say) shows nothing either way.
    """
    found: dict[str, Any] = {}
    if result.expected != "resolve" or result.verdict in ("skipped", "rejected"):
        return found
    if result.verdict != "resolved":
        touches = result.touches
        found["denied"] = {
            "verdict": result.verdict,
            "missing": list(touches.missing if touches else ()),
            "extra": list(touches.extra if touches else ()),
        }
    asked = result.allowed
    if asked and (asked["touches"] != "exact" or not asked["complete"]):
        found["asked"] = {key: asked[key] for key in ("complete", "missing", "extra")}
    return found


def worse(known: Mapping[str, Any], result: Result, *, wired: bool) -> list[str]:
    """What is missing or superfluous beyond what is known of the case.

    More is no step back where something was missing before; nor in a case of several messages (``wired``), where
    statements of a pipeline are judged, or not, before an earlier error arrives.
    """
    found, problems = shortfall(result), []
    for part in ("denied", "asked"):
        before, now = known.get(part, {}), found.get(part, {})
        for what in ("missing",) if wired or before.get("missing") else ("missing", "extra"):
            new = set(now.get(what, ())) - set(before.get(what, ()))
            if new:
                problems.append(f"{result.id}: {part}: {what} {', '.join(sorted(new))}")
    if not found.get("asked", {}).get("complete", True) and known.get("asked", {}).get("complete", True):
        problems.append(f"{result.id}: asked: no longer complete: {result.allowed['reason']}")
    return problems


def read_shortfalls(major: int) -> dict[str, Any]:
    """What is known of the cases."""
    return _read(f"touches-{major}.json", {})


def read_answered(major: int) -> list[str]:
    """Ids of housekeeping statements that are answered."""
    return _read(f"housekeeping-{major}.json", [])


def write_shortfalls(major: int, results: Sequence[Result]) -> None:
    """Write down what falls short now; cases that were not played keep what stands there."""
    known = read_shortfalls(major)
    for result in results:
        if result.verdict not in ("skipped", "rejected"):
            known.pop(result.id, None)
            if found := shortfall(result):
                known[result.id] = found
    _write(f"touches-{major}.json", dict(sorted(known.items())))


def write_answers(major: int, answers: Sequence[Answer]) -> None:
    """Write down what is answered now."""
    _write(f"housekeeping-{major}.json", sorted(one.id for one in answers if one.word in _ANSWERED))


def _read(name: str, otherwise: Any) -> Any:
    path = FOLDER / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else otherwise


def _write(name: str, content: Any) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
