"""Traces of a real gateway at a real OpenTelemetry collector: through the postgres, grpc and http doors."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.demo.settings import DATASOURCE, free_port
from gateway.doors._generated.sekisho.v1 import access_pb2, access_pb2_grpc
from tests.collector import Collector, Span, collector
from tests.houses import House

pytestmark = [pytest.mark.integration]

TRACE = "4bf92f3577b34da6a3ce929d0e0e47{:02x}"
CALLER = "00f067aa0ba902b7"
ALLOWED = "SELECT name FROM stickers"
ROWS = 12
DENIED = "SELECT phone FROM users"
ALWAYS = 1_000_000


def parent(number: int, flags: str = "01") -> str:
    return f"00-{TRACE.format(number)}-{CALLER}-{flags}"


def commented(sql: str, number: int, flags: str = "01") -> str:
    return f"{sql} /*controller='a%20b',traceparent='{parent(number, flags)}',tracestate='congo%3Dt61'*/"


def settings(port: int, **others: Any) -> dict[str, Any]:
    return {"traces": {"url": f"http://127.0.0.1:{port}/v1/traces", "interval_ms": 20, **others}}


@pytest.fixture(scope="module")
def receiving() -> Iterator[Collector]:
    with collector() as one:
        yield one


@pytest.fixture(scope="module")
def traced(receiving: Collector, messenger: Database) -> Iterator[House]:
    sampled = settings(receiving.port, per_million=ALWAYS, resource=["deployment.environment.name=test"])
    with tempfile.TemporaryDirectory(prefix="sekisho-traced-") as folder:
        house = House(Path(folder), messenger, sampled).start()
        yield house
        house.stop()


def by_name(spans: Sequence[Span], number: int) -> dict[str, Span]:
    """Of one trace; each name is there once."""
    own = [span for span in spans if span.trace_id == TRACE.format(number)]
    assert len({span.name for span in own}) == len(own), own
    return {span.name: span for span in own}


def first_of(spans: Sequence[Span], number: int) -> Span:
    (found,) = [span for span in spans if span.trace_id == TRACE.format(number) and span.kind == "Server"]
    return found


def entry_of(house: House, number: int) -> Any:
    (found,) = [one for one in house.entries() if one.get("trace_id") == TRACE.format(number)]
    return found


@pytest.mark.needs("otelcol")
def test_spans_of_three_doors_belong_to_their_callers_traces(traced: House, receiving: Collector) -> None:
    with traced.connect(SATO) as connection:
        for number in (1, 2):  # decided, and let through again in the fast lane
            connection.execute(commented(ALLOWED, 1 if number == 1 else 2))
        connection.execute(commented(ALLOWED, 3, flags="00"))  # its caller does not sample it
        with pytest.raises(psycopg.errors.InsufficientPrivilege), traced.connect(LI) as other:
            other.execute(commented(DENIED, 4))
    question = {"token": traced.token(SATO), "datasource": DATASOURCE, "statement": {"sql": ALLOWED}}
    with grpc.insecure_channel(f"127.0.0.1:{traced.ports.grpc}") as channel:
        request = access_pb2.AuthorizeRequest(
            token=traced.token(SATO), datasource=DATASOURCE, address="10.10.0.7", statement={"sql": ALLOWED}
        )
        stub = access_pb2_grpc.AccessServiceStub(channel)
        stub.Authorize(request, timeout=10, metadata=(("traceparent", parent(5)), ("tracestate", "congo=t61")))
    asked = urllib.request.Request(
        f"{traced.http}/v1/authorize",
        json.dumps({**question, "address": "10.10.0.7"}).encode(),
        {"Content-Type": "application/json", "traceparent": parent(6)},
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        told = json.load(answer)
    spans = receiving.spans(TRACE.format(6))

    for number, subject in ((1, "statement"), (2, "statement"), (4, "statement"), (5, "question"), (6, "question")):
        found = by_name(spans, number)
        first = found.pop(f"sekisho.{subject}")
        assert (first.parent, first.kind) == (CALLER, "Server")
        assert {span.parent for span in found.values()} == {first.span_id}
        assert all(first.began <= span.began <= span.ended <= first.ended for span in found.values())
        assert "sekisho.record" in found
        assert first.attributes["sekisho.decision_id"] == entry_of(traced, number)["decision_id"]
        assert first.attributes["db.system.name"] == "postgresql"
        assert first.attributes["db.operation.name"] == "SELECT"
        assert first.attributes["db.namespace"] == DATASOURCE
        assert first.attributes["sekisho.policy_revision"]
        assert first.state == ("congo=t61" if number < 6 else "")
    assert TRACE.format(3) not in receiving.log.read_text()

    of_first = by_name(spans, 1)
    assert set(of_first) == {f"sekisho.{name}" for name in ("statement", "understand", "decide", "record", "upstream")}
    upstream = of_first["sekisho.upstream"]
    assert (upstream.kind, upstream.attributes["db.response.returned_rows"]) == ("Client", str(ROWS))
    assert of_first["sekisho.statement"].attributes["sekisho.reused"] == "false"

    again = by_name(spans, 2)  # with another comment, and known all the same
    assert set(again) == {"sekisho.statement", "sekisho.record", "sekisho.upstream"}
    assert again["sekisho.statement"].attributes["sekisho.reused"] == "true"
    assert entry_of(traced, 2)["statement_hash"] != entry_of(traced, 1)["statement"]["hash"]

    denied = first_of(spans, 4).attributes
    assert (denied["sekisho.effect"], denied["sekisho.reason"]) == ("deny", "policy_denied")
    assert (denied["db.response.status_code"], denied["error.type"]) == ("42501", "policy_denied")
    rules = {finding["rule"] for finding in entry_of(traced, 4)["findings"]}
    assert denied["sekisho.rule"]
    assert all(rule in rules for rule in json.loads(denied["sekisho.rule"]))
    assert "sekisho.upstream" not in by_name(spans, 4)
    assert first_of(spans, 6).attributes["sekisho.decision_id"] == told["decision_id"]
    assert first_of(spans, 5).attributes["sekisho.door"] == "grpc"
    text = receiving.log.read_text()
    assert "-> service.name: Str(sekisho)" in text
    assert "-> deployment.environment.name: Str(test)" in text
    for secret in ("stickers", "users", "phone", "sato", "tanaka", "10.10.0.7", "a%20b"):
        assert secret not in text.lower()


@pytest.mark.needs("otelcol")
def test_what_is_prepared_belongs_to_the_trace_its_text_tells_of(traced: House, receiving: Collector) -> None:
    with traced.connect(SATO) as connection:
        for _ in range(3):
            text = commented("SELECT name FROM stickers WHERE id = %s", 32)
            connection.execute(text.replace("%20", "%%20").replace("%3D", "%%3D"), [1], prepare=True)
    last = [one for one in traced.entries("repeat")][-1]
    assert last["trace_id"] == TRACE.format(32)
    spans = [one for one in receiving.spans(last["decision_id"]) if one.trace_id == TRACE.format(32)]
    firsts = [one for one in spans if one.kind == "Server"]
    assert [one.name for one in firsts] == ["sekisho.parse", *["sekisho.statement"] * 3]
    assert {one.parent for one in firsts} == {CALLER}
    ids = [one.attributes["sekisho.decision_id"] for one in firsts]
    assert ids[0] == ids[1]  # the decision of Parse is that of the first Execute
    assert len(set(ids)) == 3
    assert len([one for one in spans if one.name == "sekisho.upstream"]) == 3


@pytest.mark.needs("otelcol")
def test_without_a_callers_trace_a_share_of_statements_begins_its_own(traced: House, receiving: Collector) -> None:
    before = {one["trace_id"] for one in traced.entries() if "trace_id" in one}
    with traced.connect(SATO) as connection:
        connection.execute("SELECT name FROM stickers WHERE id = %s", [1])
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0 FROM stickers")
    ids = {one["trace_id"] for one in traced.entries() if "trace_id" in one} - before
    assert len(ids) == 2
    failed = traced.entries("completion")[-1]["decision_id"]
    spans = [one for one in receiving.spans(failed) if one.trace_id in ids]
    firsts = {one.attributes.get("sekisho.decision_id"): one for one in spans if one.kind == "Server"}
    (upstream,) = [one for one in spans if one.name == "sekisho.upstream" and one.parent == firsts[failed].span_id]
    assert (upstream.status, upstream.attributes["error.type"]) == ("Error", "22012")
    parsed = [one for one in spans if one.name == "sekisho.parse"]
    executed = [one for one in spans if one.parent in {one.span_id for one in parsed} and one.kind == "Server"]
    assert len(executed) == len(parsed) == 1


@pytest.mark.needs("otelcol")
def test_a_hostile_comment_changes_nothing(traced: House) -> None:
    hostile = (
        "/*traceparent='" + "0" * 60_000 + "'*/",
        "/*" * 500 + "traceparent='x'" + "*/" * 500,
        f"/*traceparent='{parent(48)}',traceparent='{parent(49)}'*/",
        f"/*traceparent='{parent(48).upper()}'*/" * 300,
        f"/*traceparent='{parent(48)}' OR '1'='1'*/",
        f"/*traceparent='{parent(48)[:-2]}ff%0a'*/",
        "/*traceparent='%00%ff%'*/",
    )
    with traced.connect(SATO) as connection:
        rows = connection.execute(ALLOWED).fetchall()
        for one in hostile:
            assert connection.execute(f"{ALLOWED} {one}").fetchall() == rows
            with pytest.raises(psycopg.errors.SyntaxError):
                connection.execute(f"{ALLOWED} {one[:-1]}")
        text = f"SELECT '{commented('x', 48).replace(chr(39), chr(39) * 2)}' FROM stickers LIMIT 1"
        assert connection.execute(text).fetchall() == [(commented("x", 48),)]
    told = {one["trace_id"] for one in traced.entries() if "trace_id" in one}
    assert not told & {TRACE.format(48), TRACE.format(49)}


def test_without_a_collector_statements_go_on_and_what_is_lost_is_counted(new_house: Callable[..., House]) -> None:
    house = new_house(settings(free_port(), per_million=ALWAYS, waiting=4, batch=1))
    with house.connect(SATO) as connection:
        for _ in range(40):
            assert len(connection.execute(ALLOWED).fetchall()) == ROWS

    def counted(result: str) -> float:
        return house.metric("sekisho_trace_spans_total", result=result)

    deadline = time.monotonic() + 30
    while not (counted("dropped") and counted("lost")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert counted("exported") == 0
    assert len(house.entries("completion")) == 40
