from __future__ import annotations

import pytest

from gateway.injector.json_patch import apply


def op(path: str, value: object, kind: str = "add") -> dict:
    return {"op": kind, "path": path, "value": value}


@pytest.mark.parametrize(
    "operation",
    [
        op("/spec/volumes/-", 1),
        op("/spec/initContainers/1", 1),
        op("/spec/initContainers/-1", 1),
        op("/spec/initContainers/x", 1),
        op("/metadata/labels/a", 1),
        op("/metadata/name", 1, "replace"),
        op("/spec/initContainers/0", 1, "replace"),
        op("/spec/initContainers/-", 1, "replace"),
        op("metadata", 1),
        op("/metadata", 1, "remove"),
        {"op": "add", "path": "/metadata"},
        op("/text/0", 1),
    ],
)
def test_nothing_is_forgiven(operation):
    with pytest.raises(ValueError, match=r"place|pointer|operation"):
        apply({"spec": {"initContainers": []}, "metadata": {}, "text": "a"}, [operation])


def test_escaped_pointers_are_read_and_values_copied():
    value = {"x": 1}
    given = {"a/b": {"~": [0]}}
    made = apply(given, [op("/a~1b/~0/-", value)])
    value["x"] = 2
    assert made == {"a/b": {"~": [0, {"x": 1}]}}
    assert given == {"a/b": {"~": [0]}}


def test_add_puts_in_or_over_and_replace_over_only():
    made = apply(
        {"list": ["a", "c"], "map": {"x": 1}},
        [op("/list/1", "b"), op("/list/3", "d"), op("/map/x", 2), op("/map/y", 3), op("/list/0", "A", "replace")],
    )
    assert made == {"list": ["A", "b", "c", "d"], "map": {"x": 2, "y": 3}}
    assert apply(made, [op("/map/x", 9, "replace")])["map"]["x"] == 9
