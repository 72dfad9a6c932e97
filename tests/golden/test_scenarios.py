"""The scenarios of law through every door, on a real database: as the engine's golden case says, in each door's words.

A file of ``scenarios/`` holds statements as somebody sends them. Each names the golden case of ``policy/`` whose facts
these are; what comes of it is compared with that case, so that there is one truth for engine and doors.
"""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
import yaml

from gateway.demo.characters import ISSUER
from gateway.demo.database import Database
from gateway.demo.settings import DATASOURCE
from gateway.doors._generated.sekisho.v1 import access_pb2, access_pb2_grpc
from gateway.errors import ANSWERS, Reason
from gateway.policy.cases import Case, differences
from tests.golden.policy_cases import cases
from tests.stages import ENFORCED, TODAY, Clock, Stage

FOLDER = Path(__file__).with_name("scenarios")
KINDS = ("mask", "row_filter", "row_limit", "subject_countries")
GOLDEN = {case.id: case for case in cases()}


@dataclass(frozen=True)
class Scenario:
    """One statement, who sends it and from where, and what comes of it."""

    id: str
    golden: Case
    who: str
    at: str
    sql: str
    effect: str
    rules: list[str]
    source: str = DATASOURCE
    issuer: str = ISSUER
    day: date = TODAY
    token: Mapping[str, Any] = field(default_factory=dict)  # what it says besides who somebody is
    shows: list[list[Any]] | None = None  # rows, as text
    login: str | None = None  # what the postgres door says at the login already

    @property
    def name(self) -> str:
        return f"{self.id}: {self.golden.id}"


def read(path: Path) -> Iterator[Scenario]:
    content = yaml.safe_load(path.read_text())
    for case in content["cases"]:
        whole = {"in": content.get("in", DATASOURCE), "token": content.get("token", {}), **case}
        whole["source"] = whole.pop("in")
        yield Scenario(**{**whole, "golden": GOLDEN[whole["golden"]]})


SCENARIOS = [one for path in sorted(FOLDER.glob("*.yaml")) for one in read(path)]


@pytest.fixture(scope="module")
def stage(messenger: Database) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="sekisho-stage-") as directory:
        with Stage(Path(directory), messenger, Clock(patch)) as one:
            yield one


