"""DynamoDB beyond the golden cases (tests/golden/routes/dynamodb.yaml)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.routes.reading import read
from tests.golden.route_cases import request_of, routes_of

ROUTES = routes_of([{"path": "/", "methods": ["POST"], "datasource": "s", "reads": "dynamodb", "schema": "d"}])


def facts(operation: str, body: dict[str, Any]) -> Any:
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    request = request_of(
        {"method": "POST", "path": "/", "type": "application/x-amz-json-1.0", "headers": headers, "json": body}
    )
    return read(ROUTES.match(request), request)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("GetItem", {"TableName": "users"}),
        ("GetItem", {"TableName": "users", "Key": {}}),
        ("GetItem", {"TableName": 1, "Key": {"id": {}}}),
        ("Scan", {"TableName": "users", "ProjectionExpression": ""}),
        ("Scan", {"TableName": "users", "ProjectionExpression": 1}),
        ("Scan", {"TableName": "users", "ProjectionExpression": "a;b"}),
        ("Scan", {"TableName": "users", "ProjectionExpression": "size(a)"}),
        ("Scan", {"TableName": "users", "Select": "COUNT", "ExpressionAttributeNames": []}),
        ("Scan", {"TableName": "users", "Select": "COUNT", "ExpressionAttributeNames": {"#a": 1}}),
        ("BatchGetItem", {"RequestItems": {}}),
        ("BatchGetItem", {"RequestItems": {"users": []}}),
        ("BatchGetItem", {"RequestItems": {"users": {}}}),
        ("BatchGetItem", {"RequestItems": {"u*": {"Keys": []}}}),
    ],
)
def test_what_is_of_no_known_form_is_incomplete(operation: str, body: dict[str, Any]) -> None:
    assert not facts(operation, body).complete


def test_a_word_of_the_language_may_be_an_attribute_where_it_is_shown() -> None:
    found = facts(
        "Scan", {"TableName": "users", "ProjectionExpression": "and, #x.y", "ExpressionAttributeNames": {"#x": "in"}}
    )
    assert [one.column for one in found.columns] == ["and", "in"]
