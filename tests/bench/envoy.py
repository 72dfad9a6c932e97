"""`Check` of Envoy's external authorization beside opa-envoy-plugin: the same rules, the same question, the same load.

The plugin is given the document that the gateway makes of the question, and judges it: no token is verified there,
nothing is understood, nothing is recorded. Load comes from ghz: as fast as eight clients can, then to both at one rate.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway.demo.characters import SATO
from gateway.demo.serving import await_ready, serve
from gateway.demo.settings import free_port
from gateway.model import DatasourceId, Door, JsonValue, Peer
from gateway.needs import NeedDecision
from gateway.routes.reading import read
from gateway.routes.request import HttpRequest
from tests.bench.figures import Table, shown
from tests.bench.machine import children, cpu_seconds
from tests.driving import run_sync
from tests.envoys import LOOPBACK, SITES, house_settings, search_registry, search_routes
from tests.houses import House
from tests.integration.postgres_wire import until
from tests.servers import require_tool
from tests.worlds import NOW, ROOT, SECOND, Bench

CLIENTS = 8
CALL = "envoy.service.auth.v3.Authorization/Check"
REUSED, NEW = "Check", "Check, no answer reused"
_LIMITS: Mapping[str, Mapping[str, int]] = {REUSED: {}, NEW: {"known_decisions": 0}}
_BODY = json.dumps({"_source": ["name"], "query": {"term": {"id": 1}}}).encode()
_ADAPTER = """package bench

default allow := false

allow if data.sekisho.decision.effect == "allow" with input as data.question
"""


@dataclass(frozen=True, slots=True)
class Way:
    """Who is asked."""

    name: str
    port: int
    pid: int
    message: Path

    def cpu(self) -> float:
        """Processor seconds so far, of it and all its children."""
        return sum(cpu_seconds(pid) or 0.0 for pid in (self.pid, *children(self.pid)))


@dataclass(frozen=True, slots=True)
class Load:
    """What one attack gave."""

    rate: float
    p50_us: float
    p99_us: float
    cpu_us: float  # per answer
    bad: int


def tables(*, seconds: int, rounds: int) -> list[Table]:
    """The figures of both, and where answers are not reused."""
    for tool in ("ghz", "opa-envoy-plugin"):
        require_tool(tool)
    found: list[tuple[str, str, Load]] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-envoy-") as name:
        folder = Path(name)
        _descriptors(folder / "check.protoset")
        registry = search_registry(folder / "registry")
        with _plugin(folder, question(registry)) as other:
            for what, limits in _LIMITS.items():
                with _gateway(folder, registry, limits) as ours:
                    ways = (ours, other)
                    most = {way.name: _best(way, seconds, rounds) for way in ways}
                    equal = max(1, int(min(one.rate for one in most.values()) / 2))
                    found += [(what, f"{way.name}, as fast as it can", most[way.name]) for way in ways]
                    found += [(what, f"{way.name}, {equal}/s", attack(way, seconds, rate=equal)) for way in ways]
    return [_table(found)]


def http_request() -> HttpRequest:
    """What Envoy asks about."""
    headers = {"content-type": "application/json", "content-length": str(len(_BODY))}
    return HttpRequest(method="POST", host="search", target="/users/_search", headers=headers, body=_BODY)


def question(registry: Path) -> Mapping[str, JsonValue]:
    """The document that the gateway puts to the rules."""
    request = http_request()
    facts = read(search_routes().match(request), request)
    bench = Bench(lambda text: None, registry)
    ask = bench.ask(
        SATO.subject,
        SATO.site,
        "POST /{index}/_search",
        given=facts,
        door=Door.ENVOY,
        datasource=DatasourceId("search"),
        peer=Peer(address=SITES[SATO.site], via_edge=True),
    )
    run_sync(bench.authority.authorize(ask, NOW * SECOND), bench.answer)
    return next(need.document for need in bench.needs if isinstance(need, NeedDecision))


def attack(way: Way, seconds: int, *, rate: int = 0) -> Load:
    """Ask for so long; ``rate`` 0: as fast as the clients can."""
    command = [
        *(str(require_tool("ghz")), "--insecure", "--protoset", str(way.message.with_name("check.protoset"))),
        *("--call", CALL, "-B", str(way.message), "-c", str(CLIENTS), "--connections", str(CLIENTS)),
        *("-z", f"{seconds}s", "--duration-stop", "wait", "-O", "json"),
        *(["--rps", str(rate)] if rate else []),
        f"{LOOPBACK}:{way.port}",
    ]
    before = way.cpu()
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
    used = way.cpu() - before
    good = told["statusCodeDistribution"].get("OK", 0)
    latency = {one["percentage"]: one["latency"] / 1000 for one in told["latencyDistribution"]}
    return Load(told["rps"], latency[50], latency[99], used * 1e6 / max(1, told["count"]), told["count"] - good)


def _best(way: Way, seconds: int, rounds: int) -> Load:
    attack(way, 1)  # connections, caches and the rules are warm
    return max((attack(way, seconds) for _ in range(rounds)), key=lambda one: one.rate)


@contextmanager
def _gateway(folder: Path, registry: Path, limits: Mapping[str, int]) -> Iterator[Way]:
    with tempfile.TemporaryDirectory(prefix="house-", dir=folder) as name:
        house = House(Path(name), None, {**house_settings(registry), "limits": dict(limits)})
        process = serve(house.layout.config)
        try:
            await_ready(process, house.ports.ready_url, seconds=60)
            yield _allowed(Way("Sekisho", house.ports.grpc, process.pid, _message(folder / "ours", house.token(SATO))))
        finally:
            process.stop()


@contextmanager
def _plugin(folder: Path, document: Mapping[str, JsonValue]) -> Iterator[Way]:
    rules = folder / "rules"
    shutil.copytree(ROOT / "policies", rules, ignore=shutil.ignore_patterns("*_test.rego", "schema", "*.md"))
    (rules / "bench").mkdir()
    (rules / "bench" / "bench.rego").write_text(_ADAPTER)
    (rules / "question").mkdir()
    (rules / "question" / "data.json").write_text(json.dumps(document, default=_plain))
    (rules / ".manifest").unlink(missing_ok=True)
    port = free_port()
    plugin = "plugins.envoy_ext_authz_grpc"
    command = [
        *(str(require_tool("opa-envoy-plugin")), "run", "--server", "--addr", f"{LOOPBACK}:{free_port()}"),
        *("--set", f"{plugin}.addr={LOOPBACK}:{port}", "--set", f"{plugin}.path=bench/allow"),
        *("--skip-version-check", "--log-level", "error", "--bundle", str(rules)),
    ]
    with (folder / "plugin.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        way = Way("opa-envoy-plugin", port, process.pid, _message(folder / "theirs", "none"))
        until(lambda: _answers(way) is not None, seconds=60)
        yield _allowed(way)
    finally:
        process.terminate()
        process.wait(20)


def _allowed(way: Way) -> Way:
    """What says no at once would be fast."""
    answer = _answers(way)
    assert answer is not None
    assert answer.status.code == 0, answer
    return way


def _answers(way: Way) -> external_auth_pb2.CheckResponse | None:
    with grpc.insecure_channel(f"{LOOPBACK}:{way.port}") as channel:
        stub = external_auth_pb2_grpc.AuthorizationStub(channel)
        try:
            return cast(
                Any, stub.Check(external_auth_pb2.CheckRequest.FromString(way.message.read_bytes()), timeout=10)
            )
        except grpc.RpcError:
            return None


def _message(path: Path, token: str) -> Path:
    request = http_request()
    message = external_auth_pb2.CheckRequest()
    message.attributes.source.address.socket_address.address = LOOPBACK
    http = message.attributes.request.http
    http.method, http.path, http.host = request.method, request.target, request.host
    http.headers.update(request.headers)
    proxies = f"{SITES[SATO.site]},{LOOPBACK}"
    http.headers.update({"authorization": f"Bearer {token}", "x-forwarded-for": proxies, "x-request-id": "1"})
    http.headers["x-envoy-auth-partial-body"] = "false"
    http.raw_body = _BODY
    path.write_bytes(message.SerializeToString())
    return path


def _descriptors(path: Path) -> None:
    """Envoy's contract, as ghz reads it."""
    files: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        if file.name not in files:
            for one in file.dependencies:
                add(one)
            files[file.name] = file

    add(external_auth_pb2.DESCRIPTOR)
    found = FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(found.file.add())
    path.write_bytes(found.SerializeToString())


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)


