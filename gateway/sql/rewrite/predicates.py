"""The registry's row filters: SQL expressions over one relation, let through node by node.

A filter may compare columns of its relation with constants, combine such comparisons, and ask whether a row EXISTS in a
named table (consent). It stands in the sub-select's WHERE, where the relation is called by the nonce: references that
name the relation are renamed. What its functions and operators are is judged with the server's tree like all others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from gateway.model import RowConsent
from gateway.sql import gate
from gateway.sql.catalog import Relation
from gateway.sql.rewrite.places import Cut, name_end, name_parts, spliced, without_places
from gateway.sql.rewrite.quoting import identifier, literal
from gateway.sql.rewrite.refused import RewriteRefused

_EXPRESSIONS: Final = frozenset(
    {"A_Expr", "BoolExpr", "NullTest", "BooleanTest", "ColumnRef", "A_Const", "TypeCast", "TypeName", "List", "String"}
    | {"Integer", "Float", "Boolean", "FuncCall", "CoalesceExpr", "CaseExpr", "CaseWhen", "A_ArrayExpr", "SubLink"}
    | {"SQLValueFunction"}
)
_SELECT_FIELDS: Final = frozenset({"targetList", "fromClause", "whereClause", "limitOption", "op"})
_ANY: Final = Relation("any", "any", "r", False, MappingProxyType({}))
_CONSENT: Final = "sekisho_consent"  # what the table of consents goes by in a filter
_CALL_FIELDS: Final = frozenset({"funcname", "args", "funcformat", "location"})


def filter_text(name: str, text: str | None, relation: Relation, nonce: str) -> str:
    """The predicate as it stands in the sub-select. Raises RewriteRefused: then nobody reads the relation."""
    if text is None:
        raise RewriteRefused(f"the registry has no row filter called {name}")
    where = f"the row filter {name}"
    bare, quoted = _where(f"SELECT FROM t WHERE {text}", where), _where(f"SELECT FROM t WHERE ({text}\n)", where)
    if without_places(bare) != without_places(quoted):
        raise RewriteRefused(f"{where} is no single expression")
    prefix = len("SELECT FROM t WHERE ")
    cuts: list[Cut] = []
    _check(bare, where, relation, nonce, text.encode(), prefix, cuts)
    return spliced(text.encode(), cuts).decode()


def of_countries(column: str, countries: Sequence[str]) -> str:
    """The filter of rows whose column names one of these countries, exactly. No country, NULL or another word: no row.

    Operator and types are named with their schema: the session's search_path has no say in what is compared.
    """
    listed = ", ".join(literal(country, "text") for country in countries)
    return f"{identifier(column)}::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[{listed}]::pg_catalog.text[])"


def at_relation(name: str, relation: str) -> str:
    """What a filter is called that reads differently at each relation."""
    return f"{name} at {relation}"


def of_consent(one: RowConsent) -> str:
    """The filter of rows whose person consented, by the table where that is recorded; of nobody else in that country.

    Operators and types are named with their schema: the session's search_path has no say in what is compared.
    """
    relation, consent = identifier(one.relation.partition(".")[2]), identifier(_CONSENT)
    schema, _, table = one.table.partition(".")
    parts = [f"{consent}.{identifier(one.table_key)} OPERATOR(pg_catalog.=) {relation}.{identifier(one.key)}"]
    for column, word in one.equal:
        parts.append(f"{consent}.{identifier(column)}::pg_catalog.text OPERATOR(pg_catalog.=) {literal(word, 'text')}")
    if one.given is not None:
        parts.append(f"{consent}.{identifier(one.given)} IS TRUE")
    if one.withdrawn is not None:
        parts.append(f"{consent}.{identifier(one.withdrawn)} IS NULL")
    if one.expires is not None:
        column = f"{consent}.{identifier(one.expires)}"
        parts.append(f"({column} IS NULL OR {column}::pg_catalog.timestamptz OPERATOR(pg_catalog.>) CURRENT_TIMESTAMP)")
    named = f"{identifier(schema)}.{identifier(table)} AS {consent}"
    exists = f"EXISTS (SELECT FROM {named} WHERE {' AND '.join(parts)})"
    if one.country_column is None or not one.elsewhere:
        return exists
    return f"{of_countries(one.country_column, one.elsewhere)} OR {exists}"


def filter_problem(name: str, text: str) -> str | None:
    """Why no row filter can read so, whatever relation it is asked for; None where one may."""
    try:
        filter_text(name, text, _ANY, "sekisho_any")
    except RewriteRefused as refused:
        return refused.why
    return None


def _where(text: str, where: str) -> Any:
    try:
        statement = gate.syntax(text)
    except gate.Refused as refused:
        raise RewriteRefused(f"{where} does not parse") from refused
    select = statement.get("SelectStmt")
    if not isinstance(select, dict) or "whereClause" not in select or set(select) - _SELECT_FIELDS:
        raise RewriteRefused(f"{where} is no single expression")
    if select.get("op") != "SETOP_NONE" or select.get("targetList") or len(select["fromClause"]) != 1:
        raise RewriteRefused(f"{where} is no single expression")
    return select["whereClause"]


def _check(node: Any, where: str, relation: Relation, nonce: str, source: bytes, prefix: int, cuts: list[Cut]) -> None:
    """An expression, and the places in it that name the relation."""
    if isinstance(node, list):
        for item in node:
            _check(item, where, relation, nonce, source, prefix, cuts)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key[:1].isupper() and isinstance(value, dict):
            if key not in _EXPRESSIONS:
                raise RewriteRefused(f"{where} holds {key}, which no row filter may")
            if key == "ColumnRef":
                _reference(value, where, relation, nonce, source, prefix, cuts)
                continue
            if key == "FuncCall" and (set(value) - _CALL_FIELDS or len(value.get("funcname", ())) != 2):
                raise RewriteRefused(f"{where} calls a function that is not plainly named with its schema")
            if key == "SubLink":
                value = _exists(value, where, relation)
        _check(value, where, relation, nonce, source, prefix, cuts)


def _exists(link: Mapping[str, Any], where: str, relation: Relation) -> Any:
    """EXISTS over one table, named with its schema: its condition."""
    select = link.get("subselect", {}).get("SelectStmt", {})
    tables = select.get("fromClause", [])
    if (
        link.get("subLinkType") != "EXISTS_SUBLINK"
        or set(select) - _SELECT_FIELDS
        or select.get("op") != "SETOP_NONE"
        or len(tables) != 1
        or not tables[0].get("RangeVar", {}).get("schemaname")
    ):
        raise RewriteRefused(f"{where} may only ask EXISTS of one table that is named with its schema")
    table = tables[0]["RangeVar"]
    if relation.name in (table.get("relname"), table.get("alias", {}).get("aliasname")):
        raise RewriteRefused(f"{where} calls another table by its relation's name")
    targets = [target.get("ResTarget", {}).get("val", {}) for target in select.get("targetList", ())]
    if any(set(value) - {"A_Const"} for value in targets):
        raise RewriteRefused(f"{where} may only select a constant in EXISTS")
    return select.get("whereClause")


def _reference(
    column: Mapping[str, Any], where: str, relation: Relation, nonce: str, source: bytes, prefix: int, cuts: list[Cut]
) -> None:
    names = name_parts(column)
    if names is None:
        raise RewriteRefused(f"{where} names more than a column")
    if len(names) == 2 and names[0] == relation.name:
        start = int(column.get("location", -1)) - prefix
        end = name_end(source, start, names[:1])
        if end is None:
            raise RewriteRefused(f"{where} names its relation in a way that cannot be read")
        cuts.append(Cut(start, end, identifier(nonce).encode()))
    elif len(names) > 2:
        raise RewriteRefused(f"{where} names a column with a schema")
