"""Nearest allowed query: which columns of a denied statement the rules would let through, found by asking them.

Columns that no rule can tell apart (same relation, use, data types, subjects) are asked about together. What the hint
names was put to the rules as a question of its own, all together: it is never a guess. It names columns that the
statement itself touches, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any, Final

from gateway.facts.registry import Registry
from gateway.model import ColumnLabel, Effect, StatementEffect, Understanding, Verdict
from gateway.needs import Need

_MAX_QUESTIONS: Final = 12
_MAX_NAMES: Final = 24
Decide = Callable[[Understanding], Generator[Need, Any, Verdict]]


def nearest(facts: Understanding, registry: Registry, decide: Decide) -> Generator[Need, Any, str]:
    """Words for the person, or nothing where columns are not the reason. Raises PolicyUnavailable."""
    groups = _groups(facts.data.columns)
    if facts.statement.effect is not StatementEffect.READ or not facts.statement.complete:
        return ""
    if not 1 < len(groups) <= _MAX_QUESTIONS:
        return ""
    allowed: list[ColumnLabel] = []
    denied: list[ColumnLabel] = []
    for group in groups:
        verdict = yield from decide(_without_others(facts, registry, group))
        (allowed if verdict.effect is Effect.ALLOW else denied).extend(group)
    if not allowed or not denied:
        return ""
    together = yield from decide(_without_others(facts, registry, allowed))
    if together.effect is not Effect.ALLOW:
        return ""
    gone = {(label.relation, label.column) for label in denied}
    left = [label for label in allowed if (label.relation, label.column) not in gone]  # denied in one use is denied
    if not left:
        return ""
    narrowed = " (narrowed by masks, filters or a limit)" if together.obligations else ""
    return f"Without {_names(denied)} it would be allowed{narrowed}; columns that remain: {_names(left)}."


def _groups(columns: Iterable[ColumnLabel]) -> list[list[ColumnLabel]]:
    found: dict[tuple[object, ...], list[ColumnLabel]] = {}
    for label in columns:
        kind = (label.relation, label.use, label.data_types, label.subject_countries, label.labelled)
        found.setdefault(kind, []).append(label)
    return list(found.values())


def _without_others(facts: Understanding, registry: Registry, kept: Iterable[ColumnLabel]) -> Understanding:
    """The same question about fewer columns; the relations stay, with what they say about people."""
    names = {(label.relation, label.column, label.use) for label in kept}
    columns = tuple(use for use in facts.statement.columns if (use.relation, use.column, use.use) in names)
    statement = replace(facts.statement, columns=columns)
    return replace(facts, statement=statement, data=registry.data(facts.datasource.id, statement, facts.at))


def _names(columns: Iterable[ColumnLabel]) -> str:
    names = sorted({f"{label.relation}.{label.column}" for label in columns})
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more
