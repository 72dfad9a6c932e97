"""The scenarios of law through every door, on a real database: as the engine's golden case says, in each door's words.

A file of ``scenarios/`` holds statements as somebody sends them. Each names the golden case of ``policy/`` whose facts
these are; what comes of it is compared with that case, so that there is one truth for engine and doors. At the end
stand those of the record that all this leaves: what is asked of it years after.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import grpc
import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.audit.verify import iter_entries
from gateway.cli import main
from gateway.demo.characters import ISSUER
from gateway.demo.database import Database
from gateway.demo.settings import DATASOURCE
from gateway.doors._generated.sekisho.v1 import access_pb2, access_pb2_grpc
from gateway.errors import ANSWERS, Reason
from gateway.policy.cases import Case, differences
from tests.golden.policy_cases import cases
from tests.golden.record_by_hand import Execution, as_text, by_hand, ended, told
from tests.integration.postgres_wire import until
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


# -- of the record ------------------------------------------------------------------------------------------------

OF_THE_RECORD = {"L22", "D22"}
_CONTACT = ("users.email", "users.id", "users.name", "users.phone")
READ = {  # by account: what it read, and the columns
    "luo": ("SELECT id, name, phone, email FROM users WHERE id = %s", _CONTACT),
    "tan": ("SELECT body FROM messages WHERE sender_id = %s", ("messages.body", "messages.sender_id")),
    "xie": (
        "SELECT name, body FROM users JOIN messages ON sender_id = users.id WHERE users.id = %s",
        ("messages.body", "messages.sender_id", "users.id", "users.name"),
    ),
    "yao": ("SELECT * FROM users WHERE id = %s", ("users.country", "users.created_at", *_CONTACT)),
}
DAYS = [
    *(date(2018, 8, 1), date(2018, 11, 20), date(2019, 3, 5), date(2019, 8, 14)),
    *(date(2020, 1, 20), date(2020, 7, 2), date(2020, 12, 24), date(2021, 2, 22)),
]
TRIP = DAYS[3]  # in Tokyo: whoever asks for those in China misses what was read then
RUNS = {day: 5 if day == DAYS[0] else 4 for day in DAYS}  # of each, with one statement that is prepared once
TEN_YEARS = (datetime(2018, 11, 21, tzinfo=UTC), datetime(2028, 11, 21, tzinfo=UTC))


@pytest.fixture(scope="module")
def years(stage: Stage) -> Path:
    """The record after four accounts of the affiliate in Shanghai read from August 2018 on, until they were stopped;
    and of what went on since."""
    for day in DAYS:
        stage.on(day)
        for who, (sql, _) in READ.items():
            site = "tokyo-hq" if day == TRIP else "shanghai-office"
            connection = stage.connection(who, site, DATASOURCE, stage.token(who, ISSUER))
            for number in range(RUNS[day]):
                connection.execute(sql, [str(number + 1)], prepare=True).fetchall()
    stage.on(date(2021, 2, 24))
    with pytest.raises(psycopg.OperationalError, match=r"access is blocked \(stop-lmp\)"):
        stage.connection("luo", "shanghai-office", DATASOURCE, stage.token("luo", ISSUER))
    for case in (one for one in SCENARIOS if one.id in ("D01", "D04", "L01", "L11")):
        stage.on(case.day)
        token = stage.token(case.who, case.issuer, **case.token)
        ask_http(stage, case, token)
        ask_postgres(stage, case, token)
    record = stage.house.layout.record
    until(lambda: ended(by_hand(record)))
    return record


@pytest.fixture(scope="module")
def copy(years: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an auditor is given, of a gateway at work: what it is just writing to replace a file is no part of it."""
    being_written = shutil.ignore_patterns("*.unfinished")
    return Path(shutil.copytree(years, tmp_path_factory.mktemp("auditor") / "record", ignore=being_written))


def of_the_four(executions: Mapping[str, Execution]) -> dict[str, Execution]:
    return {id: one for id, one in executions.items() if one.decision["principal"]["subject"] in READ}


def query(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["audit", "query", *map(str, arguments)])
    assert result.exit_code == 0, result.stderr
    return result


