"""JSON schemas for kubeconform, out of what an API server says of itself (OpenAPI v3): of the kinds one asks for,
custom resources included. Closed, so that a field that the API server would drop is an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.kubernetes import ApiServer

Schema = dict[str, Any]

_HERE: Final = "#/components/schemas/"
_KIND: Final = "x-kubernetes-group-version-kind"


def write_schemas(server: ApiServer, kinds: Iterable[tuple[str, str]], folder: Path) -> str:
    """A file for each of these (`apps/v1`, `StatefulSet`); the answer: kubeconform's ``-schema-location``."""
    wanted: dict[str, set[str]] = {}
    for version, kind in kinds:
        wanted.setdefault(version, set()).add(kind)
    for version, names in wanted.items():
        path = f"/openapi/v3/{'apis' if '/' in version else 'api'}/{version}"
        _write(server.ask("GET", path).wanted()["components"]["schemas"], names, folder)
    return f"{folder}/{{{{.ResourceKind}}}}-{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}.json"


def _write(published: Mapping[str, Schema], kinds: set[str], folder: Path) -> None:
    for name, one in published.items():
        for kind in one.get(_KIND, ()):
            if kind["kind"] in kinds:
                schemas = {used: _closed(published[used]) for used in _used(name, published)}
                group = kind["group"] or kind["version"]  # as kubeconform calls the core group
                file = f"{kind['kind'].lower()}-{group}-{kind['version']}.json"
                (folder / file).write_text(json.dumps({"$ref": _HERE + name, "components": {"schemas": schemas}}))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(one) for key, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def _used(name: str, schemas: Mapping[str, Schema]) -> set[str]:
    """A schema's name with those of all that it is made of."""
    found: set[str] = set()
    left = [name]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left.extend(_references(schemas[one]))
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one)
    elif isinstance(schema, dict):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(_HERE)
        for one in schema.values():
            yield from _references(one)
