"""Golden cases of routes, as a lawyer reads them: a request, and what it touches or why nobody can say."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config import Route as RouteSettings
from gateway.routes.request import HttpRequest
from gateway.routes.table import Route, Routes
from gateway.yaml_text import load_yaml

FOLDER = Path(__file__).with_name("routes")


@dataclass(frozen=True, slots=True)
class RouteCase:
    """One case."""

    id: str
    routes: Routes
    request: HttpRequest
    expect: dict[str, Any]


def routes_of(settings: list[dict[str, Any]]) -> Routes:
    """As the configuration has them."""
    found: list[Route] = []
    for one in settings:
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in one.items()
        }
        found.append(Route.of(RouteSettings(**given)))
    return Routes(found)


def request_of(given: dict[str, Any]) -> HttpRequest:
    """The request of a case: a JSON body says so, and a body says its length."""
    headers = dict(given.get("headers", {}))
    body: bytes | None = None
    if "json" in given:
        body = json.dumps(given["json"]).encode()
        headers["content-type"] = given.get("type", "application/json")
    elif "base64" in given:
        body = base64.b64decode(given["base64"])
    elif "body" in given:
        body = given["body"].encode()
    if "type" in given:
        headers["content-type"] = given["type"]
    if body is not None:
        headers.setdefault("content-length", str(len(body)))
    return HttpRequest(
        method=given.get("method", "GET"),
        host=given.get("host", "service.example"),
        target=given["path"],
        headers=headers,
        body=body,
        partial=given.get("partial", False),
    )


def cases() -> Iterator[RouteCase]:
    """All cases of all files."""
    for path in sorted(FOLDER.glob("*.yaml")):
        content = load_yaml(path.read_text())
        routes = routes_of(content["routes"])
        for case in content["cases"]:
            yield RouteCase(f"{path.stem}: {case['case']}", routes, request_of(case["request"]), case["expect"])
