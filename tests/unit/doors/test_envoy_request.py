"""What Envoy asks: its own word, and what clients wrote into it."""

from __future__ import annotations

from typing import Any

import pytest
from envoy.service.auth.v3 import external_auth_pb2

from gateway.doors.envoy_request import JWT_FILTER, MAX_CHECK, parse, person_address
from gateway.errors import Reason, SekishoError


def check_request(**given: Any) -> external_auth_pb2.CheckRequest:
    """As Envoy would send it."""
    message = external_auth_pb2.CheckRequest()
    message.attributes.source.address.socket_address.address = given.get("source", "127.0.0.1")
    http = message.attributes.request.http
    http.method, http.path, http.host = given.get("method", "GET"), given.get("path", "/"), "service.example"
    http.headers.update(given.get("headers", {}))
    http.raw_body = given.get("body", b"")
    message.attributes.source.certificate = given.get("certificate", "")
    if "claims" in given:
        message.attributes.metadata_context.filter_metadata[JWT_FILTER].update({"jwt": given["claims"]})
    return message


def test_a_request_in_its_parts() -> None:
    headers = {"Authorization": "Bearer x", "x-envoy-auth-partial-body": "false", "content-type": "application/json"}
    found = parse(check_request(method="POST", path="/a?b=1", headers=headers, body=b"{}").SerializeToString(), None)
    assert (found.http.method, found.http.target, found.http.body) == ("POST", "/a?b=1", b"{}")
    assert (found.authorization, found.source, found.http.partial, found.claims) == (
        "Bearer x",
        "127.0.0.1",
        False,
        None,
    )
    assert "x-envoy-auth-partial-body" not in found.http.headers


def test_a_body_that_was_not_passed_on_is_none() -> None:
    assert parse(check_request().SerializeToString(), None).http.body is None
    there = parse(check_request(headers={"x-envoy-auth-partial-body": "false"}).SerializeToString(), None)
    assert there.http.body == b""
    for word in ("true", "TRUE", "", "maybe"):
        part = parse(check_request(headers={"x-envoy-auth-partial-body": word}, body=b"x").SerializeToString(), None)
        assert part.http.partial, word


def test_a_clients_certificate_is_taken_whole() -> None:
    message = check_request(headers={"x-forwarded-client-cert": "URI=spiffe://x/root"})
    message.attributes.source.principal = "spiffe://x/root"
    assert parse(message.SerializeToString(), None).certificate is None
    message.attributes.source.certificate = "-----BEGIN%20CERTIFICATE-----%0AMIIB%2Bw%3D%3D"
    assert parse(message.SerializeToString(), None).certificate == b"-----BEGIN CERTIFICATE-----\nMIIB+w=="


def test_headers_of_one_name_are_joined() -> None:
    message = check_request()
    for value in ("a", "b"):
        message.attributes.request.http.header_map.headers.add(key="X-Amz-Target", raw_value=value.encode())
    assert parse(message.SerializeToString(), None).http.headers["x-amz-target"] == "a,b"


def test_claims_are_looked_at_where_they_are_wanted() -> None:
    body = check_request(claims={"sub": "sato", "exp": 1795000000, "groups": ["a"]}).SerializeToString()
    assert parse(body, None).claims is None
    assert parse(body, "payload").claims is None
    assert parse(body, "jwt").claims == {"sub": "sato", "exp": 1795000000, "groups": ["a"]}
    assert type((parse(body, "jwt").claims or {})["exp"]) is int


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\xff", Reason.REQUEST_INVALID),
        (b"", Reason.REQUEST_INVALID),
        (b"x" * (MAX_CHECK + 1), Reason.MESSAGE_TOO_LARGE),
        (check_request(source="").SerializeToString(), Reason.REQUEST_INVALID),
        (check_request(source="pipe").SerializeToString(), Reason.REQUEST_INVALID),
        (
            check_request(headers={f"h{number}": "x" for number in range(300)}).SerializeToString(),
            Reason.MESSAGE_TOO_LARGE,
        ),
    ],
)
def test_what_is_no_check_is_refused(body: bytes, reason: Reason) -> None:
    with pytest.raises(SekishoError) as refused:
        parse(body, None)
    assert refused.value.reason is reason


def whence(source: str, told: str, hops: int) -> str:
    headers = {"x-forwarded-for": told} if told else {}
    return person_address(parse(check_request(source=source, headers=headers).SerializeToString(), None), hops)


def test_addresses_count_from_the_right() -> None:
    assert whence("203.0.113.9", "1.2.3.4", 0) == "203.0.113.9"
    assert whence("::ffff:203.0.113.9", "", 0) == "203.0.113.9"
    assert whence("10.0.0.1", "6.6.6.6, 192.0.2.5,10.0.0.1", 1) == "192.0.2.5"
    assert whence("10.0.0.1", "6.6.6.6,192.0.2.5,10.0.0.2,10.0.0.1", 2) == "192.0.2.5"
    assert whence("127.0.0.1", "192.0.2.5,192.0.2.2", 1) == "192.0.2.5"


@pytest.mark.parametrize(
    ("source", "told", "hops"),
    [
        ("10.0.0.1", "", 1),
        ("10.0.0.1", "10.0.0.1", 1),
        ("10.0.0.1", "192.0.2.5", 1),
        ("10.0.0.1", "6.6.6.6,192.0.2.5", 1),  # Envoy has not added its peer: who wrote which?
        ("10.0.0.1", "x,10.0.0.1", 1),
        ("10.0.0.1", ",".join(["1.1.1.1"] * 100 + ["10.0.0.1"]), 1),
    ],
)
def test_what_cannot_be_counted_is_refused(source: str, told: str, hops: int) -> None:
    with pytest.raises(SekishoError) as refused:
        whence(source, told, hops)
    assert refused.value.reason is Reason.EDGE_UNTRUSTED
