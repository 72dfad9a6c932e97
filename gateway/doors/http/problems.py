"""Problems (RFC 9457): what the http doors say of a request that never became a question, and of errors of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Response

from gateway.doors.documents import MAX_BODY
from gateway.errors import ANSWERS, Reason, SekishoError
from gateway.model import JsonValue

PROBLEM: Final = "application/problem+json"
SECURITY: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)
"""Headers of every answer, unless it has its own."""


def problem_document(reason: Reason, detail: str, status: int | None = None) -> tuple[int, dict[str, JsonValue]]:
    """Status and body of a problem."""
    code = status if status is not None else ANSWERS[reason].http
    return code, {
        "type": "about:blank" if status is not None else f"urn:sekisho:reason:{reason.value}",
        "title": HTTPStatus(code).phrase if status is not None else ANSWERS[reason].summary,
        "status": code,
        "detail": detail,
        "reason": reason.value,
    }


def json_answer(document: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    """A document as JSON. ``headers``: with _ for -."""
    response = Response(json.dumps(document) + "\n", status=status, content_type="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def too_large() -> SekishoError:
    """Why a request was not read to its end."""
    return SekishoError(Reason.MESSAGE_TOO_LARGE, f"a request has at most {MAX_BODY} bytes")


def problem(
    reason: Reason,
    detail: str = "",
    *,
    status: int | None = None,
    headers: Sequence[tuple[str, str]] = (),
    more: Mapping[str, JsonValue] | None = None,
) -> Response:
    """A status of HTTP's own (no such path) has no type of ours, only the reason it is counted under.

    ``more``: further members.
    """
    code, document = problem_document(reason, detail, status)
    response = Response(
        json.dumps({**document, **(more or {})}) + "\n", status=code, headers=list(headers), content_type=PROBLEM
    )
    if code == HTTPStatus.UNAUTHORIZED:
        error = "" if reason is Reason.TOKEN_MISSING else ', error="invalid_token"'
        response.headers["WWW-Authenticate"] = f'Bearer realm="sekisho"{error}'
    return response
