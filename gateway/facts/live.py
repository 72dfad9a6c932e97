"""The catalog's labels beside a database as it is: labels of nothing, and what is there without a label.

A label of nothing harms nobody by itself, but whoever wrote it believes that something is labelled which is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.facts.catalog import FILE, Source


@dataclass(frozen=True, slots=True)
class LiveRelation:
    """One relation of the database."""

    columns: frozenset[str]
    holds_rows: bool  # False: a view, whose rows are labelled where they lie


@dataclass(frozen=True, slots=True)
class Labelling:
    """How the two differ."""

    void: tuple[str, ...] = ()  # labels of nothing, each with its place
    unlabelled: tuple[str, ...] = ()  # tables, and columns of labelled tables


def compare(source: Source, live: Mapping[str, LiveRelation]) -> Labelling:
    """What a datasource's catalog and its database do not both have."""
    void: list[tuple[int, str]] = []
    for name, table in source.tables.items():
        there = live.get(name)
        if there is None:
            void.append((table.line, f"{name} is labelled, and the database has no such table"))
            continue
        for column, label in table.columns.items():
            if column not in there.columns:
                void.append((label.line, f"{name}.{column} is labelled, and the database has no such column"))
    unlabelled: list[str] = []
    for name, relation in live.items():
        known = source.tables.get(name)
        if known is None and relation.holds_rows:
            unlabelled.append(name)
        elif known is not None and known.about_people:
            unlabelled.extend(f"{name}.{column}" for column in relation.columns - known.columns.keys())
    return Labelling(
        tuple(f"{FILE}:{line}: {text}" for line, text in sorted(void)),
        tuple(sorted(unlabelled)),
    )
