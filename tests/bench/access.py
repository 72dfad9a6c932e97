"""`Authorize` over gRPC beside OPA's REST interface, and a hundred questions in one call beside one.

The same rules, the same question and as many connections as in `rest`; the load on the gateway comes from ghz.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from statistics import median

import grpc
from grpc_tools import protoc

from gateway.demo.characters import SATO
from gateway.demo.database import Database
from gateway.demo.serving import await_ready, serve
from gateway.demo.settings import DATASOURCE
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub
from gateway.model import JsonValue
from gateway.policy.bundle import load_bundle
from tests.bench import rest
from tests.bench.figures import Table, shown
from tests.bench.rest import CLIENTS, PLACE, SQL, Load, Way
from tests.engines import opa_with
from tests.houses import House
from tests.servers import require_tool
from tests.worlds import ROOT

REUSED = "Authorize"
_PROTO = ROOT / "proto"


def tables(*, seconds: int, rounds: int) -> list[Table]:
    """The figures of both."""
    require_tool("ghz")
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-access-") as directory:
        database = Database(Path(directory))
        database.start()
        contract = _contract(Path(directory))
        try:
            with opa_with(load_bundle(ROOT / "policies")) as opa, _gateway(database) as ours:
                document = {"input": rest.question(database)}
                other = Way("OPA", f"{opa.url}/v1/data/sekisho/decision", opa.process.pid, document, None)
                _call(ours, contract, 1), rest.attack(other, 1)  # connections, caches and the rules are warm
                pairs = [(_call(ours, contract, seconds), rest.attack(other, seconds)) for _ in range(rounds)]
                most = tuple(max(loads, key=lambda one: one.rate) for loads in zip(*pairs, strict=True))
                equal = max(1, int(min(one.rate for one in most) / 2))
                level = (_call(ours, contract, seconds, rate=equal), rest.attack(other, seconds, rate=equal))
                return [_table(most, level, equal), _batch_beside_one(ours, rounds)]
        finally:
            database.stop()


def _contract(directory: Path) -> Path:
    """The contract as descriptors: ghz's own reader of .proto files is of a time before optional fields."""
    found, standard = directory / "access.binpb", files("grpc_tools") / "_proto"
    source = _PROTO / "sekisho" / "v1" / "access.proto"
    paths = [f"--proto_path={_PROTO}", f"--proto_path={standard}"]
    if protoc.main(["protoc", *paths, "--include_imports", f"--descriptor_set_out={found}", str(source)]) != 0:
        raise RuntimeError("protoc refused the contract")
    return found


def _call(way: Way, contract: Path, seconds: int, *, rate: int = 0) -> Load:
    """Ask for so long; ``rate`` 0: as fast as the connections can."""
    options = {
        "protoset": str(contract),
        "call": "sekisho.v1.AccessService.Authorize",
        "data": json.dumps(way.body),
        "metadata": json.dumps({"authorization": f"Bearer {way.token}"}),
        "connections": str(CLIENTS),
        "concurrency": str(CLIENTS),
        "duration": f"{seconds}s",
        "duration-stop": "wait",
        "rps": str(rate),
        "format": "json",
    }
    told_by = [part for name, value in options.items() for part in (f"--{name}", value)]
    command = [str(require_tool("ghz")), "--insecure", *told_by]
    before = way.cpu()
    done = subprocess.run([*command, way.url], capture_output=True, check=True, timeout=seconds + 60)
    used = way.cpu() - before
    told = json.loads(done.stdout)
    good = told["statusCodeDistribution"].get("OK", 0)
    at = {one["percentage"]: one["latency"] / 1000 for one in told["latencyDistribution"]}
    return Load(
        rate=good / (told["total"] / 1e9),
        p50_us=at[50],
        p99_us=at[99],
        cpu_us=used * 1e6 / max(1, told["count"]),
        bad=told["count"] - good,
    )


@contextmanager
def _gateway(database: Database) -> Iterator[Way]:
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-access-house-") as directory:
        house = House(Path(directory), database)
        process = serve(house.layout.config)
        try:
            await_ready(process, house.ports.ready_url, seconds=60)
            body: dict[str, JsonValue] = {"datasource": DATASOURCE, "statement": {"sql": SQL}, "address": PLACE}
            yield Way("Sekisho", f"127.0.0.1:{house.ports.grpc}", process.pid, body, house.token(SATO))
        finally:
            process.stop()


def _table(most: tuple[Load, ...], level: tuple[Load, ...], equal: int) -> Table:
    ours, other = most
    rows = []
    for what, loads in (("as fast as it can", most), (f"{equal}/s", level)):
        for who, load in zip(("Sekisho", "OPA"), loads, strict=True):
            figures = (load.rate, 1e6 / load.cpu_us if load.cpu_us else None, load.p50_us, load.p99_us)
            rows.append((f"{who}, {what}", *(shown(figure, "{:.0f}") for figure in figures), str(load.bad)))
    return Table(
        name="access",
        title=f"Authorize over gRPC beside OPA's REST interface, {CLIENTS} connections",
        columns=("who", "answers/s", "of a core", "p50 us", "p99 us", "not OK"),
        rows=tuple(rows),
        data=(
            {
                "what": REUSED,
                "way": "gateway",
                "rate": ours.rate,
                "per_core_to_opa": other.cpu_us / ours.cpu_us,
                "p99_to_opa_at_equal_load": level[0].p99_us / level[1].p99_us,
                "cpu_us": ours.cpu_us,
                "bad": ours.bad,
            },
        ),
        notes=(
            "OPA judges a document that the gateway has made; the gateway verifies the token, understands, decides,",
            "and has the answer on disk before it gives it.",
        ),
    )


def _batch_beside_one(way: Way, rounds: int) -> Table:
    """How much longer a hundred take together than one alone."""
    request = wire.AuthorizeRequest(datasource=DATASOURCE, statement=wire.Statement(sql=SQL), address=PLACE)
    hundred = wire.AuthorizeBatchRequest(requests=[request] * 100)
    metadata = (("authorization", f"Bearer {way.token}"),)
    times: dict[int, list[float]] = {1: [], 100: []}
    with grpc.insecure_channel(way.url) as channel:
        stub = AccessServiceStub(channel)
        for _ in range(10 * rounds):
            began = time.perf_counter()
            stub.Authorize(request, metadata=metadata, timeout=60)
            between = time.perf_counter()
            stub.AuthorizeBatch(hundred, metadata=metadata, timeout=60)
            times[1].append(between - began)
            times[100].append(time.perf_counter() - between)
    one, many = (median(times[count]) * 1000 for count in (1, 100))
    return Table(
        name="access_batch",
        title="A hundred questions in one call of gRPC, and one",
        columns=("one, ms", "a hundred, ms", "x one"),
        rows=((shown(one, "{:.2f}"), shown(many, "{:.2f}"), shown(many / one, "{:.1f}")),),
        data=({"way": "gateway", "one_ms": one, "hundred_ms": many, "times": many / one},),
    )
