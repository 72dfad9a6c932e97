"""A request and its route -> what it touches, by the reader of that route's kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

from gateway.errors import ConfigError
from gateway.model import StatementFacts
from gateway.routes import dynamodb, fixed, postgrest, search, sql_http
from gateway.routes.found import unread
from gateway.routes.request import HttpRequest, Unread, plain_headers
from gateway.routes.table import Matched, Reads, Routes

Reader = Callable[[Matched, HttpRequest], StatementFacts]
_READERS: Final[Mapping[Reads, tuple[str, Reader]]] = MappingProxyType(
    {
        Reads.FIXED: (fixed.KIND, fixed.read),
        Reads.OPENSEARCH: (search.KIND, search.read),
        Reads.POSTGREST: (postgrest.KIND, postgrest.read),
        Reads.DYNAMODB: (dynamodb.KIND, dynamodb.read),
        Reads.CLICKHOUSE: (sql_http.KIND, sql_http.read_clickhouse),
        Reads.TRINO: (sql_http.KIND, sql_http.read_trino),
    }
)
_SQL: Final = frozenset({Reads.CLICKHOUSE, Reads.TRINO})


def read(matched: Matched, request: HttpRequest) -> StatementFacts:
    """What a request touches, as far as its route says; incomplete facts where it could not be established."""
    kind, reader = _READERS[matched.route.reads]
    try:
        plain_headers(request)
        return reader(matched, request)
    except Unread as why:
        return unread(kind, why)


def check_parser(routes: Routes) -> None:
    """Raises ConfigError where a route needs a parser that is not installed."""
    if routes.kinds & _SQL and find_spec("sqlglot") is None:
        raise ConfigError(
            ["routes: those of ClickHouse and Trino need the extra `routes`: pip install 'sekisho[routes]'"]
        )
