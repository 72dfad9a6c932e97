"""What runs beside the questions: health, readiness, metrics, configuration; what is served, and a page to try it.

The page comes from this gateway alone: no script, style or font of anybody else, and a browser is told to take none.
"""

from __future__ import annotations

from importlib import resources
from typing import Final, Protocol

from flask import Response, request
from prometheus_client import exposition
from prometheus_client.registry import Collector

from gateway.doors.http.problems import json_answer
from gateway.doors.http.room import Room

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_KINDS: Final = {"docs.html": "text/html", "docs.js": "text/javascript", "docs.css": "text/css"}


class Standing(Protocol):
    """What is asked about a server of ours."""

    @property
    def collector(self) -> Collector: ...
    def alive(self) -> bool: ...
    def ready(self) -> tuple[bool, list[str]]: ...


class Beside(Protocol):
    """A room of some server."""

    @property
    def desk(self) -> Standing: ...


def healthz(room: Beside) -> Response:
    """Whether the process should be left alone."""
    alive = room.desk.alive()
    return json_answer({"alive": alive}, 200 if alive else 503)


def readyz(room: Beside) -> Response:
    """Whether requests should come here."""
    ready, problems = room.desk.ready()
    return json_answer({"ready": ready, "problems": problems}, 200 if ready else 503)


def metrics(room: Beside) -> Response:
    """All counters, in the format of Prometheus, or OpenMetrics where it is asked for."""
    # The library never sees the caller's own header: it raises where a version there is no number.
    wanted = "application/openmetrics-text" in request.headers.get("Accept", "")
    encode, kind = exposition.choose_encoder("application/openmetrics-text; version=1.0.0" if wanted else "")
    return Response(encode(room.desk.collector), content_type=kind)


def config(room: Room) -> Response:
    """The configuration in force, without secrets."""
    return json_answer(room.desk.resolved_config())


def openapi(room: Room) -> Response:
    """This document."""
    return json_answer(room.openapi)


def docs(room: Room) -> Response:
    """A page to try it."""
    return _page("docs.html")


def docs_script(room: Room) -> Response:
    """What the page does."""
    return _page("docs.js")


def docs_style(room: Room) -> Response:
    """How the page looks."""
    return _page("docs.css")


def _page(name: str) -> Response:
    text = resources.files("gateway.doors.http").joinpath("pages", name).read_text(encoding="utf-8")
    response = Response(text, content_type=f"{_KINDS[name]}; charset=utf-8")
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    return response