@pytest.fixture(scope="module")
def stub(stage: Stage) -> Iterator[access_pb2_grpc.AccessServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{stage.house.ports.grpc}") as channel:
        yield access_pb2_grpc.AccessServiceStub(channel)


def ask_http(stage: Stage, case: Scenario, token: str) -> dict[str, Any]:
    body = {
        "datasource": case.source,
        "statement": {"sql": case.sql},
        "address": stage.addresses[case.at],
        "supported_obligations": KINDS,
    }
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{stage.house.http}/v1/authorize", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return {**json.load(answer), "status": answer.status}
    except urllib.error.HTTPError as error:
        with error:
            return {**json.load(error), "status": error.code}


def ask_grpc(stub: access_pb2_grpc.AccessServiceStub, stage: Stage, case: Scenario, token: str) -> dict[str, Any]:
    request = access_pb2.AuthorizeRequest(
        token=token,
        datasource=case.source,
        statement=access_pb2.Statement(sql=case.sql),
        address=stage.addresses[case.at],
        supported_obligations=[getattr(access_pb2, f"OBLIGATION_KIND_{kind.upper()}") for kind in KINDS],
    )
    answer = stub.Authorize(request)  # no deadline: the library reckons it by the clock that is set here
    effect = access_pb2.Effect.Name(answer.effect).removeprefix("EFFECT_").lower()
    enforced = [one.rule for one in answer.findings if one.mode == access_pb2.MODE_ENFORCE]
    return {"effect": effect, "reason": answer.reason, "message": answer.message, "rules": enforced}


def ask_postgres(stage: Stage, case: Scenario, token: str) -> tuple[list[list[Any]], psycopg.Error | None]:
    """The rows as text, or the error."""
    try:
        cursor = stage.connection(case.who, case.at, case.source, token).execute(case.sql, prepare=False)
        rows = cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        return [], error
    return [[value if value is None else str(value) for value in row] for row in rows], None


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_a_scenario_through_every_door(stage: Stage, stub: access_pb2_grpc.AccessServiceStub, case: Scenario) -> None:
    stage.on(case.day)
    token = stage.token(case.who, case.issuer, **case.token)
    http = ask_http(stage, case, token)
    rpc = ask_grpc(stub, stage, case, token)
    rows, error = ask_postgres(stage, case, token)
    by_door = {entry["door"]: entry for entry in stage.new_entries() if entry["kind"] == "decision"}

    golden = enforced(case.golden)
    expected = golden.expect
    assert (case.effect, case.rules) == (expected["effect"], expected["rules"]), "the golden case says otherwise"
    assert http["message"] == rpc["message"]
    assert rules(http["findings"]) == rpc["rules"]
    if case.login is not None:  # before there is a statement; who asks by another door is told by the rules
        assert case.login in str(error)
        assert Reason(http["reason"]) is Reason.POLICY_DENIED
        assert by_door.keys() == {"http", "grpc"}
        assert not differences(judged(golden), said(by_door["http"], http["findings"]))
        return
    entry = by_door["postgres"]
    assert not differences(judged(golden), said(entry, http["findings"]))
    reason = Reason(entry["reason"])
    if error is None:
        assert case.shows is None or rows == case.shows
        if "limits" in expected:  # only who tells how much went out is let through to data that is counted
            assert http["reason"] == rpc["reason"] == Reason.OBLIGATION_UNSUPPORTED
        else:
            assert http["reason"] == rpc["reason"] == reason is Reason.ALLOWED
    else:
        assert http["reason"] == rpc["reason"] == reason
        assert http["status"] == ANSWERS[reason].http
        assert (error.sqlstate, error.diag.message_primary) == (ANSWERS[reason].sqlstate, http["message"])
        assert all(rule in str(error.diag.message_detail) for rule in case.rules)
    for name in ("origin", "data", "employer", "location", "revision", "cross_border", "statement"):
        assert entry[name] == by_door["http"][name] == by_door["grpc"][name], name


def rules(findings: list[dict[str, Any]]) -> list[str]:
    """The rules that speak and are enforced."""
    return [one["rule"] for one in findings if one["mode"] == "enforce"]


def enforced(case: Case) -> Case:
    """The case in this house, which acts on what is only counted as the packs come."""
    expect = case.expect
    if ENFORCED not in expect.get("shadow", ()):
        return case
    counted = [rule for rule in expect["shadow"] if rule != ENFORCED]
    return replace(case, expect={**expect, "effect": "deny", "rules": [*expect["rules"], ENFORCED], "shadow": counted})


def judged(case: Case) -> Case:
    """The case without what depends on the registry's dates and on what is counted, and no door tells."""
    kept = {
        key: value
        for key, value in case.expect.items()
        if key not in {"valid_until", "headroom", "limits", "durability"}
    }
    return replace(case, expect=kept)


def said(entry: Mapping[str, Any], findings: Any) -> dict[str, Any]:
    """What the postgres door decided, as an engine's answer: without the row limit, which is how it counts."""
    messages = {(one["rule"], one["fact"]): one["message"] for one in findings}
    return {
        **entry,
        "effect": "allow" if entry["effect"] == "allow" else "deny",
        "obligations": [one for one in entry["obligations"] if one["kind"] != "row_limit"],
        "limits": [],
        "findings": [{**one, "message": messages.get((one["rule"], one["fact"]), "")} for one in entry["findings"]],
    }


def test_no_scenario_is_told_twice() -> None:
    assert len({case.name for case in SCENARIOS}) == len(SCENARIOS) > 75
