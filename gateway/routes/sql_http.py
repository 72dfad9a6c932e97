"""How ClickHouse and Trino are sent SQL over HTTP."""

from __future__ import annotations

import re
from typing import Final

from gateway.model import StatementFacts
from gateway.routes.bodies import text_body
from gateway.routes.codes import RouteCode
from gateway.routes.request import HttpRequest, Unread, only, parameters_of
from gateway.routes.sqltext import CLICKHOUSE, TRINO, read_sql
from gateway.routes.table import Matched

KIND: Final = "select"
# Any other parameter of ClickHouse is a setting, and settings change what statements do.
_CLICKHOUSE: Final = frozenset({"query", "query_id", "database", "default_format"})
_FORMAT: Final = re.compile(r"\s+FORMAT\s+[A-Za-z]+\s*;?\s*\Z", re.IGNORECASE)
# Who is behind the request and how it is called: no part of what it does.
_TRINO_HEADERS: Final = frozenset(
    "x-trino-user x-trino-source x-trino-client-info x-trino-client-tags x-trino-client-capabilities x-trino-language "
    "x-trino-time-zone x-trino-trace-token x-trino-transaction-id".split()
)


def read_clickhouse(matched: Matched, request: HttpRequest) -> StatementFacts:
    """One SELECT, in the body or as `query`; never both, which ClickHouse would join. Raises Unread."""
    schema = matched.route.schema
    parameters = parameters_of(matched.query)
    only(parameters, _CLICKHOUSE)
    headers = {"x-clickhouse-database": schema}
    _headers(request, "x-clickhouse-", frozenset({"x-clickhouse-format"}), headers)
    if parameters.get("database", schema) != schema:
        raise Unread(RouteCode.NAME_REFUSED, "database")
    text, body = parameters.get("query", ""), text_body(request)
    if text and body:
        raise Unread(RouteCode.BODY_UNEXPECTED, "the statement is in `query`")
    return read_sql(_FORMAT.sub("", text or body), CLICKHOUSE, schema).facts(KIND)


def read_trino(matched: Matched, request: HttpRequest) -> StatementFacts:
    """One SELECT in the body. Raises Unread."""
    only(parameters_of(matched.query), frozenset())
    catalog, _, schema = matched.route.schema.partition(".")
    for prefix in ("x-trino-", "x-presto-"):
        _headers(request, prefix, _TRINO_HEADERS, {"x-trino-catalog": catalog, "x-trino-schema": schema})
    return read_sql(text_body(request), TRINO, matched.route.schema).facts(KIND)


def _headers(request: HttpRequest, prefix: str, plain: frozenset[str], fixed: dict[str, str]) -> None:
    """Raises Unread for a header of the database's own that is neither plain nor what the route says."""
    for name, value in request.headers.items():
        if name.startswith(prefix) and name not in plain and fixed.get(name) != value:
            raise Unread(RouteCode.HEADER_REFUSED, name)
