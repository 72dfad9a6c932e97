"""The envoy door with the real Envoy, by README's own configuration, in front of a real HTTP service."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import Reason
from tests.envoys import LOOPBACK, Front
from tests.integration.postgres_wire import until
from tests.servers import require_tool

pytestmark = pytest.mark.integration
NAMES = {"_source": ["name"]}
PHONES = {"_source": ["phone"]}


def test_what_is_allowed_reaches_the_service_with_the_decisions_id(front: Front) -> None:
    before = len(front.service.arrived)
    made_up = {"x-sekisho-decision": "d-forged", "x-sekisho-valid-until": "9", "x-sekisho-principal": "root"}
    answer = front.ask("/users/_search", method="POST", body=NAMES, headers=made_up)
    assert answer.status == 200, answer.body
    (arrived,) = front.service.arrived[before:]
    assert json.loads(arrived.body) == NAMES
    entry = front.house.entries("decision")[-1]
    assert arrived.headers["x-sekisho-decision"] == entry["decision_id"]
    assert arrived.headers["x-sekisho-valid-until"] == str(entry["valid_until"])
    assert "x-sekisho-principal" not in arrived.headers
    assert (entry["door"], entry["datasource"], entry["profile"]) == ("envoy", "search", "engineer")
    assert (entry["statement"]["confidence"], entry["data"]["trust"]) == ("inferred", "inferred")
    assert entry["statement"]["text"] == "GET,POST /{index}/_search"
    assert entry["statement"]["columns"] == {"output": ["search.users.name"]}
    assert (entry["location"]["countries"], entry["location"]["site"]) == (["JP"], "tokyo-hq")


def test_the_same_question_again_is_one_decision_and_two_entries(front: Front) -> None:
    for _ in range(2):
        assert front.ask("/stickers/_search?_source=id&size=3").status == 200
    repeat = front.house.entries()[-1]
    assert repeat["kind"] == "repeat"
    assert front.service.arrived[-1].headers["x-sekisho-decision"] == repeat["decision_id"]


def test_what_is_denied_never_arrives_and_says_why(front: Front) -> None:
    before = len(front.service.arrived)
    answer = front.ask("/users/_search", method="POST", body=PHONES, who="li", site="shanghai-office")
    assert (answer.status, answer.headers["content-type"]) == (403, "application/json")
    said = answer.document
    assert (said["effect"], said["reason"]) == ("deny", Reason.POLICY_DENIED)
    assert said["findings"][0]["rule"] == "jp-appi-28"
    assert answer.headers["x-sekisho-decision"] == said["decision_id"] != ""
    assert front.service.arrived[before:] == []
    until(lambda: f"403 {said['decision_id']} policy_denied" in front.log.read_text())


def test_where_the_person_is_counts_from_the_right(front: Front) -> None:
    spoofed = {"x-forwarded-for": "192.0.2.5, 198.51.100.5"}  # the first is the client's own invention
    answer = front.ask("/users/_search", method="POST", body=PHONES, who="kim", headers=spoofed)
    assert answer.status == 403
    assert front.house.entries("decision")[-1]["location"]["countries"] == ["CN"]
    without = front.ask("/users/_search", who="kim", headers={"x-forwarded-for": ""})
    assert (without.status, without.document["reason"]) == (403, Reason.EDGE_UNTRUSTED)


@pytest.mark.parametrize(
    ("headers", "reason", "challenge"),
    [
        ({"authorization": ""}, Reason.TOKEN_MISSING, 'Bearer realm="sekisho"'),
        ({"authorization": "Bearer x.y.z"}, Reason.TOKEN_MALFORMED, 'Bearer realm="sekisho", error="invalid_token"'),
        ({"authorization": "Basic eDp5"}, Reason.TOKEN_MALFORMED, 'Bearer realm="sekisho", error="invalid_token"'),
    ],
)
def test_without_a_good_token_nobody_is_anybody(
    front: Front, headers: dict[str, str], reason: Reason, challenge: str
) -> None:
    before = len(front.service.arrived)
    answer = front.ask("/health", who=None, headers={name: value for name, value in headers.items() if value})
    assert (answer.status, answer.document["reason"]) == (401, reason)
    assert answer.headers["www-authenticate"] == challenge
    assert front.service.arrived[before:] == []


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("/invoices", 403, Reason.ROUTE_UNMATCHED),
        ("/users/_search/", 400, Reason.PATH_NOT_CANONICAL),
        ("//users/_search", 400, Reason.PATH_NOT_CANONICAL),
        ("/health/../users/_search", 400, Reason.PATH_NOT_CANONICAL),
        ("/%75sers/_search", 400, Reason.PATH_NOT_CANONICAL),
        ("/users%2f_search", 400, Reason.PATH_NOT_CANONICAL),
        ("/Health", 400, Reason.PATH_NOT_CANONICAL),
        ("/health;x=1", 400, Reason.PATH_NOT_CANONICAL),
        ("/health?x=1", 403, Reason.STATEMENT_INCOMPLETE),
        ("/users/_search?q=phone:1", 403, Reason.STATEMENT_INCOMPLETE),
        ("/users/_search?size=1&size=2", 403, Reason.STATEMENT_INCOMPLETE),
    ],
)
def test_tricks_with_paths_end_at_the_gate(front: Front, target: str, status: int, reason: Reason) -> None:
    before = len(front.service.arrived)
    answer = front.ask(target)
    assert (answer.status, answer.document["reason"]) == (status, reason)
    assert front.service.arrived[before:] == []


def test_bodies_are_judged_whole_or_not_at_all(front: Front) -> None:
    before = len(front.service.arrived)
    padded = json.dumps({**NAMES, "timeout": "x" * 300_000}).encode()
    assert front.ask("/users/_search", method="POST", body=padded).status == 200
    assert front.service.arrived[-1].body == padded
    huge = json.dumps({**NAMES, "timeout": "x" * 1_500_000}).encode()
    answer = front.ask("/users/_search", method="POST", body=huge)
    assert (answer.status, answer.document["findings"][0]["value"]) == (403, '"body_partial"')
    lying = {"x-envoy-auth-partial-body": "false"}  # Envoy takes it off
    answer = front.ask("/users/_search", method="POST", body=huge, headers=lying)
    assert (answer.status, answer.document["findings"][0]["value"]) == (403, '"body_partial"')
    squeezed = front.ask("/users/_search", method="POST", body=b"x", headers={"content-encoding": "gzip"})
    assert squeezed.document["findings"][0]["value"] == '"content_encoding_refused"'
    exact = json.dumps({**NAMES, "timeout": "x" * 1_048_540}).encode()  # of Envoy's limit; what follows is not shown
    assert len(exact) == 1_048_576
    answer = front.ask("/users/_search", method="POST", body=exact + b" " * 50_000)
    assert (answer.status, answer.document["findings"][0]["value"]) == (403, '"body_partial"')
    assert len(front.service.arrived) == before + 1


def test_http_2_is_no_other_door(front: Front) -> None:
    curl = require_tool("curl")

    def ask(*arguments: str) -> tuple[int, str]:
        headers = [part for name, value in front.headers().items() for part in ("-H", f"{name}: {value}")]
        done = subprocess.run(
            [
                curl,
                "-s",
                "--http2-prior-knowledge",
                "--path-as-is",
                "-w",
                "\n%{http_code} %{http_version}",
                *headers,
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        body, _, last = done.stdout.rpartition("\n")
        status, version = last.split()
        assert version == "2"
        return int(status), body

    url = f"http://{LOOPBACK}:{front.port}"
    json_body = ("-H", "content-type: application/json", "--data", json.dumps(NAMES))
    assert ask(*json_body, f"{url}/users/_search")[0] == 200
    assert json.loads(front.service.arrived[-1].body) == NAMES
    before = len(front.service.arrived)
    status, body = ask("-X", "GET", *json_body[:2], "--data", json.dumps({"script_fields": {}}), f"{url}/users/_search")
    assert (status, json.loads(body)["findings"][0]["value"]) == (403, '"body_key_unknown"')
    assert ask(f"{url}/health/../users/_search")[0] == 400
    assert front.service.arrived[before:] == []


def test_a_gateway_that_is_gone_or_silent_is_a_no(new_front: Callable[..., Front]) -> None:
    front = new_front(filter={"grpc_service": {"envoy_grpc": {"cluster_name": "sekisho"}, "timeout": "2s"}})
    assert front.ask("/health").status == 200
    front.house.stop()
    arrived = len(front.service.arrived)
    assert front.ask("/health").status == 403
    with socket.create_server((LOOPBACK, front.house.ports.grpc)):
        assert front.ask("/health").status == 403  # connected, and never answered
    assert len(front.service.arrived) == arrived


def test_failure_mode_allow_opens_nothing_while_the_gateway_answers(
    new_front: Callable[..., Front], monkeypatch: pytest.MonkeyPatch
) -> None:
    front = new_front(filter={"failure_mode_allow": True})
    assert front.house.application is not None
    desk = front.house.application.desk
    assert front.ask("/health").status == 200

    async def broken(ask: Any) -> Any:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(desk, "ask_async", broken)
    answer = front.ask("/health")
    assert (answer.status, answer.document["reason"]) == (500, Reason.INTERNAL)

    async def slow(ask: Any) -> Any:
        await front_never(desk)

    monkeypatch.setattr(desk, "ask_async", slow)
    arrived = len(front.service.arrived)
    answer = front.ask("/health")
    assert (answer.status, answer.document["reason"]) == (504, Reason.DEADLINE_EXCEEDED)
    assert len(front.service.arrived) == arrived


async def front_never(desk: Any) -> None:
    """Waits for what never comes."""
    await desk._loop.create_future()
