"""The description: valid, whole, and of what is served."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from gateway.doors.http.app import create_app
from gateway.doors.http.operations import OPERATIONS
from tests.unit.doors.test_requests import ScriptedDesk


def served() -> Any:
    reply = create_app(ScriptedDesk()).test_client().get("/openapi.json")
    assert (reply.status_code, reply.content_type) == (200, "application/json")
    return reply.json


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(references(one) for one in value.values()))
    return set().union(*(references(one) for one in value)) if isinstance(value, list) else set()


def test_each_operation_is_described_once() -> None:
    document = served()
    assert document["openapi"] == "3.1.0"
    described = [(path, method) for path, methods in document["paths"].items() for method in methods]
    assert described == [(one.path, one.method.lower()) for one in OPERATIONS]
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)
    assert all(one["summary"] for methods in document["paths"].values() for one in methods.values())


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    document = served()
    schemas = document["components"]["schemas"]
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}
    used = {one.rpartition("/")[2] for one in references(document)}
    assert used == set(schemas), "a schema that nothing refers to"
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_it_is_plain_json() -> None:
    document = served()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
