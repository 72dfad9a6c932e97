"""GLEIF's files -> entities.csv and ownership.csv of a registry. What GLEIF does not know stays unknown.

Consolidation of accounts says who controls, not by which share, so every imported holding but a branch's has an unknown
share; and no imported entity is ever taken to have no parent. A reporting exception (NON_PUBLIC, NO_LEI, ...), a lapsed
record and the absence of any report are each written into ``owners_unknown`` in GLEIF's own words.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from gateway.facts.bulk import ENTITIES_FILE, ENTITY_COLUMNS, OWNERSHIP_COLUMNS, OWNERSHIP_FILE
from gateway.facts.gleif_read import (
    Progress,
    RelationshipRecord,
    exception_records,
    lei_records,
    relationship_records,
)
from gateway.facts.lei import is_lei
from gateway.facts.ownership import BRANCH, CONSOLIDATION
from gateway.facts.period import iso

DIRECT: Final = "IS_DIRECTLY_CONSOLIDATED_BY"
ULTIMATE: Final = "IS_ULTIMATELY_CONSOLIDATED_BY"
BRANCH_OF: Final = "IS_INTERNATIONAL_BRANCH_OF"
_KEPT: Final = (DIRECT, BRANCH_OF, ULTIMATE)
_ISSUED: Final = frozenset({"ISSUED", "PENDING_TRANSFER", "PENDING_ARCHIVAL"})  # of records that are kept up
_PUBLISHED: Final = frozenset({"PUBLISHED", *_ISSUED})
_EVERY: Final = 50_000  # records between two words of progress
_MAX_NAME: Final = 500
_EXAMPLES: Final = 20

NO_REPORT: Final = "NO_PARENT_REPORTED"
LAPSED_RELATIONSHIP: Final = "RELATIONSHIP_LAPSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of it. ``left_out`` counts records that could not be used, by why; ``examples`` are some of them."""

    entities: int
    holdings: int
    owners_unknown: int  # entities for which the files say why their owners are not known
    left_out: Mapping[str, int]
    examples: tuple[str, ...]


@dataclass(slots=True)
class _Left:
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def out(self, why: str, what: str) -> None:
        """Note a record that is not used."""
        self.counts[why] += 1
        if self.counts[why] <= 3 and len(self.examples) < _EXAMPLES:
            self.examples.append(f"{why}: {what[:80]!r}")


def import_gleif(
    level1: Path, relationships: Path | None, exceptions: Path | None, folder: Path, progress: Progress
) -> Imported:
    """Read the files and write both of ours into the folder, each whole or not at all. Raises ConfigError, OSError."""
    left = _Left()
    unknown: dict[str, set[str]] = {}
    edges = _edges(relationships, unknown, left, progress) if relationships is not None else {}
    if exceptions is not None:
        _exceptions(exceptions, unknown, progress)
    entities = folder / ENTITIES_FILE
    holdings = folder / OWNERSHIP_FILE
    parts = [path.with_name(f"{path.name}.part") for path in (entities, holdings)]
    try:
        with parts[0].open("w", encoding="utf-8", newline="") as file:
            listed, without = _write_entities(file, level1, edges, unknown, left, progress)
        with parts[1].open("w", encoding="utf-8", newline="") as file:
            written = _write_holdings(file, edges, listed, left)
        parts[0].replace(entities)
        parts[1].replace(holdings)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    return Imported(
        entities=len(listed),
        holdings=written,
        owners_unknown=without,
        left_out=dict(sorted(left.counts.items())),
        examples=tuple(left.examples),
    )


def _edges(
    path: Path, unknown: dict[str, set[str]], left: _Left, progress: Progress
) -> dict[str, list[RelationshipRecord]]:
    """Relationships that say who controls whom, by child."""
    found: dict[str, list[RelationshipRecord]] = {}
    for number, record in enumerate(relationship_records(path), start=1):
        if number % _EVERY == 0:
            progress("relationships", number)
        if record.kind not in _KEPT:
            left.out("other kind of relationship", record.kind)
        elif not is_lei(record.child) or not is_lei(record.parent) or record.child == record.parent:
            left.out("relationship of no two LEIs", f"{record.child} {record.parent}")
        elif record.status != "ACTIVE" and record.end is None:
            left.out("relationship that ended, nobody says when", f"{record.child} {record.parent}")
        else:
            found.setdefault(record.child, []).append(record)
            if record.registration_status not in _PUBLISHED:
                unknown.setdefault(record.child, set()).add(LAPSED_RELATIONSHIP)
    return found


def _exceptions(path: Path, unknown: dict[str, set[str]], progress: Progress) -> None:
    for number, record in enumerate(exception_records(path), start=1):
        if number % _EVERY == 0:
            progress("exceptions", number)
        unknown.setdefault(record.lei, set()).update(record.reasons or ("NO_REASON_GIVEN",))


def _write_entities(
    file: TextIO,
    level1: Path,
    edges: Mapping[str, list[RelationshipRecord]],
    unknown: Mapping[str, set[str]],
    left: _Left,
    progress: Progress,
) -> tuple[set[str], int]:
    """One row for each entity; which were written, and how many say why their owners are not known."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(ENTITY_COLUMNS)
    listed: set[str] = set()
    without = 0
    for number, record in enumerate(lei_records(level1), start=1):
        if number % _EVERY == 0:
            progress("entities", number)
        if not is_lei(record.lei):
            left.out("entity of no LEI", record.lei)
            continue
        if record.lei in listed:
            left.out("entity for the second time", record.lei)
            continue
        listed.add(record.lei)
        why = set(unknown.get(record.lei, ()))
        if record.registration_status not in _ISSUED:
            why.add(record.registration_status or "NO_STATUS")
        if not why and record.lei not in edges:
            why.add(NO_REPORT)
        without += bool(why)
        status = " ".join(word for word in (record.registration_status, _inactive(record.entity_status)) if word)
        row = (record.country or "", record.headquarters or "", _text(status), _text(" ".join(sorted(why))))
        writer.writerow((record.lei, _text(record.name) or "(no name)", *row))
    return listed, without


def _inactive(status: str) -> str:
    return "" if status == "ACTIVE" else status


def _text(text: str) -> str:
    """Printable, on one line, of a length that names have."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:_MAX_NAME].strip()


def _write_holdings(file: TextIO, edges: Mapping[str, list[RelationshipRecord]], listed: set[str], left: _Left) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(OWNERSHIP_COLUMNS)
    written = 0
    for records in edges.values():
        for record in _nearest(records):
            if record.child not in listed or record.parent not in listed:
                left.out("relationship with an entity that is not in Level 1", f"{record.child} {record.parent}")
                continue
            branch = record.kind == BRANCH_OF
            days = ("" if day is None else iso(day) for day in (record.start, record.end))
            share, basis = ("100", BRANCH) if branch else ("", CONSOLIDATION)
            writer.writerow((record.parent, record.child, share, *days, basis))
            written += 1
    return written


def _nearest(records: list[RelationshipRecord]) -> Iterator[RelationshipRecord]:
    """Each parent once; the ultimate one only of a child that names nobody nearer: it stands above the others.

    A branch has its head office and nobody else.
    """
    branches = [record for record in records if record.kind == BRANCH_OF][:1]
    nearer = [record for record in records if record.kind == DIRECT]
    told: set[tuple[str, int | None, int | None]] = set()
    for record in branches or nearer or records:
        key = record.parent, record.start, record.end
        if key not in told:
            told.add(key)
            yield record
