"""The query language of OpenSearch and Elasticsearch: which fields a query compares. What is not listed is refused:
scripts, query strings (a language of their own), lookups in other indices, joins, percolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.routes.bodies import keys_of, shown
from gateway.routes.codes import RouteCode
from gateway.routes.request import Unread

_LONGEST: Final = 512
_BOOST: Final = frozenset({"boost", "_name"})
# `{kind: {field: value or {…}}}`, with the settings that may stand in the latter.
_OF_A_FIELD: Final = {
    "term": frozenset({"value", "boost", "_name", "case_insensitive"}),
    "match": frozenset(
        {
            "query",
            "operator",
            "minimum_should_match",
            "fuzziness",
            "prefix_length",
            "lenient",
            "zero_terms_query",
            "boost",
        }
    ),
    "match_phrase": frozenset({"query", "slop", "zero_terms_query", "boost"}),
    "match_phrase_prefix": frozenset({"query", "slop", "max_expansions", "zero_terms_query", "boost"}),
    "match_bool_prefix": frozenset({"query", "operator", "minimum_should_match", "boost"}),
    "prefix": frozenset({"value", "boost", "case_insensitive"}),
    "wildcard": frozenset({"value", "wildcard", "boost", "case_insensitive"}),
    "fuzzy": frozenset({"value", "fuzziness", "max_expansions", "prefix_length", "transpositions", "boost"}),
    "range": frozenset({"gt", "gte", "lt", "lte", "format", "time_zone", "relation", "boost"}),
}
_ANALYSERS: Final = frozenset({"analyzer"})  # a name of the index's own: it changes words, not fields
_CLAUSES: Final = ("must", "filter", "should", "must_not")


def read_query(query: Any, compared: Callable[[str], None]) -> None:
    """Every field of a query, told to ``compared``. Raises Unread."""
    if not isinstance(query, dict) or len(query) != 1:
        raise expression("a query of one kind is expected")
    ((kind, body),) = query.items()
    if kind in _OF_A_FIELD:
        _of_a_field(kind, body, compared)
        return
    reader = _READERS.get(kind)
    if reader is None:
        raise expression(f"query {shown(kind)}")
    reader(body, compared)


def name_of(value: Any) -> str:
    """The name of a field. Raises Unread."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise Unread(RouteCode.NAME_REFUSED, "a field is not named by a plain text")
    return value


def fields_of(value: Any, what: str) -> list[str]:
    """Fields of a list, each a name or `{"field": name, "format": …}`. Raises Unread."""
    if not isinstance(value, list):
        raise Unread(RouteCode.BODY_MALFORMED, f"{what} must be a list")
    return [
        name_of(keys_of(one, what, frozenset({"field", "format"})).get("field") if isinstance(one, dict) else one)
        for one in value
    ]


def expression(what: str) -> Unread:
    """It is not on the allow-list."""
    return Unread(RouteCode.EXPRESSION_REFUSED, what)


def _of_a_field(kind: str, body: Any, compared: Callable[[str], None]) -> None:
    if not isinstance(body, dict) or len(body) != 1:
        raise expression(f"{kind} of one field is expected")
    ((field, how),) = body.items()
    if isinstance(how, dict):
        keys_of(how, kind, _OF_A_FIELD[kind] | _ANALYSERS)
    elif isinstance(how, list) or kind == "range":
        raise expression(kind)
    compared(name_of(field))


def _terms(body: Any, compared: Callable[[str], None]) -> None:
    if not isinstance(body, dict):
        raise expression("terms")
    fields = [key for key in body if key not in _BOOST]
    # An object in place of the list is a lookup: values come from a document of another index.
    if len(fields) != 1 or not isinstance(body[fields[0]], list):
        raise expression("terms with a list of values is expected")
    compared(name_of(fields[0]))


def _multi_match(body: Any, compared: Callable[[str], None]) -> None:
    known = frozenset(
        {"query", "fields", "type", "operator", "minimum_should_match", "fuzziness", "tie_breaker", "boost"}
    )
    fields = keys_of(body, "multi_match", known).get("fields")
    if not isinstance(fields, list) or not fields:  # without them: all fields of the index
        raise expression("multi_match without fields")
    for field in fields:
        compared(name_of(name_of(field).partition("^")[0]))


def _exists(body: Any, compared: Callable[[str], None]) -> None:
    compared(name_of(keys_of(body, "exists", frozenset({"field", "boost"})).get("field")))


def _ids(body: Any, compared: Callable[[str], None]) -> None:
    keys_of(body, "ids", frozenset({"values", "boost"}))
    compared("_id")


def _match_all(body: Any, compared: Callable[[str], None]) -> None:
    keys_of(body, "match_all", _BOOST)


def _bool(body: Any, compared: Callable[[str], None]) -> None:
    clauses = keys_of(body, "bool", frozenset({*_CLAUSES, "minimum_should_match", *_BOOST}))
    for name in _CLAUSES:
        found = clauses.get(name, [])
        for query in found if isinstance(found, list) else [found]:
            read_query(query, compared)


def _constant_score(body: Any, compared: Callable[[str], None]) -> None:
    read_query(keys_of(body, "constant_score", frozenset({"filter", "boost"})).get("filter"), compared)


def _dis_max(body: Any, compared: Callable[[str], None]) -> None:
    queries = keys_of(body, "dis_max", frozenset({"queries", "tie_breaker", "boost"})).get("queries")
    if not isinstance(queries, list):
        raise expression("dis_max")
    for query in queries:
        read_query(query, compared)


def _nested(body: Any, compared: Callable[[str], None]) -> None:
    nested = keys_of(body, "nested", frozenset({"path", "query", "score_mode", "ignore_unmapped"}))
    name_of(nested.get("path"))  # fields below it are named by their full path
    read_query(nested.get("query"), compared)


_READERS: Final[dict[str, Callable[[Any, Callable[[str], None]], None]]] = {
    "bool": _bool,
    "constant_score": _constant_score,
    "dis_max": _dis_max,
    "exists": _exists,
    "ids": _ids,
    "match_all": _match_all,
    "match_none": _match_all,
    "multi_match": _multi_match,
    "nested": _nested,
    "terms": _terms,
}
