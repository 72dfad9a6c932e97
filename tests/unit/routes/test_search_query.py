from typing import Any

import pytest

from gateway.routes.codes import RouteCode
from gateway.routes.request import Unread
from gateway.routes.search_query import fields_of, name_of, read_query


def compared(query: Any) -> list[str]:
    found: list[str] = []
    read_query(query, found.append)
    return found


def test_fields_of_queries() -> None:
    assert compared({"match_all": {}}) == []
    assert compared({"bool": {"must": {"term": {"a": 1}}, "should": [{"wildcard": {"b": {"value": "x*"}}}]}}) == [
        "a",
        "b",
    ]
    assert compared({"terms": {"a": [1, 2], "boost": 2}}) == ["a"]
    assert compared({"constant_score": {"filter": {"exists": {"field": "a"}}}}) == ["a"]


@pytest.mark.parametrize(
    "query",
    [
        None,
        [],
        {},
        {"term": {"a": 1}, "match_all": {}},
        {"term": []},
        {"term": {"a": 1, "b": 2}},
        {"term": {"a": [1]}},
        {"term": {"a": {"value": 1, "script": "x"}}},
        {"range": {"a": 3}},
        {"terms": {"a": {"index": "i", "id": "1", "path": "p"}}},
        {"terms": {"a": [1], "b": [2]}},
        {"bool": {"must": [{"script": {}}]}},
        {"bool": {"maybe": []}},
        {"dis_max": {"queries": {}}},
        {"constant_score": {}},
        {"nested": {"path": "a"}},
        {"function_score": {}},
        {"more_like_this": {}},
        {"percolate": {}},
        {"wrapper": {"query": "e30="}},
        {"has_child": {}},
        {"geo_shape": {}},
    ],
)
def test_what_is_not_listed_is_refused(query: Any) -> None:
    with pytest.raises(Unread):
        compared(query)


def test_names() -> None:
    assert fields_of(["a", {"field": "b", "format": "x"}], "fields") == ["a", "b"]
    for name in ("", 1, None, "a\n", "x" * 513):
        with pytest.raises(Unread) as refused:
            name_of(name)
        assert refused.value.code is RouteCode.NAME_REFUSED
