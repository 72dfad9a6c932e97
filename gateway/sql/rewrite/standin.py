"""The sub-select that stands in for a relation: all its columns in order, some of them masked, its rows filtered.

``OFFSET 0`` stands in it where rows are filtered: nothing of the statement is evaluated on a row before the filter was
(a function that tells, an error that prints a value). Where columns are only masked there is no such fence: nothing of
the statement can see more than the mask, and an index can still be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.sql.catalog import Catalog, Column, Relation
from gateway.sql.rewrite.duties import Duty
from gateway.sql.rewrite.masks import Style, blank, masked
from gateway.sql.rewrite.predicates import at_relation, filter_text
from gateway.sql.rewrite.quoting import identifier

PLAIN = "plain"
BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a stand-in: the relation's own, and how it is shown (``plain``, ``blank``, or a method)."""

    number: int  # of the relation's column
    name: str
    type: str
    shown: str


@dataclass(frozen=True, slots=True)
class Standin:
    """What stands in for one relation: ``text`` is the sub-select, without parentheses and alias."""

    oid: str
    view: bool
    text: str
    nonce: str
    outputs: tuple[Output, ...]
    filtered: bool

    @property
    def positions(self) -> Mapping[int, int]:
        """Number of the relation's column -> place of the output that stands in for it."""
        return {output.number: place for place, output in enumerate(self.outputs, 1)}


def stand_in(
    catalog: Catalog,
    oid: str,
    duty: Duty,
    *,
    nonce: str,
    used: frozenset[str] | None,
    filters: Mapping[str, str],
    style: Style,
) -> Standin:
    """The stand-in for a relation. ``used``: names of the columns the statement uses; None = all of them."""
    relation = catalog.relations[oid]
    outputs = tuple(
        Output(number, column.name, column.type, _shown(column, duty, used))
        for number, column in sorted(relation.columns.items())
    )
    alias = identifier(nonce)
    columns = ", ".join(_output(catalog, relation.columns[one.number], one, alias, style) for one in outputs)
    text = f"SELECT {columns} FROM {identifier(relation.schema)}.{identifier(relation.name)} AS {alias}"  # noqa: S608
    if duty.filters:
        predicates = [_predicate(name, filters, relation, nonce) for name in sorted(duty.filters)]
        text += " WHERE " + " AND ".join(f"({predicate}\n)" for predicate in predicates) + " OFFSET 0"
    return Standin(oid, relation.kind == "v", text, nonce, outputs, bool(duty.filters))


def _predicate(name: str, filters: Mapping[str, str], relation: Relation, nonce: str) -> str:
    """A filter, as it reads at this relation where it has words of its own for it."""
    text = filters.get(at_relation(name, relation.full_name), filters.get(name))
    return filter_text(name, text, relation, nonce)


def name_of(relation: Relation) -> str:
    """The name a relation without an alias goes by."""
    return identifier(relation.name)


def _shown(column: Column, duty: Duty, used: frozenset[str] | None) -> str:
    if used is not None and column.name not in used:
        return BLANK
    return duty.masks.get(column.name, PLAIN)


def _output(catalog: Catalog, column: Column, output: Output, alias: str, style: Style) -> str:
    reference = f"{alias}.{identifier(column.name)}"
    if output.shown == PLAIN:
        return reference
    if output.shown == BLANK:
        return f"{blank(catalog, column)} AS {identifier(column.name)}"
    return f"{masked(catalog, column, reference, output.shown, style)} AS {identifier(column.name)}"
