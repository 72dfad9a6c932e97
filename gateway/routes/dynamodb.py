"""DynamoDB: the operation in `X-Amz-Target`, the rest in the body. Reads only; no PartiQL, none of the old conditions.

A table's columns are the top-level attributes of its items. Without a projection all of an item is shown: `*`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gateway.model import ColumnUseKind, StatementFacts
from gateway.routes.bodies import json_body, keys_of, shown
from gateway.routes.codes import RouteCode
from gateway.routes.found import Found
from gateway.routes.request import HttpRequest, Unread, only, parameters_of
from gateway.routes.table import Matched

KIND: Final = "items"
_VERSION: Final = "DynamoDB_20120810."
_TYPE: Final = re.compile(r"application/x-amz-json-1\.0", re.IGNORECASE)
_TABLE: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>#?[A-Za-z_][A-Za-z0-9_]*)|(?P<value>:[A-Za-z0-9_]+)|(?P<index>\[[0-9]+\])|(?P<sign><>|<=|>=|[=<>(),.]))\s*"
)
_WORDS: Final = frozenset({"and", "or", "not", "between", "in"})
_FUNCTIONS: Final = frozenset(
    {"attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "size"}
)
_NAMED: Final = frozenset({"ProjectionExpression", "ExpressionAttributeNames", "ConsistentRead"})
_COMMON: Final = _NAMED | {"TableName", "ReturnConsumedCapacity"}
_FILTERED: Final = _COMMON | {
    *("FilterExpression", "ExpressionAttributeValues", "IndexName", "Limit", "ExclusiveStartKey", "Select"),
}
_OPERATIONS: Final = {
    "GetItem": _COMMON | {"Key"},
    "Query": _FILTERED | {"KeyConditionExpression", "ScanIndexForward"},
    "Scan": _FILTERED | {"Segment", "TotalSegments"},
}


def read(matched: Matched, request: HttpRequest) -> StatementFacts:
    """What an operation touches. Raises Unread."""
    only(parameters_of(matched.query), frozenset())
    operation = request.headers.get("x-amz-target", "").removeprefix(_VERSION)
    body = json_body(request, _TYPE)
    found = Found()
    schema = matched.route.schema
    if operation == "BatchGetItem":
        batch = keys_of(body, operation, frozenset({"RequestItems", "ReturnConsumedCapacity"})).get("RequestItems")
        if not isinstance(batch, dict) or not batch:
            raise Unread(RouteCode.BODY_MALFORMED, "RequestItems")
        for table, asked in batch.items():
            reads = _Reads(found, f"{schema}.{_table(table)}", keys_of(asked, operation, _NAMED | {"Keys"}))
            for key in asked["Keys"] if isinstance(asked.get("Keys"), list) else [None]:
                reads.key(key)
            reads.shown()
        return found.facts(KIND)
    if operation not in _OPERATIONS:
        raise Unread(RouteCode.OPERATION_REFUSED, shown(operation))
    asked = keys_of(body, operation, frozenset(_OPERATIONS[operation]))
    reads = _Reads(found, f"{schema}.{_table(asked.get('TableName'))}", asked)
    if operation == "GetItem":
        reads.key(asked.get("Key"))
    for name in ("KeyConditionExpression", "FilterExpression"):
        if name in asked:
            reads.expression(asked[name], ColumnUseKind.PREDICATE)
    reads.shown()
    return found.facts(KIND)


class _Reads:
    """What one table is asked for."""

    def __init__(self, found: Found, relation: str, asked: dict[str, Any]) -> None:
        self._found = found
        self._relation = relation
        self._asked = asked
        found.relation(relation)
        names = asked.get("ExpressionAttributeNames", {})
        if not isinstance(names, dict) or not all(isinstance(name, str) and name for name in names.values()):
            raise Unread(RouteCode.BODY_MALFORMED, "ExpressionAttributeNames")
        self._names: dict[str, str] = names

    def key(self, key: Any) -> None:
        if not isinstance(key, dict) or not key:
            raise Unread(RouteCode.BODY_MALFORMED, "a key")
        for name in key:
            self._found.column(self._relation, name, ColumnUseKind.PREDICATE)

    def shown(self) -> None:
        """What comes back. A projection, or nothing but a count, or all of each item."""
        select = self._asked.get("Select")
        if "ProjectionExpression" in self._asked:
            if select not in (None, "SPECIFIC_ATTRIBUTES"):
                raise Unread(RouteCode.EXPRESSION_REFUSED, "Select beside a projection")
            self.expression(self._asked["ProjectionExpression"], ColumnUseKind.OUTPUT)
        elif select != "COUNT":
            self._found.whole(self._relation)

    def expression(self, text: Any, use: ColumnUseKind) -> None:
        """Every attribute in an expression."""
        if not isinstance(text, str) or not text.strip():
            raise Unread(RouteCode.BODY_MALFORMED, "an expression")
        place, below = 0, False  # below: after a dot, so within an attribute
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                raise Unread(RouteCode.EXPRESSION_REFUSED, "an expression has a character that is not known")
            place = token.end()
            name = token["name"]
            if name is not None and not below:
                self._word(name, use, called=text[place : place + 1] == "(")
            below = token["sign"] == "."

    def _word(self, name: str, use: ColumnUseKind, *, called: bool) -> None:
        if name.startswith("#"):
            if name not in self._names:
                raise Unread(RouteCode.EXPRESSION_REFUSED, "a name that ExpressionAttributeNames does not have")
            self._found.column(self._relation, self._names[name], use)
        elif called and name.lower() not in _WORDS:
            if name not in _FUNCTIONS or use is ColumnUseKind.OUTPUT:
                raise Unread(RouteCode.EXPRESSION_REFUSED, f"function {shown(name)}")
        elif name.lower() not in _WORDS or use is ColumnUseKind.OUTPUT:
            self._found.column(self._relation, name, use)


def _table(name: Any) -> str:
    if not isinstance(name, str) or not _TABLE.fullmatch(name):  # an ARN would be another account's
        raise Unread(RouteCode.NAME_REFUSED, "TableName")
    return name
