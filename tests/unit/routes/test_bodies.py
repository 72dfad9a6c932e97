"""A body has one reading, or none."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.routes.bodies import MAX_DEPTH, body_of, json_body, keys_of, no_body, shown, text_body
from gateway.routes.codes import RouteCode
from gateway.routes.request import HttpRequest, Unread

JSON = {"content-type": "application/json"}


def request(body: bytes | None = None, method: str = "POST", **changes: Any) -> HttpRequest:
    headers = changes.pop("headers", {})
    if body:
        headers = {"content-length": str(len(body)), **headers}
    return HttpRequest(method=method, host="h", target="/", body=body, headers=headers, **changes)


def test_a_body_that_is_there() -> None:
    assert body_of(request(b"x")) == b"x"
    assert body_of(request(None, method="GET")) == b""
    assert body_of(request(None, headers={"content-length": "0"})) == b""
    assert json_body(request(b'{"a": [1]}', headers=JSON)) == {"a": [1]}
    assert json_body(request(b"{}", headers={"content-type": "Application/JSON; charset=UTF-8"})) == {}
    assert text_body(request("é".encode(), headers={})) == "é"
    no_body(request(b""))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (request(b"{}", partial=True, headers=JSON), RouteCode.BODY_PARTIAL),
        (request(b"{} ", headers={**JSON, "content-length": "9"}), RouteCode.BODY_PARTIAL),
        (request(b"{}", headers={**JSON, "content-length": "2,2"}), RouteCode.BODY_PARTIAL),
        (HttpRequest(method="POST", host="h", target="/", body=b"{}", headers=JSON), RouteCode.BODY_PARTIAL),
        (request(), RouteCode.BODY_MISSING),
        (request(method="GET", headers={"content-length": "5"}), RouteCode.BODY_MISSING),
        (request(method="GET", headers={"transfer-encoding": "chunked"}), RouteCode.BODY_MISSING),
        (request(b"{}", headers={**JSON, "content-encoding": "br"}), RouteCode.CONTENT_ENCODING_REFUSED),
        (request(b"{}"), RouteCode.CONTENT_TYPE_REFUSED),
        (request(b"{}", headers={"content-type": "application/json,text/plain"}), RouteCode.CONTENT_TYPE_REFUSED),
        (request(b"{", headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b"[]", headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b"\xff", headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b'{"a":1,"a":1}', headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b'{"a":{"b":1,"b":1}}', headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b'{"a":NaN}', headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b'{"a":"\\udc00"}', headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, headers=JSON), RouteCode.BODY_MALFORMED),
        (request(b"[" * 100_000, headers=JSON), RouteCode.BODY_MALFORMED),
    ],
)
def test_any_other_is_refused(given: HttpRequest, code: RouteCode) -> None:
    with pytest.raises(Unread) as refused:
        json_body(given)
    assert refused.value.code is code


def test_texts_and_keys() -> None:
    for headers, body, code in (
        ({"content-type": "text/html"}, b"x", RouteCode.CONTENT_TYPE_REFUSED),
        ({}, b"\xff", RouteCode.BODY_MALFORMED),
    ):
        with pytest.raises(Unread) as refused:
            text_body(request(body, headers=headers))
        assert refused.value.code is code
    with pytest.raises(Unread) as refused:
        no_body(request(b"x"))
    assert refused.value.code is RouteCode.BODY_UNEXPECTED
    with pytest.raises(Unread) as refused:
        keys_of({"a": 1, "b\n": 2}, "the body", frozenset("a"))
    assert (refused.value.code, refused.value.detail) == (RouteCode.BODY_KEY_UNKNOWN, 'the body: "b\\n"')
    assert len(shown("x" * 1000)) == 66
