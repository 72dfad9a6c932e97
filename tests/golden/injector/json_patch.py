"""Applies a JSON Patch as an API server does: the `add` of RFC 6902, the pointers of RFC 6901, and no forgiveness."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any


def apply(document: Mapping[str, Any], operations: Iterable[Mapping[str, Any]]) -> Any:
    """The document after all operations; the one given stays as it is."""
    result = copy.deepcopy(document)
    for operation in operations:
        assert set(operation) == {"op", "path", "value"}, operation
        assert operation["op"] == "add", operation["op"]
        _add(result, operation["path"], copy.deepcopy(operation["value"]))
    return result


def _add(document: Any, path: str, value: Any) -> None:
    assert path.startswith("/"), path
    *way, last = (step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
    parent = document
    for step in way:
        parent = parent[int(step)] if isinstance(parent, list) else parent[step]  # what is not there is an error
    if isinstance(parent, list):
        index = len(parent) if last == "-" else int(last)
        assert 0 <= index <= len(parent), path
        parent.insert(index, value)
    else:
        assert isinstance(parent, dict), path
        parent[last] = value
