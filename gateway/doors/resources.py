"""What a caller declares that it is about to do, in place of a statement: effect, relations, columns.

It is the caller's own word (`declared`), and data about people needs a datasource that trusts that. Never complete by
what is left out: a relation without a column of its own was not thought about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.doors.documents import filled, invalid, list_of, object_of, required
from gateway.model import ColumnUseKind, Confidence, StatementEffect, StatementFacts
from gateway.routes.codes import SUMMARIES, RouteCode
from gateway.routes.found import facts_of

FIELDS: Final = ("effect", "relations", "columns")
COLUMN_FIELDS: Final = ("relation", "column", "use")
EFFECTS: Final = (StatementEffect.READ, StatementEffect.WRITE)
KIND: Final = "resource"
MAX_RELATIONS: Final = 100
MAX_COLUMNS: Final = 2000
MAX_NAME: Final = 255

_Column = tuple[str, str, ColumnUseKind]


def read_resource(value: object) -> StatementFacts:
    """The facts in a document. Raises SekishoError where it is not one."""
    resource = object_of(value, "resource", FIELDS, prefix="resource.")
    for name in FIELDS:
        required(resource, name, f"resource.{name}")
    effect = resource["effect"]
    if effect not in EFFECTS:
        invalid(f"resource.effect must be one of {', '.join(EFFECTS)}")
    relations = list_of(resource, "relations", "resource.relations", MAX_RELATIONS, _name)
    columns = list_of(resource, "columns", "resource.columns", MAX_COLUMNS, _column)
    if not relations:
        invalid("resource.relations is empty: what touches no data is nothing to ask about")
    for place, (relation, _, _) in enumerate(columns):
        if relation not in relations:
            invalid(f"resource.columns[{place}].relation is not among resource.relations")
    facts = facts_of(KIND, StatementEffect(str(effect)), relations, columns, Confidence.DECLARED)
    if silent := sorted(set(relations) - {relation for relation, _, _ in columns}):
        code = RouteCode.COLUMNS_NOT_GIVEN
        facts = replace(facts, complete=False, incomplete=str(code), detail=f"{SUMMARIES[code]}: {silent[0]}")
    return facts


def words_of(facts: StatementFacts) -> str:
    """What stands in the record in place of a text; the columns are there beside it."""
    return f"declared {facts.effect}: {', '.join(facts.relations)}"


def _name(value: object, name: str) -> str:
    found = filled(value, name, MAX_NAME)
    if not found.isprintable():
        invalid(f"{name} has a character that no name has")
    return found


def _column(value: object, name: str) -> _Column:
    column = object_of(value, name, COLUMN_FIELDS, prefix=f"{name}.")
    relation, of, use = (required(column, key, f"{name}.{key}") for key in COLUMN_FIELDS)
    if use not in list(ColumnUseKind):
        invalid(f"{name}.use must be one of {', '.join(ColumnUseKind)}")
    return _name(relation, f"{name}.relation"), _name(of, f"{name}.column"), ColumnUseKind(str(use))
