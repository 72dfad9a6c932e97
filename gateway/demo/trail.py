"""Reads what the gateway added to its record, to show beside each step what was established and decided.

Entries come before the answer does, so whoever has an answer finds its entry here without waiting.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.audit.segments import list_segments
from gateway.model import JsonValue

Entry = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One company of the employer chain, as the record has it."""

    hop: int
    name: str
    country: str
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One answer of the gateway, as the record has it."""

    id: str
    ids: frozenset[str]  # that id, and those of further executions under it
    effect: str
    reason: str
    cross_border: bool
    person: str
    countries: tuple[str, ...]
    location_source: str
    location_note: str
    chain: tuple[Hop, ...]


class Trail:
    """The record's growth since the last look."""

    def __init__(self, directory: Path) -> None:
        """What is there already counts as seen."""
        self._directory = directory
        self._seen: dict[Path, int] = {}
        self.new()

    def new(self) -> tuple[Entry, ...]:
        """Entries since the last call, in order. A line that is not whole yet is left for the next call."""
        entries: list[Entry] = []
        for segments in list_segments(self._directory).values():
            for segment in segments:
                with segment.path.open("rb") as file:
                    file.seek(self._seen.get(segment.path, 0))
                    whole, newline, _ = file.read().rpartition(b"\n")
                self._seen[segment.path] = self._seen.get(segment.path, 0) + len(whole + newline)
                entries += [json.loads(line) for line in whole.splitlines()]
        return tuple(entries)

    def decided(self, subject: str) -> Decided | None:
        """The answer to this person among the new entries: the last one, where there are several."""
        return last_decided(self.new(), subject)


def last_decided(entries: Iterable[Entry], subject: str) -> Decided | None:
    """The last decision or refusal of this person, with the ids of its repeats."""
    found: Entry | None = None
    ids: set[str] = set()
    for entry in entries:
        if entry.get("kind") in ("decision", "refusal") and _mapping(entry["principal"]).get("subject") == subject:
            found, ids = entry, {_text(entry["decision_id"])}
        elif entry.get("kind") == "repeat" and found is not None and entry["of"] == found["decision_id"]:
            ids.add(_text(entry["decision_id"]))
    if found is None:
        return None
    location, employer = _mapping(found.get("location")), _mapping(found.get("employer"))
    return Decided(
        ids=frozenset(ids),
        id=_text(found["decision_id"]),
        effect=_text(found["effect"]),
        reason=_text(found["reason"]),
        cross_border=found.get("cross_border") is True,
        person=_text(found.get("person")),
        countries=tuple(_text(country) for country in _sequence(location.get("countries"))),
        location_source=_text(location.get("source")),
        location_note=_text(location.get("note")),
        chain=tuple(_hop(_mapping(link)) for link in _sequence(employer.get("chain"))),
    )


def _hop(link: Entry) -> Hop:
    number = link.get("hop")
    return Hop(
        hop=number if isinstance(number, int) else 0,
        name=_text(link.get("name")) or _text(link.get("entity")),
        country=_text(link.get("country")),
        relation=_text(link.get("relation")),
    )


def _mapping(value: JsonValue) -> Entry:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: JsonValue) -> Sequence[JsonValue]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
