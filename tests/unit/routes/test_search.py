"""Searches beyond the golden cases (tests/golden/routes/search.yaml): odd types in every place."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.routes.reading import read
from tests.golden.route_cases import request_of, routes_of

ROUTES = routes_of([{"path": "/{index}/_search", "methods": ["POST"], "datasource": "s", "reads": "opensearch"}])


@pytest.mark.parametrize(
    "body",
    [
        {"_source": 1},
        {"_source": [1]},
        {"_source": {"includes": [None]}},
        {"_source": False, "fields": {"a": 1}},
        {"_source": False, "fields": [{"name": "x"}]},
        {"_source": False, "sort": [{"a": 1}]},
        {"_source": False, "sort": [{"a": "asc", "b": "asc"}]},
        {"_source": False, "sort": {"_geo_distance": {"order": "asc"}}},
        {"_source": False, "collapse": "a"},
        {"_source": False, "aggs": []},
        {"_source": False, "aggs": {"a": []}},
        {"_source": False, "aggs": {"a": {}}},
        {"_source": False, "aggs": {"a": {"avg": {"field": "x"}, "sum": {"field": "y"}}}},
        {"_source": False, "aggs": {"a": {"avg": {}}}},
        {"_source": False, "aggs": {"a": {"scripted_metric": {}}}},
        {"_source": [""]},
        {"_source": ["a\u202e"]},
    ],
)
def test_what_is_of_no_known_form_is_incomplete(body: dict[str, Any]) -> None:
    request = request_of({"method": "POST", "path": "/users/_search", "json": body})
    assert not read(ROUTES.match(request), request).complete


def test_a_size_that_is_no_number_shows_documents() -> None:
    for size in (False, "0", 0.5):
        request = request_of({"method": "POST", "path": "/users/_search", "json": {"size": size}})
        assert [one.column for one in read(ROUTES.match(request), request).columns] == ["*"]
