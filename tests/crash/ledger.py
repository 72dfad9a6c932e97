"""What the record says of one life, by the keyed hash of each text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.audit.segments import Segment, list_segments
from gateway.audit.verify import segment_entries


@dataclass(slots=True)
class Said:
    """The entries of one life."""

    allowed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # hash: decision ids
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # denials and complaints
    completed: set[str] = field(default_factory=set)  # decision ids
    entries: int = 0


class Ledger:
    """Reads what has been added to a record since the last time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segment, self._seq = 0, -1
        self.torn: set[int] = set()  # segments whose end a kill tore
        self.torn_by_hand: set[int] = set()

    def more(self) -> Said:
        """Of the life that has just ended."""
        said = Said()
        texts: dict[str, str] = {}  # the hash of the text of a decision that was recorded in full, by its id
        segments = list_segments(self._directory).get("gateway", [])
        for segment in segments:
            if segment.number < self._segment:
                continue
            for entry in segment_entries(segment):
                seq = int(entry["seq"])  # type: ignore[arg-type]
                if seq > self._seq:
                    self._seq = seq
                    said.entries += 1
                    _add(said, texts, entry)
            self._segment = segment.number
        if segments and _torn(segments[-1]) and segments[-1].number not in self.torn_by_hand:
            self.torn.add(segments[-1].number)
        return said

    def tear(self, share: float) -> None:
        """Leave at the end what a kernel leaves that was interrupted: the first part of a line."""
        newest = list_segments(self._directory)["gateway"][-1]
        if _torn(newest):
            return
        last = newest.path.read_bytes().splitlines(keepends=True)[-1]
        with newest.path.open("ab") as file:
            file.write(last[: max(1, int(share * (len(last) - 1)))])
        self.torn_by_hand.add(newest.number)


def _torn(segment: Segment) -> bool:
    return not segment.path.read_bytes().endswith(b"\n")


def _add(said: Said, texts: dict[str, str], entry: Mapping[str, Any]) -> None:
    match entry.get("kind"):
        case "decision":
            text = texts[entry["decision_id"]] = entry["statement"]["hash"]
            if entry["effect"] == "allow":
                said.allowed[text].append(entry["decision_id"])
            else:
                said.refused[text] += 1
        case "repeat":
            said.allowed[entry.get("statement_hash") or texts[entry["of"]]].append(entry["decision_id"])
        case "refusal":
            said.refused[entry["statement"]["hash"]] += 1
        case "completion":
            said.completed.add(entry["decision_id"])
        case _:
            pass
