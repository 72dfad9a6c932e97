from __future__ import annotations

import pytest

from gateway.injector.answers import Deny, Refusal, add, items_of, object_of, replace, step


def test_what_is_absent_or_null_is_empty():
    for parent in ({}, {"a": None}):
        assert object_of(parent, "a") == {}
        assert list(items_of(parent, "a")) == []


@pytest.mark.parametrize("value", [1, "x", [], True])
def test_what_is_no_object_is_denied(value):
    with pytest.raises(Deny) as caught:
        object_of({"a": value}, "a")
    assert caught.value.denied.reason is Refusal.POD_MALFORMED


@pytest.mark.parametrize("value", [1, "x", {}, [1], [{}, None]])
def test_what_is_no_list_of_objects_is_denied(value):
    with pytest.raises(Deny) as caught:
        items_of({"a": value}, "a")
    assert caught.value.denied.reason is Refusal.POD_MALFORMED


def test_operations_and_pointers():
    assert add("/a", 1) == {"op": "add", "path": "/a", "value": 1}
    assert replace("/a", 1) == {"op": "replace", "path": "/a", "value": 1}
    assert step("sekisho.dev/a~b") == "sekisho.dev~1a~0b"
