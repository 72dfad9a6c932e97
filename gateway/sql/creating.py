"""CREATE TABLE AS, CREATE MATERIALIZED VIEW, SELECT INTO: judged as the query inside, and a write to what is made.

The server prints no tree of the query inside, so it is asked about by itself: a part of the text, or the text with the
INTO clause blanked out; proved by parsing, as in `inner`. What is made is a relation like any other: labelled where the
registry's catalog lists it, ahead of its making, and else unlabelled. A name without a schema is the name of nothing
that the catalog could list. Temporary relations would lie where no twin can see what a later statement means by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.model import StatementEffect, StatementFacts
from gateway.sql.catalog import Catalog
from gateway.sql.inner import inner_start, same_tree

TABLE_AS: Final = "create_table_as"
VIEW_AS: Final = "create_materialized_view"
SELECT_INTO: Final = "select_into"
KINDS: Final = frozenset({TABLE_AS, VIEW_AS, SELECT_INTO})

_TEMPORARY: Final = "temporary relations are not let through: what later statements mean by one cannot be seen"
_NAME: Final = r'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)'
_INTO: Final = re.compile(rf"\bINTO\s+(?:UNLOGGED\s+)?(?:TABLE\s+)?{_NAME}(?:\s*\.\s*{_NAME})*", re.IGNORECASE)
_WITH_DATA: Final = re.compile(r"\bWITH\s+(?:NO\s+)?DATA\s*$", re.IGNORECASE)
_MAX_TRIES: Final = 32

Parse = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Creation:
    """What is made, and where the query is that fills it: a part of the text, or a text made of it."""

    kind: str
    relation: str
    begin: int = 0
    end: int | None = None
    asked: str = ""


def read_creation(text: str, name: str, body: Mapping[str, Any], parse: Parse) -> Creation | str:
    """What this statement makes of what, or what of it is not let through. ``parse`` gives [] for what fails."""
    into = body.get("into") if name == "CreateTableAsStmt" else _into(body)
    if not isinstance(into, Mapping):
        return "SELECT INTO whose relation could not be told apart is not let through"
    relation = into.get("rel", {})
    schema, own = str(relation.get("schemaname", "")), str(relation.get("relname", ""))
    if relation.get("relpersistence") == "t" or schema.lower().startswith("pg_temp"):
        return _TEMPORARY
    problem = _problem(relation, into)
    if problem:
        return f"{problem} is not let through"
    full_name = f"{schema}.{own}" if schema else own
    if name != "CreateTableAsStmt":
        return _select_into(text, full_name, body, parse)
    query = body.get("query")
    if not isinstance(query, Mapping) or "SelectStmt" not in query:
        return "CREATE TABLE AS EXECUTE is not let through"
    kind = VIEW_AS if body.get("objtype") == "OBJECT_MATVIEW" else TABLE_AS
    end = _WITH_DATA.search(text)
    head = text[: end.start()] if end is not None else text
    begin = inner_start(head, query, parse)
    if begin is None:
        return "CREATE … AS whose query could not be told apart is not let through"
    return Creation(kind, full_name, begin, len(head))


def created(facts: StatementFacts, relation: str) -> StatementFacts:
    """The facts of a query, with the relation that is made of its rows."""
    relations = tuple(sorted({*facts.relations, relation}))
    return replace(facts, effect=StatementEffect.WRITE, relations=relations)


def creation_problem(catalog: Catalog) -> str:
    """What runs whenever a relation is made, and nobody can see into; empty where there is nothing of that kind."""
    return f"making a relation runs the event trigger {catalog.event_triggers[0]}" if catalog.event_triggers else ""


def _problem(relation: Mapping[str, Any], into: Mapping[str, Any]) -> str:
    """What of the clause is not let through, in SQL's words."""
    if relation.get("catalogname"):
        return "making a relation of another database"
    if "." in str(relation.get("schemaname", "")) + str(relation.get("relname", "")):
        return "a relation's name with a dot in it"  # "a.b" would be read as b of schema a, and bear its labels
    if into.get("accessMethod"):
        return "USING, which names code of its own,"
    if into.get("tableSpaceName"):
        return "TABLESPACE"
    if into.get("options"):
        return "WITH (…)"
    return "" if into.get("onCommit", "ONCOMMIT_NOOP") == "ONCOMMIT_NOOP" else "ON COMMIT"


def _into(select: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The INTO clause of the first of the queries that UNION and its like join; elsewhere the server has none."""
    while isinstance(select.get("larg"), Mapping):
        select = select["larg"]
    found = select.get("intoClause")
    return found if isinstance(found, Mapping) else None


def _without_into(select: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in select.items() if key != "intoClause"}
    if isinstance(rest.get("larg"), Mapping):
        rest["larg"] = _without_into(rest["larg"])
    return rest


def _select_into(text: str, relation: str, body: Mapping[str, Any], parse: Parse) -> Creation | str:
    wanted = {"SelectStmt": _without_into(body)}
    for blanked in _blanked(text):
        if same_tree(blanked, wanted, parse):
            return Creation(SELECT_INTO, relation, asked=blanked)
    return "SELECT INTO whose query could not be told apart is not let through"


def _blanked(text: str) -> Iterator[str]:
    """The text with what may be its INTO clause blanked out, one place after the other."""
    for tries, found in enumerate(_INTO.finditer(text)):
        if tries >= _MAX_TRIES:
            return
        yield text[: found.start()] + " " * len(found[0]) + text[found.end() :]
