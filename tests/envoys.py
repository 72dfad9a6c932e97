"""The real Envoy in front of a real HTTP service, asking a gateway in this process: for tests of the envoy door.

==============  ========  ============================================================================================
``front``       module    Envoy by README's own configuration, the service behind it, the gateway that it asks
``new_front``   function  the same for one test, to stop and to break; ``new_front(filter={…})``
==============  ========  ============================================================================================

The gateway has the demo's people and networks, and a service `search` whose catalog trusts routes.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import Route
from gateway.demo.characters import CHARACTERS
from gateway.demo.settings import free_port
from gateway.routes.table import Routes
from tests.houses import House, merge
from tests.integration.postgres_wire import until
from tests.servers import require_tool

ROOT = Path(__file__).parents[1]
REGISTRY = ROOT / "gateway" / "demo" / "registry"
LOOPBACK = "127.0.0.1"
SITES = {"tokyo-hq": "192.0.2.5", "shanghai-office": "198.51.100.5", "nowhere": "8.8.8.8"}
CATALOG = """
  - id: search
    storage_countries: [JP]
    controller: line-jp
    trust: inferred
    tables:
      search.users:
        subject_key: id
        subjects: [customer]
        subject_countries: [JP]
        columns:
          id: [user.unique_id]
          name: [user.name]
          phone: [user.contact.phone_number]
      search.stickers: {about: nobody}
"""
ROUTES: list[dict[str, Any]] = [
    {
        "path": "/{index}/_search",
        "methods": ["GET", "POST"],
        "datasource": "search",
        "reads": "opensearch",
        "schema": "search",
    },
    {"path": "/health", "datasource": "search", "effect": "none"},
]
PEOPLE = {one.subject: one for one in CHARACTERS}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as the service behind Envoy saw it."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Service:
    """An HTTP service that says what came."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.arrived.append(Arrived(self.command, self.path, headers, body))
                said = json.dumps({"hits": []}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What Envoy answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


def readme_configuration() -> dict[str, Any]:
    """Envoy's configuration as README shows it."""
    text = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- envoy -->\n```yaml\n(.*?)```", text, flags=re.S)
    assert found is not None
    document: dict[str, Any] = yaml.safe_load(found[1])
    return document


@dataclass(slots=True)
class Front:
    """Envoy, what is behind it and whom it asks."""

    root: Path
    service: Service
    house: House
    port: int
    admin: int
    log: Path
    process: subprocess.Popen[bytes]
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, who: str) -> str:
        if who not in self.tokens:
            self.tokens[who] = self.house.token(PEOPLE[who])
        return self.tokens[who]

    def headers(self, who: str | None = "sato", site: str = "tokyo-hq") -> dict[str, str]:
        """Of a person, whom a proxy before Envoy saw somewhere."""
        found = {"x-forwarded-for": SITES[site]}
        return found if who is None else {**found, "authorization": f"Bearer {self.token(who)}"}

    def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        body: Any = None,
        who: str | None = "sato",
        site: str = "tokyo-hq",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request over HTTP/1.1, its target byte for byte as given."""
        sent = {**self.headers(who, site), **(headers or {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in {**sent, **({} if data is None else {"content-length": str(len(data))})}.items():
                connection.putheader(name, value)
            connection.endheaders(data)
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.house.stop()
        self.service.stop()


def search_registry(folder: Path) -> Path:
    """The demo's, and a service whose catalog trusts routes."""
    shutil.copytree(REGISTRY, folder)
    with (folder / "catalog.yaml").open("a") as catalog:
        catalog.write(CATALOG)
    return folder


def search_routes() -> Routes:
    """The routes, as the gateway reads them."""
    return Routes.of([Route(**{**one, "methods": tuple(one.get("methods", ("GET",)))}) for one in ROUTES])


def house_settings(registry: Path) -> dict[str, Any]:
    """A gateway without a database, for an Envoy on this machine with one trusted proxy before it."""
    return {
        "listeners": {
            "postgres": [],
            "grpc": {"envoy": {"networks": [f"{LOOPBACK}/32"], "trusted_hops": 1, "timeout_ms": 2000}},
        },
        "datasources": [],
        "services": [{"id": "search", "profiles": [{"name": "engineer", "groups": ["engineer", "moderator"]}]}],
        "routes": ROUTES,
        "registry": {"directory": str(registry)},
    }


Adapt = Callable[[dict[str, Any], House], None]


def start_front(
    root: Path,
    filter_settings: Mapping[str, Any] | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    adapt: Adapt | None = None,
) -> Front:
    """Start all three. ``settings``: of the gateway, beside its own; ``adapt``: Envoy's configuration, at last."""
    program = require_tool("envoy")
    registry = search_registry(root / "registry")
    (root / "house").mkdir()
    service = Service()
    own = house_settings(registry)
    merge(own, settings or {})
    house = House(root / "house", None, own)
    house.start()
    port, admin = free_port(), free_port()
    document = readme_configuration()
    _fit(document, port, admin, service.port, house.ports.grpc, root / "access.log", filter_settings or {})
    if adapt is not None:
        adapt(document, house)
    (root / "envoy.yaml").write_text(yaml.safe_dump(document))
    log = (root / "envoy.log").open("wb")
    process = subprocess.Popen(
        [program, "-c", root / "envoy.yaml", "--log-level", "warning", "--concurrency", "1", "--disable-hot-restart"],
        stdout=log,
        stderr=log,
    )
    log.close()
    front = Front(root, service, house, port, admin, root / "access.log", process)

    def ready() -> bool:
        assert process.poll() is None, (root / "envoy.log").read_text()
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{admin}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    until(ready)
    return front


def _fit(
    document: dict[str, Any],
    port: int,
    admin: int,
    service: int,
    gateway: int,
    log: Path,
    filter_settings: Mapping[str, Any],
) -> None:
    """README's addresses replaced by a test's own; nothing else, unless a test says so."""
    resources = document["static_resources"]
    (listener,) = resources["listeners"]
    listener["address"]["socket_address"] = {"address": LOOPBACK, "port_value": port}
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    (access,) = manager["access_log"]
    access["typed_config"]["path"] = str(log)
    for cluster, target in zip(resources["clusters"], (service, gateway), strict=True):
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        endpoint["address"]["socket_address"] = {"address": LOOPBACK, "port_value": target}
        cluster["type"] = "STATIC"
    authorization = manager["http_filters"][0]["typed_config"]
    authorization["grpc_service"]["timeout"] = "10s"  # tests share two cores
    authorization.update(filter_settings)
    document["admin"] = {"address": {"socket_address": {"address": LOOPBACK, "port_value": admin}}}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    found = start_front(tmp_path_factory.mktemp("front"))
    yield found
    found.stop()


@pytest.fixture
def new_front(tmp_path: Path) -> Iterator[Callable[..., Front]]:
    made: list[Front] = []

    def make(**options: Any) -> Front:
        made.append(start_front(tmp_path, options.get("filter")))
        return made[-1]

    yield make
    for one in made:
        one.stop()
