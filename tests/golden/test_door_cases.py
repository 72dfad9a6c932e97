"""The same request through all three doors: one decision. The cases are YAML a lawyer can read."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import yaml

from gateway.demo.characters import CHARACTERS
from gateway.demo.relay import Relay
from gateway.demo.settings import DATASOURCE, addresses
from gateway.doors._generated.sekisho.v1 import access_pb2, access_pb2_grpc
from gateway.errors import ANSWERS, Reason
from tests.houses import House

FOLDER = Path(__file__).parent / "doors"
CASES = [case for path in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(path.read_text())["cases"]]
BY_NAME = {one.subject: one for one in CHARACTERS}


@pytest.fixture(scope="module")
def places() -> Mapping[str, str]:
    return addresses(Path(__file__).parents[2] / "gateway" / "demo" / "registry")


def ask_http(house: House, case: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Asked by itself, among several, as OPA is asked, and run as a query: one answer."""
    question = {"datasource": DATASOURCE, "statement": {"sql": case["sql"]}, "address": address}
    token = house.token(BY_NAME[case["who"]])
    told = post(house, "/v1/authorize", question, token)
    (among,) = post(house, "/v1/authorize/batch", {"requests": [question]}, token)["answers"]
    as_opa = post(house, "/v1/data/sekisho/allow", {"input": question}, token)
    assert (among["effect"], among["reason"]) == (told["effect"], told["reason"])
    assert as_opa["result"] is (told["effect"] == "allow")
    query = {"datasource": DATASOURCE, "sql": case["sql"], "address": address, "rows": 1}
    ran = post(house, "/v1/query", query, token)
    assert ran.get("reason", "allowed") == told["reason"]
    return told


def post(house: House, path: str, document: Mapping[str, Any], token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{house.http}{path}",
        data=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return {**json.load(answer), "status": answer.status}
    except urllib.error.HTTPError as error:
        with error:
            return {**json.load(error), "status": error.code}


def ask_grpc(house: House, case: Mapping[str, Any], address: str) -> access_pb2.AuthorizeResponse:
    """Asked by itself, among several and in a stream: one answer."""
    with grpc.insecure_channel(f"127.0.0.1:{house.ports.grpc}") as channel:
        stub = access_pb2_grpc.AccessServiceStub(channel)
        request = access_pb2.AuthorizeRequest(
            token=house.token(BY_NAME[case["who"]]),
            datasource=DATASOURCE,
            statement=access_pb2.Statement(sql=case["sql"]),
            address=address,
        )
        alone = stub.Authorize(request, timeout=10)
        batch = stub.AuthorizeBatch(access_pb2.AuthorizeBatchRequest(requests=[request, request]), timeout=10)
        messages = [access_pb2.AuthorizeStreamRequest(correlation=number, request=request) for number in (1, 2)]
        streamed = list(stub.AuthorizeStream(iter(messages), timeout=10))
        assert {one.correlation for one in streamed} == {1, 2}
        for other in (*batch.answers, *(one.answer for one in streamed)):
            assert told(other) == told(alone)
        return alone


def told(answer: access_pb2.AuthorizeResponse) -> access_pb2.AuthorizeResponse:
    """All but what is of each asking."""
    same = access_pb2.AuthorizeResponse()
    same.CopyFrom(answer)
    same.decision_id, same.reused, same.hint = "", False, same.hint.replace(answer.decision_id or "-", "")
    same.detail = same.detail.replace(answer.decision_id or "-", "")
    return same


def ask_postgres(house: House, case: Mapping[str, Any], address: str) -> psycopg.Error | None:
    who = BY_NAME[case["who"]]
    with Relay(address, ("127.0.0.1", house.ports.edge)) as relay:
        parameters = {**house.parameters(who), "port": relay.port}
        with psycopg.connect(**parameters, autocommit=True) as connection:
            try:
                connection.execute(case["sql"], prepare=False)
            except psycopg.Error as error:
                assert connection.execute("SELECT 1").fetchone() == (1,), "the session must survive"
                return error
            return None


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_one_answer_through_all_doors(house: House, places: Mapping[str, str], case: Mapping[str, Any]) -> None:
    before = len(house.entries())
    address = places[case["at"]]
    error = ask_postgres(house, case, address)
    http = ask_http(house, case, address)
    rpc = ask_grpc(house, case, address)

    if "complaint" in case:
        assert error is not None
        assert error.sqlstate == case["complaint"]
        assert http["complaint"]["sqlstate"] == case["complaint"]
        assert rpc.complaint.sqlstate == case["complaint"]
        assert error.diag.message_primary == http["complaint"]["fields"]["M"] == rpc.complaint.fields["M"]
        assert error.diag.statement_position == http["complaint"]["fields"]["P"]
        return

    effect, reason = case["effect"], Reason(case.get("reason", "allowed"))
    assert http["effect"] == effect
    assert http["reason"] == reason
    assert http["status"] == ANSWERS[reason].http
    assert rpc.effect == (access_pb2.EFFECT_ALLOW if effect == "allow" else access_pb2.EFFECT_DENY)
    assert rpc.reason == reason
    if effect == "allow":
        assert error is None
    else:
        assert error is not None
        assert error.sqlstate == ANSWERS[reason].sqlstate
        # the words differ in nothing but the decision's id
        assert error.diag.message_primary == http["message"] == rpc.message
        said = f"{error.diag.message_primary}\n{error.diag.message_detail}"
        for word in case.get("message_says", []):
            assert word in str(error.diag.message_primary), said

    recorded = [entry for entry in house.entries()[before:] if entry["kind"] == "decision"]
    by_door = {
        entry["door"]: entry
        for entry in recorded
        if entry["effect"] == effect and entry["statement"]["hash"] == recorded[0]["statement"]["hash"]
    }
    assert set(by_door) == {"postgres", "http", "grpc"}
    same = ("effect", "reason", "findings", "obligations", "cross_border", "origin", "data", "employer", "revision")
    for field in same:
        assert by_door["postgres"][field] == by_door["http"][field] == by_door["grpc"][field], field
    entry = by_door["postgres"]
    rules = [finding["rule"] for finding in entry["findings"] if finding["mode"] == "enforce"]
    assert [finding["rule"] for finding in http["findings"] if finding["mode"] == "enforce"] == rules
    assert [one.rule for one in rpc.findings if one.mode == access_pb2.MODE_ENFORCE] == rules
    if "first_rule" in case:
        assert rules[0] == case["first_rule"]
    if "findings" in case:
        assert rules == case["findings"]
    if "cross_border" in case:
        assert entry["cross_border"] is case["cross_border"]
