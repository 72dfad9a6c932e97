"""Each kind of route has its reader, and a parser that is missing is said at the start."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError
from gateway.routes import reading
from gateway.routes.table import Reads
from tests.golden.route_cases import request_of, routes_of


def test_a_header_that_says_the_request_is_another_is_no_request() -> None:
    routes = routes_of([{"path": "/x", "datasource": "s", "effect": "none"}])
    plain = request_of({"path": "/x"})
    assert reading.read(routes.match(plain), plain).complete
    odd = request_of({"path": "/x", "headers": {"x-original-url": "/y"}})
    assert reading.read(routes.match(odd), odd).incomplete == "header_refused"


def test_the_parser_of_sql_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = routes_of([{"path": "/x", "datasource": "s", "effect": "none"}])
    trino = routes_of([{"path": "/x", "methods": ["POST"], "datasource": "s", "reads": Reads.TRINO, "schema": "a.b"}])
    reading.check_parser(trino)
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    reading.check_parser(fixed)
    with pytest.raises(ConfigError, match="extra `routes`"):
        reading.check_parser(trino)
