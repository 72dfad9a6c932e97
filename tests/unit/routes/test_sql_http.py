"""Where SQL is looked for; what it may say is tests/golden/routes/sql.yaml."""

from __future__ import annotations

import pytest

from gateway.model import StatementFacts
from gateway.routes.reading import read
from tests.golden.route_cases import request_of, routes_of

ROUTES = routes_of(
    [
        {"path": "/click", "methods": ["GET", "POST"], "datasource": "s", "reads": "clickhouse", "schema": "crm"},
        {"path": "/trino", "methods": ["POST"], "datasource": "s", "reads": "trino", "schema": "hive.crm"},
    ]
)


def facts(**given: object) -> StatementFacts:
    request = request_of(dict(given))
    return read(ROUTES.match(request), request)


@pytest.mark.parametrize("tail", [" FORMAT JSON", "\nformat CSV ;", ""])
def test_a_format_is_no_part_of_the_statement(tail: str) -> None:
    assert facts(method="POST", path="/click", body=f"SELECT id FROM users{tail}").complete


def test_headers_of_the_databases_own() -> None:
    assert facts(method="POST", path="/trino", body="SELECT 1", headers={"x-trino-source": "bi"}).complete
    for name in ("x-trino-session", "x-presto-schema", "x-trino-anything", "x-trino-role"):
        found = facts(method="POST", path="/trino", body="SELECT 1", headers={name: "x"})
        assert found.incomplete == "header_refused"
    found = facts(path="/click?query=SELECT+1", headers={"x-clickhouse-user": "x"})
    assert found.incomplete == "header_refused"
