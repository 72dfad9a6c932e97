"""PostgREST: `GET /{relation}?select=phone&id=eq.3`. What is selected is output; filters and order are uses, too.

A relation that is embedded (`select=id,orders(total)`) is joined by the database's own foreign keys, at times through a
third one that the request does not name: so only relations that the route lists may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.model import ColumnUseKind, StatementFacts
from gateway.routes.bodies import no_body, shown
from gateway.routes.codes import RouteCode
from gateway.routes.found import WHOLE, Found
from gateway.routes.request import HttpRequest, Unread, parameters_of
from gateway.routes.table import Matched

KIND: Final = "rest"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:->>?[A-Za-z0-9_]+)*")  # of a JSON column, into it
_CAST: Final = frozenset(
    {"text", "int", "integer", "bigint", "numeric", "date", "timestamp", "timestamptz", "boolean", "json"}
)
_AGGREGATES: Final = frozenset({"avg", "count", "max", "min", "sum"})
_OPERATORS: Final = frozenset(
    "eq gt gte lt lte neq like ilike match imatch in is isdistinct fts plfts phfts wfts cs cd ov sl sr nxr nxl "
    "adj".split()
)
_PLAIN: Final = frozenset({"limit", "offset"})
_LOGIC: Final = re.compile(r"(?:not\.)?(?:and|or)")
_MOST: Final = 200  # items of one list


def read(matched: Matched, request: HttpRequest) -> StatementFacts:
    """What a request touches. Raises Unread."""
    if request.method not in ("GET", "HEAD"):
        raise Unread(RouteCode.OPERATION_REFUSED, f"{request.method}: only GET and HEAD are read")
    no_body(request)
    route = matched.route
    for header in ("accept-profile", "content-profile"):
        if request.headers.get(header, route.schema) != route.schema:
            raise Unread(RouteCode.HEADER_REFUSED, header)
    if "vnd.pgrst.plan" in request.headers.get("accept", ""):
        raise Unread(RouteCode.HEADER_REFUSED, "accept: a plan")
    parameters = parameters_of(matched.query)
    tree = _Embedded(Found(), route.schema, route.embeds, _plain(matched.path["relation"]))
    tree.select(parameters.pop("select", "*"))
    for key, value in parameters.items():
        tree.parameter(key, value)
    return tree.found.facts(KIND)


class _Embedded:
    """One relation of a request, and those embedded in it, by the name they have there."""

    def __init__(self, found: Found, schema: str, may_embed: frozenset[str], name: str) -> None:
        self.found = found
        self._schema = schema
        self._may_embed = may_embed
        self._relation = f"{schema}.{name}"
        self._inner: dict[str, _Embedded] = {}
        found.relation(self._relation)

    def select(self, text: str) -> None:
        for item in _items(text):
            self._selected(item)

    def _selected(self, item: str) -> None:
        if item.endswith(")") and not item.endswith("()"):
            name, _, inner = item[:-1].partition("(")
            self._embed(name, inner)
            return
        alias, colon, rest = item.partition(":")
        if colon and not rest.startswith(":"):  # `alias:column`, not `column::type`
            _plain(alias)
        else:
            rest = item
        column, _, cast = rest.partition("::")
        if cast and cast not in _CAST:
            raise Unread(RouteCode.EXPRESSION_REFUSED, f"a cast to {shown(cast)}")
        if column.endswith("()"):
            column, dot, aggregate = column[:-2].rpartition(".")
            if aggregate not in _AGGREGATES:
                raise Unread(RouteCode.EXPRESSION_REFUSED, f"{shown(aggregate)}()")
            if not dot and aggregate == "count":
                return
        if column == WHOLE:
            self.found.whole(self._relation)
        else:
            self._use(column.partition("::")[0], ColumnUseKind.OUTPUT)

    def _embed(self, name: str, inner: str) -> None:
        alias, colon, target = name.removeprefix("...").partition(":")
        target = target if colon else alias
        target, *hints = target.split("!")
        for hint in hints:
            _plain(hint)
        if _plain(target) not in self._may_embed:
            raise Unread(RouteCode.OPERATION_REFUSED, f"the route lets nobody embed {shown(target)}")
        if _plain(alias.partition("!")[0]) in self._inner:
            raise Unread(RouteCode.EXPRESSION_REFUSED, f"{shown(alias)} is embedded twice")
        below = _Embedded(self.found, self._schema, self._may_embed, target)
        self._inner[alias.partition("!")[0]] = below
        below.select(inner or "*")

    def parameter(self, key: str, value: str) -> None:
        """A filter, an order or a limit: of this relation, or of an embedded one whose name comes before a dot."""
        if _LOGIC.fullmatch(key):
            self._logic(value)
            return
        first, dot, rest = key.partition(".")
        if dot and first in self._inner:
            self._inner[first].parameter(rest, value)
        elif dot:
            raise Unread(RouteCode.PARAMETER_UNKNOWN, key)
        elif key == "order":
            for item in _items(value):
                column, _, how = item.partition(".")
                if not set(how.split(".")) <= {"", "asc", "desc", "nullsfirst", "nullslast"}:
                    raise Unread(RouteCode.EXPRESSION_REFUSED, "order")
                self._use(column, ColumnUseKind.ARRANGE)
        elif key in _PLAIN:
            if not value.isdecimal():
                raise Unread(RouteCode.PARAMETER_MALFORMED, key)
        else:
            self._filter(key, value)

    def _filter(self, column: str, value: str) -> None:
        operator = value.removeprefix("not.").partition(".")[0].partition("(")[0]
        if operator not in _OPERATORS:
            raise Unread(RouteCode.PARAMETER_UNKNOWN, column)
        self._use(column, ColumnUseKind.PREDICATE)

    def _logic(self, text: str) -> None:
        """`(age.gt.14,or(name.eq.x,not.and(…)))`"""
        if not (text.startswith("(") and text.endswith(")")):
            raise Unread(RouteCode.EXPRESSION_REFUSED, "and, or: parentheses are expected")
        for item in _items(text[1:-1]):
            head, parenthesis, rest = item.partition("(")
            if parenthesis and _LOGIC.fullmatch(head):
                self._logic(f"({rest}")
                continue
            column, _, value = item.partition(".")
            self._filter(column, value)

    def _use(self, column: str, use: ColumnUseKind) -> None:
        found = _PATH.fullmatch(column)
        if found is None:
            raise Unread(RouteCode.NAME_REFUSED, f"column {shown(column)}")
        self.found.column(self._relation, found[1], use)


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Unread(RouteCode.NAME_REFUSED, shown(name))
    return name


def _items(text: str) -> Iterator[str]:
    """What commas outside of parentheses part. Quotes could hide a comma or a parenthesis: they are refused there."""
    if not text or '"' in text or "\\" in text:
        raise Unread(RouteCode.EXPRESSION_REFUSED, "a list is empty, or has quotes")
    depth, start, count = 0, 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or depth > 10 or count > _MOST:
            raise Unread(RouteCode.EXPRESSION_REFUSED, "parentheses, or too many items")
        if letter == "," and depth == 0:
            yield _item(text[start:place])
            start, count = place + 1, count + 1
    if depth:
        raise Unread(RouteCode.EXPRESSION_REFUSED, "parentheses")
    yield _item(text[start:])


def _item(text: str) -> str:
    if not text or text != text.strip():
        raise Unread(RouteCode.EXPRESSION_REFUSED, "an empty item")
    return text
