"""Reads the golden cases of the policy packs: people by name, changes by path, so that a case shows only what matters.

A file of ``tests/golden/policy/`` has ``cases``; ``people.yaml`` has the documents they start from: ``common``, then
the person's part and the statement's part laid over it. ``set`` and ``remove`` name places like
``employer.chain.1.country``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).with_name("policy")
POLICIES = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the document asked about and what has to come of it."""

    id: str
    document: Any
    expect: dict[str, Any]
    fits_schema: bool


def cases() -> list[Case]:
    """All cases of all files."""
    found = [case for path in sorted(FOLDER.glob("*.yaml")) if path.name != "people.yaml" for case in _of_file(path)]
    names = [case.id for case in found]
    assert len(names) == len(set(names)), "two cases have one name"
    return found


def document(who: str, what: str) -> dict[str, Any]:
    """The whole document of a person who runs a statement."""
    parts = yaml.safe_load((FOLDER / "people.yaml").read_text(encoding="utf-8"))
    return _over(_over(parts["common"], parts["people"][who]), parts["statements"][what])


def _of_file(path: Path) -> Iterator[Case]:
    for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]:
        unknown = entry.keys() - {"case", "basis", "who", "what", "input", "set", "remove", "expect", "fits_schema"}
        assert not unknown, f"{path.name}: {unknown}"
        found = entry["input"] if "input" in entry else document(entry["who"], entry["what"])
        for place, value in entry.get("set", {}).items():
            put(found, place.split("."), value)
        for place in entry.get("remove", []):
            take(found, place.split("."))
        yield Case(f"{path.stem}: {entry['case']}", found, entry["expect"], entry.get("fits_schema", True))


def _over(below: Any, above: Any) -> Any:
    """``above`` laid over ``below``: mappings are merged, anything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _over(below.get(key), above.get(key, below.get(key))) for key in {**below, **above}}
    return copy.deepcopy(above)


def _holder(value: Any, path: list[str]) -> tuple[Any, Any]:
    for name in path[:-1]:
        value = value[int(name) if isinstance(value, list) else name]
    return value, int(path[-1]) if isinstance(value, list) else path[-1]


def put(value: Any, path: list[str], new: Any) -> None:
    """Set the place in a document."""
    holder, key = _holder(value, path)
    holder[key] = new


def take(value: Any, path: list[str]) -> None:
    """Remove the place from a document."""
    holder, key = _holder(value, path)
    del holder[key]
