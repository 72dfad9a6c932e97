"""What Trino's OPA access control asks (`SelectFromColumns` and the like), as facts; and obligations in Trino's SQL.

Trino says by itself what a query touches, so the facts are ``declared``: data about people needs a datasource that
trusts that. A catalog of Trino's is a datasource or service of ours by the same name, a table ``schema.table`` in it.
What is not on a list here is not understood, and so denied. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.doors.documents import MAX_NAME, filled, invalid, list_of, object_of, required, shown
from gateway.model import ColumnUseKind, Confidence, Mask, Obligation, StatementEffect, StatementFacts, SubjectCountries
from gateway.routes.codes import SUMMARIES, RouteCode
from gateway.routes.found import WHOLE, facts_of

KIND: Final = "trino"
SUPPORTS: Final = frozenset({"mask", "subject_countries"})
"""Obligations that can be told in Trino's SQL."""

MOST_RESOURCES: Final = 5000
_MOST_COLUMNS: Final = 5000
_ACTION: Final = ("operation", "resource", "filterResources", "targetResource", "grantee", "grantor")
# What shows names of things, and nothing in them.
_NAMES: Final = frozenset(
    {
        "AccessCatalog",
        "ExecuteQuery",
        "FilterCatalogs",
        "FilterColumns",
        "FilterSchemas",
        "FilterTables",
        "ShowColumns",
        "ShowSchemas",
        "ShowTables",
    }
)
SELECT: Final = "SelectFromColumns"
_WRITES: Final[Mapping[str, ColumnUseKind | None]] = {
    "InsertIntoTable": ColumnUseKind.WRITE_TARGET,
    "UpdateTableColumns": ColumnUseKind.WRITE_TARGET,
    "DeleteFromTable": None,
}
_TEXT: Final = re.compile(r"varchar(\(\d+\))?", re.IGNORECASE)
_MOMENT: Final = re.compile(r"date|timestamp(\(\d+\))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and columns of it where they are named."""

    catalog: str
    schema: str
    name: str
    columns: tuple[str, ...] = ()

    @property
    def relation(self) -> str:
        """As the registry's catalog has it."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is about: of a column, its type as well. Nothing of it is known where it is of another kind."""

    catalog: str | None = None
    table: Table | None = None
    column_type: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody wants to do, as Trino tells it."""

    user: str
    operation: str
    resources: tuple[Resource, ...]


def read_action(document: object, *, several: bool = False) -> Action:
    """The action in Trino's ``input``. ``several``: it names resources to choose from. Raises SekishoError."""
    told = object_of(document, "input", ("context", "action"))
    context = required(told, "context", "context")
    identity = context.get("identity") if isinstance(context, dict) else None
    if not isinstance(identity, dict):
        invalid("context.identity must be an object")
    action = object_of(required(told, "action", "action"), "action", _ACTION, prefix="action.")
    name = "filterResources" if several else "resource"
    given = action.get(name, [] if several else None)
    found = given if several else ([] if given is None else [given])
    return Action(
        user=filled(identity.get("user"), "context.identity.user", MAX_NAME),
        operation=filled(required(action, "operation", "action.operation"), "action.operation", MAX_NAME),
        resources=list_of({"r": found}, "r", f"action.{name}", MOST_RESOURCES, _resource),
    )


def facts_for(operation: str, resource: Resource) -> StatementFacts:
    """What an operation touches; incomplete where it is not one that is understood."""
    table = resource.table
    if operation in _NAMES:
        return facts_of(KIND, StatementEffect.NONE, (), (), Confidence.DECLARED)
    if table is not None and operation == SELECT:
        return selecting(table, table.columns)
    if table is not None and operation in _WRITES:
        use = _WRITES[operation]
        columns = () if use is None else table.columns or (WHOLE,)  # an insert does not say which
        uses = [(table.relation, column, use) for column in columns if use is not None]
        return facts_of(KIND, StatementEffect.WRITE, (table.relation,), uses, Confidence.DECLARED)
    return StatementFacts(
        kind=KIND,
        effect=StatementEffect.NONE,
        complete=False,
        incomplete=RouteCode.OPERATION_REFUSED,
        detail=f"{SUMMARIES[RouteCode.OPERATION_REFUSED]}: {shown(operation)}",
        confidence=Confidence.DECLARED,
    )


def selecting(table: Table, columns: Sequence[str]) -> StatementFacts:
    """Some columns are shown, as far as anybody can tell: Trino does not say what else they are used for."""
    uses = [(table.relation, column, ColumnUseKind.OUTPUT) for column in columns]
    return facts_of(KIND, StatementEffect.READ, (table.relation,), uses, Confidence.DECLARED)


# --- obligations -----------------------------------------------------------------------------------------------------


def mask_sql(mask: Mask, column: str, column_type: str) -> str | None:
    """A masked column in Trino's SQL; None where the method cannot be told for that type. A NULL stays one."""
    name = quoted(column)
    if mask.method == "null":
        return "NULL"
    if mask.method == "constant" and _TEXT.fullmatch(column_type):
        return f"CASE WHEN {name} IS NULL THEN NULL ELSE '***' END"
    if mask.method == "domain" and _TEXT.fullmatch(column_type):
        domain = f"reverse(split_part(reverse({name}), '@', 1))"
        return f"CASE WHEN {name} IS NULL THEN NULL WHEN strpos({name}, '@') > 0 THEN {domain} ELSE '***' END"
    if mask.method == "year" and _MOMENT.fullmatch(column_type):
        return f"date_trunc('year', {name})"
    return None


METHODS: Final = frozenset({"null", "constant", "domain", "year"})
"""Masks that Trino's SQL can tell, of some types."""


def filter_sql(filtered: SubjectCountries) -> str:
    """Rows of people in these countries."""
    if not filtered.countries:
        return "false"
    countries = ", ".join(f"'{country}'" for country in filtered.countries)  # two letters each, by their type
    return f"{quoted(filtered.column)} IN ({countries})"


def told_elsewhere(whole: Sequence[Obligation], parts: Sequence[Sequence[Obligation]]) -> bool:
    """Whether each obligation of a whole question comes out of one of its parts as well: Trino asks for masks column
    by column, and for filters of the table, and does not say which question they are for."""
    known = [one for part in parts for one in part]
    return all(
        one in known and (not isinstance(one, Mask) or one.method in METHODS)
        for one in whole
        if isinstance(one, Mask | SubjectCountries)
    ) and all(isinstance(one, Mask | SubjectCountries) for one in whole)


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


# --- from the wire ---------------------------------------------------------------------------------------------------


def _resource(value: object, name: str) -> Resource:
    if not isinstance(value, dict) or len(value) != 1:
        invalid(f"{name} must be an object with one key")
    ((kind, about),) = value.items()
    if not isinstance(about, dict):
        return Resource()
    if kind == "catalog":
        return Resource(catalog=filled(about.get("name"), f"{name}.catalog.name", MAX_NAME))
    if kind == "schema":
        return Resource(catalog=filled(about.get("catalogName"), f"{name}.schema.catalogName", MAX_NAME))
    if kind not in ("table", "column"):
        return Resource()  # a user, a function, a property: what is done with it is not understood
    keys = ("catalogName", "schemaName", "tableName")
    catalog, schema, table = (filled(about.get(key), f"{name}.{kind}.{key}", MAX_NAME) for key in keys)
    column_type = ""
    if kind == "column":
        columns: tuple[str, ...] = (filled(about.get("columnName"), f"{name}.column.columnName", MAX_NAME),)
        column_type = str(about.get("columnType", ""))[:MAX_NAME]
    else:
        columns = list_of({"c": _or_empty(about.get("columns"))}, "c", f"{name}.table.columns", _MOST_COLUMNS, _name)
    return Resource(catalog, Table(catalog, schema, table, columns), column_type)


def _or_empty(value: Any) -> Any:
    return [] if value is None else value


def _name(value: object, name: str) -> str:
    return filled(value, name, MAX_NAME)
