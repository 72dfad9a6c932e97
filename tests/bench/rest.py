"""`/v1/authorize` beside OPA's REST interface: the same rules, the same question, the same load.

OPA is given the document that the gateway makes of the question, and judges it: no token is verified there, nothing is
understood, nothing is recorded. Load comes from vegeta: as fast as eight connections can, and then to both at one rate.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from gateway.demo.characters import SATO
from gateway.demo.database import Database
from gateway.demo.serving import await_ready, serve
from gateway.demo.settings import DATASOURCE, addresses
from gateway.model import JsonValue, Peer
from gateway.needs import NeedDecision
from gateway.policy.bundle import load_bundle
from tests.bench.figures import Table, shown
from tests.bench.machine import children, cpu_seconds
from tests.driving import run_sync
from tests.engines import opa_with
from tests.houses import Analyses, House
from tests.servers import require_tool
from tests.worlds import NOW, ROOT, SECOND, Bench

SQL = "SELECT name, phone FROM users WHERE id = 1"
CLIENTS = 8
PLACE = addresses(ROOT / "gateway" / "demo" / "registry")[SATO.site]


REUSED, NEW = "/v1/authorize", "/v1/authorize, no answer reused"
_LIMITS: Mapping[str, Mapping[str, int]] = {REUSED: {}, NEW: {"known_decisions": 0}}


@dataclass(frozen=True, slots=True)
class Way:
    """Who is asked."""

    name: str
    url: str
    pid: int
    body: Mapping[str, JsonValue]
    token: str | None

    def cpu(self) -> float:
        """Processor seconds so far, of it and all its children."""
        pids = [self.pid, *children(self.pid)]
        return sum(cpu_seconds(pid) or 0.0 for pid in pids)


@dataclass(frozen=True, slots=True)
class Load:
    """What one attack gave."""

    rate: float  # good answers per second
    p50_us: float
    p99_us: float
    cpu_us: float  # per answer
    bad: int


def tables(*, seconds: int, rounds: int) -> list[Table]:
    """The figures of both, and where answers are not reused."""
    require_tool("vegeta")
    found: list[tuple[str, str, Load]] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-rest-") as directory:
        database = Database(Path(directory))
        database.start()
        try:
            with opa_with(load_bundle(ROOT / "policies")) as opa:
                document = question(database)
                other = Way("OPA", f"{opa.url}/v1/data/sekisho/decision", opa.process.pid, {"input": document}, None)
                for name, limits in _LIMITS.items():
                    with _gateway(database, limits) as ours:
                        ways = (ours, other)
                        most = {way.name: _best(way, seconds, rounds) for way in ways}
                        equal = max(1, int(min(one.rate for one in most.values()) / 2))
                        for way in ways:
                            found.append((name, f"{way.name}, as fast as it can", most[way.name]))
                        for way in ways:
                            found.append((name, f"{way.name}, {equal}/s", attack(way, seconds, rate=equal)))
                        if name == REUSED:
                            batch = _batch_beside_one(ours, rounds)
        finally:
            database.stop()
    return [*_tables(found), batch]


def _batch_beside_one(way: Way, rounds: int) -> Table:
    """How much longer a hundred take together than one alone."""
    one, hundred = way.body, {"requests": [way.body] * 100}
    times: dict[str, list[float]] = {"": [], "/batch": []}
    for _ in range(10 * rounds):
        for path, body in (("", one), ("/batch", hundred)):
            began = time.perf_counter()
            _post(f"{way.url}{path}", body, way.token)
            times[path].append(time.perf_counter() - began)
    middle = {path: median(taken) * 1000 for path, taken in times.items()}
    ratio = middle["/batch"] / middle[""]
    return Table(
        name="batch",
        title="A hundred questions in one request, and one",
        columns=("one, ms", "a hundred, ms", "x one"),
        rows=((shown(middle[""], "{:.1f}"), shown(middle["/batch"], "{:.1f}"), shown(ratio, "{:.1f}")),),
        data=({"way": "gateway", "one_ms": middle[""], "hundred_ms": middle["/batch"], "times": ratio},),
    )


def _post(url: str, body: object, token: str | None) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers), timeout=60) as answer:
        answer.read()


def question(database: Database) -> Mapping[str, JsonValue]:
    """The document that the gateway puts to the rules."""
    bench = Bench(Analyses(database))
    ask = bench.ask(SATO.subject, SATO.site, SQL, peer=Peer(address=PLACE, via_edge=True))
    run_sync(bench.authority.authorize(ask, NOW * SECOND), bench.answer)
    return next(need.document for need in bench.needs if isinstance(need, NeedDecision))


def attack(way: Way, seconds: int, *, rate: int = 0) -> Load:
    """Ask for so long; ``rate`` 0: as fast as the connections can."""
    headers = {"Content-Type": ["application/json"]}
    if way.token is not None:
        headers["Authorization"] = [f"Bearer {way.token}"]
    body = base64.b64encode(json.dumps(way.body, default=_plain).encode()).decode()
    target = {"method": "POST", "url": way.url, "header": headers, "body": body}
    connections = [f"-max-workers={CLIENTS}", f"-workers={CLIENTS}"]
    command = [str(require_tool("vegeta")), "attack", "-format=json", f"-duration={seconds}s", *connections]
    before = way.cpu()
    with subprocess.Popen([*command, f"-rate={rate}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        results, _ = process.communicate(json.dumps(target).encode() + b"\n")
    used = way.cpu() - before
    report = [str(require_tool("vegeta")), "report", "-type=json"]
    told = json.loads(subprocess.run(report, input=results, capture_output=True, check=True).stdout)
    good = told["status_codes"].get("200", 0)
    return Load(
        rate=good / (told["duration"] / 1e9) if told["duration"] else 0.0,
        p50_us=told["latencies"]["50th"] / 1000,
        p99_us=told["latencies"]["99th"] / 1000,
        cpu_us=used * 1e6 / max(1, told["requests"]),
        bad=told["requests"] - good,
    )


def _best(way: Way, seconds: int, rounds: int) -> Load:
    attack(way, 1)  # connections, caches and the rules are warm
    return max((attack(way, seconds) for _ in range(rounds)), key=lambda one: one.rate)


@contextmanager
def _gateway(database: Database, limits: Mapping[str, int]) -> Iterator[Way]:
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-rest-house-") as directory:
        house = House(Path(directory), database, {"limits": dict(limits)})
        process = serve(house.layout.config)
        try:
            await_ready(process, house.ports.ready_url, seconds=60)
            body: dict[str, JsonValue] = {"datasource": DATASOURCE, "statement": {"sql": SQL}, "address": PLACE}
            url = f"{house.http}/v1/authorize"
            yield Way("Sekisho", url, process.pid, body, house.token(SATO))
        finally:
            process.stop()


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)


def _tables(found: list[tuple[str, str, Load]]) -> Iterator[Table]:
    best = {(what, who.partition(",")[0]): load for what, who, load in reversed(found) if "as fast" in who}
    rows, data = [], []
    for what, who, load in found:
        per_core = 1e6 / load.cpu_us if load.cpu_us else None
        cells = (shown(load.rate, "{:.0f}"), shown(per_core, "{:.0f}"), shown(load.p50_us, "{:.0f}"))
        rows.append((what, who, *cells, shown(load.p99_us, "{:.0f}"), str(load.bad)))
        ours = best[what, "Sekisho"]
        data.append(
            {
                "what": what,
                "way": "gateway" if load is ours else who,
                "rate": load.rate,
                "per_core": per_core,
                "per_core_to_opa": best[what, "OPA"].cpu_us / ours.cpu_us if load is ours else None,
                "p50_us": load.p50_us,
                "p99_us": load.p99_us,
                "cpu_us": load.cpu_us,
                "bad": load.bad,
            }
        )
    yield Table(
        name="rest",
        title=f"/v1/authorize beside OPA's REST interface, {CLIENTS} connections",
        columns=("", "who", "answers/s", "of a core", "p50 us", "p99 us", "not 200"),
        rows=tuple(rows),
        data=tuple(data),
        notes=(
            "OPA judges a document that the gateway has made; the gateway verifies the token, understands, decides,",
            "and has the answer on disk before it gives it.",
        ),
    )