def rows_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_l22_every_access_of_the_accounts_in_shanghai(stage: Stage, years: Path, copy: Path) -> None:
    """Thirty-two were reported at first, and a hundred more found later: a statement prepared once is run often."""
    when = ("--entity", "shanghai-lmp", "--since", "2018-08-01", "--until", "2021-02-28")
    own = of_the_four(by_hand(copy))
    assert len(own) == 132

    asked = ("--by", "principal,column,subject-country,chain,owners,door", "--format", "json")
    found = json.loads(query("--config", stage.house.layout.config, *when, *asked).stdout)
    assert (found["total"]["executions"], found["total"]["decisions"], found["total"]["people"]) == (132, 32, 4)
    assert found["total"]["rows"] == sum(one.end["rows"] for one in own.values())
    groups = {one["principal"]: one for one in found["rows"]}
    assert {id: one["column"] for id, one in groups.items()} == {
        f"{ISSUER}#{who}": ", ".join(f"public.{name}" for name in columns) for who, (_, columns) in READ.items()
    }
    whose = ("subject-country", "chain", "owners", "door")
    assert {tuple(one[name] for name in whose) for one in found["rows"]} == {
        ("JP, KR, TH, TW", "line-jp, shanghai-lmp", "line-jp, naver", "postgres")
    }

    listed = query(copy, "--unrecorded", *when, "--list", "--limit", 1000, "--format", "ndjson")
    assert {one["decision_id"]: (one["columns"], one["rows"]) for one in rows_of(listed)} == {
        id: (groups[one.decision["principal"]["id"]]["column"], one.end["rows"]) for id, one in own.items()
    }
    cut = query(copy, "--unrecorded", *when, "--list", "--limit", 32, "--format", "csv")
    assert "only the last 32: there are more" in cut.stderr, "nobody takes these for all"

    places = json.loads(query(copy, "--unrecorded", *when, "--by", "location", "--format", "json").stdout)["rows"]
    assert {one["location"]: one["executions"] for one in places} == {"CN": 116, "JP": 16}, "by place 16 are missed"


def test_d22_ten_years_of_decisions_for_an_auditor(copy: Path, tmp_path: Path) -> None:
    """Row by row, in each form: who, employed and owned by whom, what of whose, how much, by which way."""
    since, before = TEN_YEARS
    sql = f"SELECT * FROM accesses WHERE time >= '{since:%F}' AND time < '{before:%F}' ORDER BY time, id"
    asked = (copy, "--unrecorded", "--sql", sql, "--format")
    expected = {id: one for id, one in by_hand(copy).items() if since <= one.at < before}
    assert len(of_the_four(expected)) == 132 - 36, "what is older than ten years is not among them"
    rows = rows_of(query(*asked, "ndjson"))
    assert len(rows) == len(expected)
    assert {row["id"]: {name: row[name] for name in told(expected[row["id"]])} for row in rows} == {
        id: told(one) for id, one in expected.items()
    }
    assert {row["door"] for row in rows} >= {"http", "postgres"}
    owned = next(row for row in rows if row["entity"] == "half-owned")
    assert dict(zip(owned["owners"], owned["owner_shares"], strict=True)) == {"beijing": 50, "tokyo-holding": 50}
    assert "mask" in owned["obligations"]
    assert owned["held"] == ["us-dsp-202 half-owned yes"], "held by a country of concern"

    table = list(csv.DictReader(query(*asked, "csv").stdout.splitlines()))
    assert [as_text(row) for row in rows] == table
    file = tmp_path / "export.parquet"
    query(*asked, "parquet", "--output", file)
    kept = duckdb.read_parquet(str(file))
    assert [dict(zip(kept.columns, row, strict=True)) for row in kept.fetchall()] == [
        {**row, "time": datetime.fromisoformat(row["time"]).replace(tzinfo=None)} for row in rows
    ]

    verified = json.loads(CliRunner().invoke(main, ["audit", "verify", str(copy), "--json"]).stdout)
    assert verified["entries"] == len(list(iter_entries(copy)))
    assert {one["kind"] for one in verified["bad"]} <= {"clock_back"}, "as the stage sets it, and nothing else"
