"""OpenAPI 3.1, made from the table of operations: what is served is what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from gateway.doors.http.operations import JSON, Operation
from gateway.doors.http.schemas import COMPONENTS

_ABOUT = (
    "May this person, standing there, employed by that firm, have this statement executed? Every answer is written to "
    "the record before it is given. A denial is an answer too, with the rule, the fact and what would be allowed."
)


def openapi_document(operations: Sequence[Operation], version: str, title: str) -> Mapping[str, Any]:
    """The description of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _ABOUT, "license": _LICENCE},
        "paths": paths,
        "components": {
            "schemas": _used(paths),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _used(paths: object) -> dict[str, Any]:
    """The schemas that are referred to, also by each other."""
    found: dict[str, Any] = {}
    looking: list[Any] = [paths]
    while looking:
        one = looking.pop()
        if isinstance(one, Mapping):
            name = str(one.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found[name] = dict(COMPONENTS[name])
                looking.append(COMPONENTS[name])
            looking += one.values()
        elif isinstance(one, list | tuple):
            looking += one
    return dict(sorted(found.items()))


_LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": {kind: {"schema": dict(schema)} for kind, schema in content.items()},
            }
            for status, content in operation.answers.items()
        },
    }
    if operation.asks:
        found["parameters"] = [
            {"name": name, "in": "query", "description": words, "schema": {"type": "string", "minLength": 1}}
            for name, words in operation.asks.items()
        ]
    if operation.takes is not None:
        schema = {"$ref": f"#/components/schemas/{operation.takes}"}
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if operation.token:
        found["security"] = [{"token": []}, {}]
    return found
