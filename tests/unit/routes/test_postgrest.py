"""PostgREST beyond the golden cases (tests/golden/routes/postgrest.yaml)."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from gateway.routes.reading import read
from tests.golden.route_cases import request_of, routes_of

ROUTES = routes_of([{"path": "/{relation}", "datasource": "s", "reads": "postgrest", "embeds": ["orders"]}])


@pytest.mark.parametrize(
    "select",
    ["", ",", "a,,b", "a b", "a;b", "a::regclass", "a->b->", "orders(", "orders)", "orders(a))", "orders(a),orders(b)"],
)
def test_odd_selections_are_incomplete(select: str) -> None:
    request = request_of({"path": f"/users?select={quote(select)}"})
    assert not read(ROUTES.match(request), request).complete


@pytest.mark.parametrize(
    "query", ["or=a.eq.1", "or=()", "or=(a.hack.1)", "order=a.sideways", "limit=x", "a=1", "1a=eq.1"]
)
def test_odd_filters_are_incomplete(query: str) -> None:
    request = request_of({"path": f"/users?select=id&{query}"})
    assert not read(ROUTES.match(request), request).complete


def test_nesting_and_length_are_bounded() -> None:
    for select in ("orders(" * 20 + "a" + ")" * 20, ",".join(f"a{number}" for number in range(300))):
        request = request_of({"path": f"/users?select={select}"})
        assert not read(ROUTES.match(request), request).complete
