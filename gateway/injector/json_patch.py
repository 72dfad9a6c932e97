"""Applies a JSON Patch as an API server does: `add` and `replace` of RFC 6902, pointers of RFC 6901, no forgiveness."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any


def apply(document: Mapping[str, Any], operations: Iterable[Mapping[str, Any]]) -> Any:
    """The document after all operations; the one given stays as it is. Raises ValueError."""
    result = copy.deepcopy(document)
    for operation in operations:
        if set(operation) != {"op", "path", "value"} or operation["op"] not in ("add", "replace"):
            raise ValueError(f"not an operation of ours: {sorted(operation)}")
        _put(result, operation["path"], copy.deepcopy(operation["value"]), new=operation["op"] == "add")
    return result


def _put(document: Any, path: str, value: Any, *, new: bool) -> None:
    if not path.startswith("/"):
        raise ValueError(f"{path}: not a pointer")
    *way, last = (step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/"))
    parent = document
    try:
        for step in way:
            parent = parent[int(step)] if isinstance(parent, list) else parent[step]
        if isinstance(parent, list):
            index = len(parent) if new and last == "-" else int(last)
            if not 0 <= index < len(parent) + new:
                raise IndexError(index)
            if new:
                parent.insert(index, value)
            else:
                parent[index] = value
        elif new:
            parent[last] = value
        else:
            _ = parent[last]
            parent[last] = value
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: there is no such place") from error
