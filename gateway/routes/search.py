"""OpenSearch and Elasticsearch: `/{index}/_search` and `/{index}/_count`, deny by default.

A document of an index has as columns its fields, by their full path. Whatever a request shows (`_source`, `fields`,
`docvalue_fields`, values of aggregations, of sorting) is output; whatever it compares is a predicate, which leaks as
output does. Without `_source` all of a document is shown: the column `*`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.model import ColumnUseKind, StatementFacts
from gateway.routes.bodies import json_body, keys_of, shown
from gateway.routes.codes import RouteCode
from gateway.routes.found import Found
from gateway.routes.request import HttpRequest, Unread, only, parameters_of
from gateway.routes.search_query import expression, fields_of, name_of, read_query
from gateway.routes.table import Matched

KIND: Final = "search"
_INDEX: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")  # no wildcard, no date math, no alias of all, no hidden index
_PARAMETERS: Final = frozenset(
    {"_source", "_source_includes", "from", "pretty", "size", "sort", "timeout", "track_total_hits"}
)
_BODY: Final = frozenset(
    {
        *("_source", "fields", "docvalue_fields", "query", "post_filter", "aggs", "aggregations", "sort", "collapse"),
        *("size", "from", "timeout", "track_total_hits", "track_scores", "min_score", "search_after", "version"),
        *("seq_no_primary_term", "terminate_after"),
    }
)
_COUNT_BODY: Final = frozenset({"query"})
_NOT_COLUMNS: Final = frozenset({"_score", "_doc", "_shard_doc"})
_MOST_INDICES: Final = 16

# Aggregations over one field, with the settings beside it; `script` is in none.
_OVER_A_FIELD: Final = {
    **dict.fromkeys(("avg", "sum", "min", "max", "stats", "value_count"), frozenset({"field", "missing"})),
    "cardinality": frozenset({"field", "missing", "precision_threshold"}),
    "percentiles": frozenset({"field", "missing", "percents", "keyed"}),
    "terms": frozenset({"field", "missing", "size", "shard_size", "order", "min_doc_count"}),
    "histogram": frozenset({"field", "missing", "interval", "offset", "min_doc_count", "keyed"}),
    "date_histogram": frozenset(
        {
            "field",
            "missing",
            "calendar_interval",
            "fixed_interval",
            "offset",
            "format",
            "time_zone",
            "min_doc_count",
            "keyed",
        }
    ),
    "range": frozenset({"field", "missing", "ranges", "keyed"}),
    "date_range": frozenset({"field", "missing", "ranges", "keyed", "format", "time_zone"}),
    "missing": frozenset({"field"}),
}
_SUB: Final = frozenset({"aggs", "aggregations"})


def read(matched: Matched, request: HttpRequest) -> StatementFacts:
    """What a search touches. Raises Unread."""
    operation = matched.route.segments[-1]
    found = Found()
    relations = [f"{matched.route.schema}.{index}" for index in _indices(matched.path["index"])]
    for relation in relations:
        found.relation(relation)
    columns = _Columns(found, relations)
    parameters = parameters_of(matched.query)
    if operation == "_count":
        only(parameters, frozenset({"pretty"}))
        body = keys_of(json_body(request), "the body", _COUNT_BODY)
        read_query(body.get("query", {"match_all": {}}), columns.compared)
        return found.facts(KIND)
    if operation != "_search":
        raise Unread(RouteCode.OPERATION_REFUSED, shown(operation))
    only(parameters, _PARAMETERS)
    body = keys_of(json_body(request), "the body", _BODY)
    _sources(body, parameters, columns)
    for key in ("query", "post_filter"):
        if key in body:
            read_query(body[key], columns.compared)
    for field in fields_of(body.get("fields", []), "fields") + fields_of(
        body.get("docvalue_fields", []), "docvalue_fields"
    ):
        columns.shown(field)
    for key in _SUB & body.keys():
        _aggregations(body[key], columns)
    _sorts(body.get("sort", []), columns)
    for sort in filter(None, parameters.get("sort", "").split(",")):
        columns.sorted_by(name_of(sort.partition(":")[0]))
    if "collapse" in body:
        columns.shown(name_of(keys_of(body["collapse"], "collapse", frozenset({"field"})).get("field")))
    return found.facts(KIND)


class _Columns:
    """Uses of fields in all indices of one search."""

    def __init__(self, found: Found, relations: list[str]) -> None:
        self._found = found
        self._relations = relations

    def _use(self, field: str, use: ColumnUseKind) -> None:
        for relation in self._relations:
            self._found.column(relation, field, use)

    def compared(self, field: str) -> None:
        self._use(field, ColumnUseKind.PREDICATE)

    def shown(self, field: str) -> None:
        self._use(field, ColumnUseKind.OUTPUT)

    def sorted_by(self, field: str) -> None:
        """Every hit shows the values it was sorted by."""
        if field not in _NOT_COLUMNS:
            self._use(field, ColumnUseKind.OUTPUT)

    def whole(self) -> None:
        for relation in self._relations:
            self._found.whole(relation)


def _indices(text: str) -> list[str]:
    names = text.split(",")
    if len(names) > _MOST_INDICES or not all(_INDEX.fullmatch(name) for name in names):
        raise Unread(RouteCode.NAME_REFUSED, "name indices one by one, without wildcards")
    return names


def _sources(body: dict[str, Any], parameters: dict[str, str], columns: _Columns) -> None:
    """Which parts of the documents are shown: a part is a field, and what is below it."""
    asked: Any = body.get("_source", True)
    if "_source" in parameters and "_source_includes" in parameters:
        raise Unread(RouteCode.PARAMETER_TWICE, "_source and _source_includes")
    for key in ("_source", "_source_includes"):
        if key in parameters:
            if "_source" in body:
                raise Unread(RouteCode.PARAMETER_TWICE, "_source in the query and in the body")
            asked = {"true": True, "false": False}.get(parameters[key], parameters[key].split(","))
    if body.get("size") == 0 and not isinstance(body.get("size"), bool) and "size" not in parameters:
        asked = False  # no document is shown: counts and aggregations only
    if asked is False:
        return
    if isinstance(asked, dict):
        # What is left out is not looked at: what is shown is less, not more.
        asked = keys_of(asked, "_source", frozenset({"includes", "excludes"})).get("includes", True)
    if asked is True or asked == []:
        columns.whole()
        return
    for field in [asked] if isinstance(asked, str) else asked if isinstance(asked, list) else [None]:
        columns.shown(name_of(field))


def _sorts(value: Any, columns: _Columns) -> None:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            columns.sorted_by(name_of(one))
        elif isinstance(one, dict) and len(one) == 1:
            ((field, how),) = one.items()
            if isinstance(how, dict):
                keys_of(how, "sort", frozenset({"order", "missing", "unmapped_type", "mode", "format"}))
            elif not isinstance(how, str):
                raise expression("sort")
            if field.startswith("_") and field not in _NOT_COLUMNS:
                raise expression(f"sort by {shown(field)}")
            columns.sorted_by(name_of(field))
        else:
            raise expression("sort")


def _aggregations(value: Any, columns: _Columns) -> None:
    if not isinstance(value, dict):
        raise expression("aggregations")
    for body in value.values():
        if not isinstance(body, dict):
            raise expression("aggregations")
        kinds = body.keys() - _SUB
        if len(kinds) != 1:
            raise expression("an aggregation of one kind is expected")
        (kind,) = kinds
        _aggregation(kind, body[kind], columns)
        for key in _SUB & body.keys():
            _aggregations(body[key], columns)


def _aggregation(kind: str, body: Any, columns: _Columns) -> None:
    if kind in _OVER_A_FIELD:
        columns.shown(name_of(keys_of(body, kind, _OVER_A_FIELD[kind]).get("field")))
    elif kind == "filter":
        read_query(body, columns.compared)
    elif kind == "nested":
        name_of(keys_of(body, kind, frozenset({"path"})).get("path"))
    else:
        raise expression(f"aggregation {shown(kind)}")
