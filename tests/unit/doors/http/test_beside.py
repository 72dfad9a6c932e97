"""What runs beside the questions, and a page that needs nobody else."""

from __future__ import annotations

import re

import pytest

from gateway.doors.http.app import create_app
from tests.unit.doors.test_requests import ScriptedDesk


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/docs", "text/html"), ("/docs/docs.js", "text/javascript"), ("/docs/docs.css", "text/css")],
)
def test_the_page_is_whole_and_takes_nothing_of_anybody_else(path: str, kind: str) -> None:
    reply = create_app(ScriptedDesk()).test_client().get(path)
    assert (reply.status_code, reply.content_type) == (200, f"{kind}; charset=utf-8")
    assert re.findall(r"(?:https?:)?//[a-z0-9]", reply.text) == []
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_has_no_script_or_style_within_it() -> None:
    page = create_app(ScriptedDesk()).test_client().get("/docs").text
    assert re.findall(r"<script(?![^>]* src=)|<style|\bon[a-z]+=|style=|javascript:", page) == []


def test_answers_become_text_and_never_markup() -> None:
    script = create_app(ScriptedDesk()).test_client().get("/docs/docs.js").text
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script) == []
