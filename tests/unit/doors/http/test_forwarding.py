"""/v1/forward-auth: what a proxy tells of a request counts from an edge only, and once; what it cannot tell denies."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.config import Route as RouteSettings
from gateway.doors.http.app import create_app
from gateway.doors.http.forwarding import forwarded_request
from gateway.doors.http.room import Behind
from gateway.errors import Reason, SekishoError
from gateway.model import Confidence, Door, Effect, Peer
from gateway.needs import Ask, Outcome
from gateway.routes.table import Route, Routes
from tests.unit.doors.test_requests import IN_TRACE, TRACEPARENT, ScriptedDesk, decision

ROUTES = Routes(
    [
        Route.of(
            RouteSettings(
                path="/users/{id}/phone",
                datasource="messenger",
                relations=("public.users",),
                output=("public.users.phone",),
                methods=("GET", "POST"),
            )
        )
    ]
)
NGINX = {"X-Original-Method": "GET", "X-Original-URI": "/users/7/phone"}


class Denying(ScriptedDesk):
    """Knows the facts it is given: allows what touches no phone."""

    def ask(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        assert ask.given is not None
        if ask.given.complete and ask.peer.address == "192.0.2.7":
            return Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW, Reason.ALLOWED))
        reason = Reason.POLICY_DENIED if ask.given.complete else Reason.STATEMENT_INCOMPLETE
        return Outcome(reason=reason, decision=decision(Effect.DENY, reason), message="access denied: no", hint="ask")


def get(
    desk: ScriptedDesk, headers: dict[str, str], *, edges: tuple[str, ...] = ("127.0.0.0/8",), bodiless: bool = True
) -> TestResponse:
    client = create_app(desk, edges, Behind(routes=ROUTES, bodiless=bodiless)).test_client()
    return client.get("/v1/forward-auth", headers={"Authorization": "Bearer good", **headers})


def test_a_request_that_may_pass_is_200_with_the_decision_s_id() -> None:
    desk = Denying()
    reply = get(desk, {**NGINX, "X-Forwarded-For": "203.0.113.1, 192.0.2.7"})
    assert (reply.status_code, reply.data) == (200, b"")
    assert reply.headers["Sekisho-Decision-Id"] == "d-1"
    assert (reply.headers["Sekisho-Reason"], reply.headers["Cache-Control"]) == ("allowed", "no-store")
    asked = desk.asked[0]
    assert (asked.door, asked.sql, asked.peer) == (
        Door.HTTP,
        "GET,POST /users/{id}/phone",
        Peer(address="192.0.2.7", via_edge=True),
    )
    assert asked.given is not None
    assert asked.given.confidence is Confidence.INFERRED
    assert [column.column for column in asked.given.columns] == ["phone"]


def test_the_trace_is_that_of_the_request_the_proxy_passes_on() -> None:
    desk = Denying()
    get(desk, {**NGINX, "X-Forwarded-For": "192.0.2.7", "traceparent": TRACEPARENT, "tracestate": "congo=1"})
    assert desk.asked[0].trace == IN_TRACE


def test_traefik_and_caddy_tell_it_in_their_own_headers() -> None:
    desk = Denying()
    told = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/users/7/phone", "X-Forwarded-Host": "api.example"}
    assert get(desk, {**told, "X-Forwarded-For": "192.0.2.7"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"X-Forwarded-For": "192.0.2.9"}, 403, Reason.POLICY_DENIED),
        ({"X-Original-URI": "/users/7/name"}, 403, Reason.ROUTE_UNMATCHED),
        ({"X-Original-URI": "/users//7/phone"}, 403, Reason.PATH_NOT_CANONICAL),
        ({"X-Original-URI": "/users/7/phone, /users/8/phone"}, 403, Reason.PATH_NOT_CANONICAL),
        ({"X-Original-URI": ""}, 403, Reason.REQUEST_INVALID),
        ({"X-Original-Method": "DELETE"}, 403, Reason.ROUTE_UNMATCHED),
        ({"X-Forwarded-Uri": "/users/7/phone"}, 403, Reason.REQUEST_INVALID),
        ({"X-Forwarded-For": "192.0.2.7, unknown"}, 403, Reason.REQUEST_INVALID),
        ({"X-HTTP-Method-Override": "DELETE"}, 403, Reason.STATEMENT_INCOMPLETE),
        ({"Authorization": "Bearer bad"}, 401, Reason.TOKEN_EXPIRED),
        ({"Authorization": ""}, 401, Reason.TOKEN_MALFORMED),
    ],
)
def test_anything_else_is_401_or_403_and_says_why(headers: dict[str, str], status: int, reason: Reason) -> None:
    reply = get(Denying(), {**NGINX, "X-Forwarded-For": "192.0.2.7", **headers})
    assert (reply.status_code, reply.headers["Sekisho-Reason"]) == (status, reason)
    assert reply.get_json()["reason"] == reason
    assert ("WWW-Authenticate" in reply.headers) is (status == 401)


def test_a_body_that_nobody_sees_is_not_taken_for_none() -> None:
    reply = get(Denying(), {**NGINX, "X-Forwarded-For": "192.0.2.7"}, bodiless=False)
    assert (reply.status_code, reply.headers["Sekisho-Reason"]) == (403, "statement_incomplete")


def test_who_is_no_edge_tells_nothing_that_counts_and_a_stranger_learns_nothing() -> None:
    desk = Denying()
    reply = get(desk, NGINX, edges=())
    assert (reply.status_code, reply.headers["Sekisho-Reason"]) == (403, "edge_untrusted")
    assert get(desk, {**NGINX, "Authorization": "Bearer bad"}, edges=()).status_code == 401
    assert ([reason for _, reason, _, _ in desk.refusals], desk.asked) == (
        [Reason.EDGE_UNTRUSTED, Reason.TOKEN_EXPIRED],
        [],
    )


def test_without_routes_nothing_passes() -> None:
    client = create_app(Denying(), ("127.0.0.0/8",)).test_client()
    reply = client.get("/v1/forward-auth", headers={"Authorization": "Bearer good", **NGINX})
    assert (reply.status_code, reply.get_json()["reason"]) == (403, "route_unmatched")
    reply = client.get("/v1/forward-auth", headers={"Authorization": "Bearer bad", **NGINX})
    assert (reply.status_code, reply.get_json()["reason"]) == (401, "token_expired"), "a stranger learns nothing"


def test_what_breaks_is_no_answer_that_a_proxy_lets_in() -> None:
    class Broken(Denying):
        def ask(self, ask: Ask) -> Outcome:
            raise ZeroDivisionError

    assert get(Broken(), {**NGINX, "X-Forwarded-For": "192.0.2.7"}).status_code == 500


def test_the_request_has_no_header_of_the_question() -> None:
    headers: dict[str, Any] = {
        "x-original-method": "GET",
        "x-original-uri": "/a?b=1",
        "authorization": "Bearer secret",
        "cookie": "c",
        "content-type": "text/plain",
        "transfer-encoding": "chunked",
    }
    told = forwarded_request(headers, bodiless=True)
    assert (told.request.method, told.request.target, told.request.host, told.address) == ("GET", "/a?b=1", "", None)
    assert told.request.headers == {"content-type": "text/plain", "content-length": "0"}
    with pytest.raises(SekishoError, match="give method and path"):
        forwarded_request({}, bodiless=True)
