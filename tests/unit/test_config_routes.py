"""Services, and the routes that lead to them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config_routes import parameters_in, segments_of
from tests.unit.test_config_rules import BASE, problems

SERVICES = [{"id": "search", "profiles": [{"name": "anybody"}]}]


def routes(*given: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {**BASE, "services": SERVICES, "routes": list(given), **settings}


@pytest.mark.parametrize(
    "route",
    [
        {"path": "/", "methods": ["POST"], "reads": "dynamodb"},
        {"path": "/{index}/_search", "reads": "opensearch", "schema": "search"},
        {"path": "/api/{relation}", "reads": "postgrest", "embeds": ["orders"], "host": "api.example"},
        {"path": "/v1/statement", "methods": ["POST"], "reads": "trino", "schema": "hive.crm"},
        {"path": "/users/{id}", "relations": ["public.users"], "output": ["public.users.phone"]},
        {"path": "/health", "effect": "none"},
    ],
)
def test_routes_that_mean_one_thing(tmp_path, route):
    assert problems(tmp_path, routes({"datasource": "search", **route})) == []


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        ({"path": "users"}, "routes[0].path: a path begins with a slash"),
        ({"path": "/a/*"}, "routes[0].path: `*` is neither a plain word nor a {parameter}"),
        ({"path": "/a/../b"}, "routes[0].path: `..` is neither a plain word nor a {parameter}"),
        ({"path": "/{a}/{a}"}, "routes[0].path: a parameter stands twice in it"),
        (
            {"path": "/a", "methods": ["TRACE"]},
            "routes[0].methods[0]: `TRACE` is not one of GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        ({"path": "/a", "methods": []}, "routes[0].methods: name at least one"),
        ({"path": "/a", "host": "A.example:80"}, "routes[0].host: a host name or address in lower case, without port"),
        (
            {"path": "/a", "datasource": "nowhere"},
            "routes[0].datasource: `nowhere` is neither a datasource nor a service",
        ),
        ({"path": "/a", "effect": "perhaps"}, "routes[0].effect: `perhaps` is not one of read, write, none"),
        ({"path": "/a", "effect": "read"}, "routes[0].relations: name what it touches, or say `effect: none`"),
        ({"path": "/a", "relations": ["s.t"]}, "routes[0].effect: is `none`, and relations or columns are named"),
        (
            {"path": "/a", "effect": "read", "relations": ["s.t"], "output": ["s.u.a"]},
            "routes[0].output[0]: `s.u.a` is no column of the relations named",
        ),
        (
            {"path": "/a", "effect": "read", "relations": ["s.t"], "written": ["s.t.a"]},
            "routes[0].effect: is `read`, and columns are written",
        ),
        ({"path": "/a", "reads": "opensearch"}, "routes[0].path: the parameters of a `opensearch` route are: {index}"),
        ({"path": "/{x}", "reads": "dynamodb"}, "routes[0].path: the parameters of a `dynamodb` route are: none"),
        (
            {"path": "/", "reads": "dynamodb", "parameters": ["a"]},
            "routes[0].parameters: a `dynamodb` route finds that out by itself",
        ),
        ({"path": "/", "reads": "trino", "schema": "crm"}, "routes[0].schema: 2 name(s), with a dot between"),
        ({"path": "/a", "embeds": ["b"]}, "routes[0].embeds: only a `postgrest` route looks at it"),
    ],
)
def test_routes_that_do_not(tmp_path, route, problem):
    assert problems(tmp_path, routes({"datasource": "search", "effect": "none", **route})) == [problem]


def test_services_have_names_and_audiences(tmp_path):
    assert problems(tmp_path, {**BASE, "datasources": [], "services": SERVICES}) == []
    twice = [{"id": "search", "profiles": []}, {"id": "search", "profiles": [{"name": "a"}]}]
    assert problems(tmp_path, {**BASE, "services": twice}) == [
        "services: id `search` is there 2 times",
        "services[0].profiles: name at least one",
    ]
    name = BASE["datasources"][0]["id"]
    also = [{"id": name, "profiles": [{"name": "a"}]}]
    assert problems(tmp_path, {**BASE, "services": also}) == [f"services: `{name}` is a datasource, too"]


def test_templates():
    assert segments_of("/") == ()
    assert parameters_in(segments_of("/a/{b}/{c_1}")) == ["b", "c_1"]
