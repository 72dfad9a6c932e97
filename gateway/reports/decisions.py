"""Decisions as the record has them, one page after another: which ones are wanted, and what of each is shown.

Entries in, documents out. Who may look is decided before (`gateway.readers`); nothing is shown beyond what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.inquiry import Reading, about
from gateway.model import JsonValue

Entry = Mapping[str, JsonValue]

KINDS: Final = (b'"kind":"decision"', b'"kind":"refusal"')
"""What a line must hold to be one; before it is taken apart."""

_SECOND: Final = 1_000_000  # microseconds
_PLAIN: Final = (
    "decision_id",
    "door",
    "session",
    "datasource",
    "profile",
    "purpose",
    "person",
    "origin",
    "effect",
    "reason",
    "cross_border",
    "revision",
    "valid_until",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which decisions; None: whichever."""

    reading: Reading
    country: str | None = None  # of the origin
    rule: str | None = None  # that spoke
    effect: str | None = None
    decision_id: str | None = None

    def fits(self, entry: Entry) -> bool:
        """Whether this entry is one, and is about nobody but whom the reading is about."""
        if entry.get("kind") not in ("decision", "refusal"):
            return False
        at = entry.get("at_us")
        if not isinstance(at, int):
            return False
        reading = self.reading
        if not (reading.since or 0) * 1_000_000 <= at or (
            reading.until is not None and at >= reading.until * 1_000_000
        ):
            return False
        entity = _at(entry, "employer", "entity")
        if not about(reading, str(_at(entry, "principal", "id")), entity if isinstance(entity, str) else None):
            return False
        return (
            (self.effect is None or entry.get("effect") == self.effect)
            and (self.decision_id is None or entry.get("decision_id") == self.decision_id)
            and (self.country is None or self.country in _list(entry.get("origin")))
            and (self.rule is None or self.rule in [rule["rule"] for rule in _rules(entry)])
        )


def shown(writer: str, seq: int, entry: Entry) -> dict[str, Any]:
    """One entry, as it is told."""
    return {
        "writer": writer,
        "seq": seq,
        "at_us": entry.get("at_us"),
        "kind": entry.get("kind"),
        "action": entry.get("action", "statement"),
        **{name: entry.get(name) for name in _PLAIN},
        "principal": _at(entry, "principal", "id"),
        "entity": _at(entry, "employer", "entity"),
        "countries": _at(entry, "location", "countries"),
        "statement": {
            name: _at(entry, "statement", name) for name in ("kind", "effect", "text", "relations", "incomplete")
        },
        "data_types": _at(entry, "data", "data_types"),
        "subject_countries": _at(entry, "data", "subject_countries"),
        "obligations": [one.get("kind") for one in _list(entry.get("obligations")) if isinstance(one, Mapping)],
        "rules": _rules(entry),
        "reading": entry.get("reading"),
    }


def _rules(entry: Entry) -> list[dict[str, Any]]:
    names = ("rule", "layer", "mode", "reason", "citation", "fact", "value")
    found = [one for one in _list(entry.get("findings")) if isinstance(one, Mapping)]
    return [{name: one.get(name) for name in names} for one in found]


def _at(entry: Entry, name: str, key: str) -> JsonValue:
    part = entry.get(name)
    return part.get(key) if isinstance(part, Mapping) else None


def _list(value: JsonValue) -> list[JsonValue]:
    return list(value) if isinstance(value, list | tuple) else []