def _table(found: list[tuple[str, str, Load]]) -> Table:
    best = {(what, who.partition(",")[0]): load for what, who, load in reversed(found) if "as fast" in who}
    rows, data = [], []
    for what, who, load in found:
        per_core = 1e6 / load.cpu_us if load.cpu_us else None
        cells = (shown(load.rate, "{:.0f}"), shown(per_core, "{:.0f}"), shown(load.p50_us, "{:.0f}"))
        rows.append((what, who, *cells, shown(load.p99_us, "{:.0f}"), str(load.bad)))
        ours, other = best[what, "Sekisho"], best[what, "opa-envoy-plugin"]
        data.append(
            {
                "what": what,
                "way": "gateway" if load is ours else who,
                "rate": load.rate,
                "per_core": per_core,
                "per_core_to_plugin": other.cpu_us / ours.cpu_us if load is ours else None,
                "p99_to_plugin": _equal(found, what) if load is ours else None,
                "p50_us": load.p50_us,
                "p99_us": load.p99_us,
                "cpu_us": load.cpu_us,
                "bad": load.bad,
            }
        )
    return Table(
        name="envoy",
        title=f"Check beside opa-envoy-plugin, {CLIENTS} clients",
        columns=("", "who", "answers/s", "of a core", "p50 us", "p99 us", "not OK"),
        rows=tuple(rows),
        data=tuple(data),
        notes=(
            "The plugin judges a document that the gateway has made; the gateway verifies the token, reads the body,",
            "decides, and has the answer on disk before it gives it.",
        ),
    )


def _equal(found: list[tuple[str, str, Load]], what: str) -> float:
    """The 99th percentile at the same load, x the plugin's."""
    ours, other = (load for one, who, load in found if one == what and "as fast" not in who)
    return ours.p99_us / other.p99_us
