"""A real nginx (`auth_request`) and a real Caddy (`forward_auth`) in front of a real service ask about each request.

What is denied never reaches the service; nor does anything at all once the gateway is gone.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.demo.characters import LI, SATO, Character
from gateway.demo.database import Database
from gateway.demo.settings import addresses
from tests.houses import House, distinct_ports
from tests.servers import require_tool

pytestmark = [pytest.mark.integration, pytest.mark.needs("nginx")]
PLACES = addresses(Path(__file__).parents[2] / "gateway" / "demo" / "registry")

# As README has it. The client's own address comes to nginx from a balancer before it (`X-Test-Peer` here).
CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      auth_request /_sekisho;
      auth_request_set $decision $upstream_http_sekisho_decision_id;
      proxy_set_header Sekisho-Decision-Id $decision;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_pass http://127.0.0.1:{service};
      add_header Sekisho-Decision-Id $decision always;
    }}
    location = /_sekisho {{
      internal;
      proxy_pass http://127.0.0.1:{gateway}/v1/forward-auth;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Original-Host $host;
      proxy_set_header X-Forwarded-Method "";
      proxy_set_header X-Forwarded-Uri "";
      proxy_set_header X-Forwarded-Host "";
      proxy_set_header X-Forwarded-For "$http_x_forwarded_for, $http_x_test_peer";
    }}
  }}
}}
"""


# Caddy tells of itself who is connected to it; the balancer before it is played as above. A body is made empty: by a
# variable that nobody sets.
CADDYFILE = """
{{
  admin off
  auto_https off
  persist_config off
  grace_period 1s
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  request_body {{
    set {{vars.no_body}}
  }}
  forward_auth 127.0.0.1:{gateway} {{
    uri /v1/forward-auth
    header_up X-Forwarded-For {{header.X-Test-Peer}}
    copy_headers Sekisho-Decision-Id
  }}
  reverse_proxy 127.0.0.1:{service}
}}
"""


class Service(BaseHTTPRequestHandler):
    """Has everybody's phone number."""

    seen: list[tuple[str, str, str | None]]
    bodies: list[bytes]

    def do_GET(self) -> None:
        assert "Transfer-Encoding" not in self.headers
        self.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.seen.append((self.command, self.path, self.headers["Sekisho-Decision-Id"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"+81 90-0000-0037")

    do_POST = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


@dataclass
class Place:
    """All three of them."""

    house: House
    port: int
    service: int  # its port
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def request(
        self, who: Character | None, path: str, *, method: str = "GET", content: bytes | None = None, **headers: str
    ) -> tuple[int, str, str | None]:
        """Status, body and decision of one request."""
        sent = {"X-Test-Peer": PLACES[who.site] if who is not None else "192.0.2.7"}
        if who is not None:
            sent["Authorization"] = f"Bearer {self.house.token(who)}"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, content, sent)
            reply = connection.getresponse()
            return reply.status, reply.read().decode(), reply.getheader("Sekisho-Decision-Id")
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(messenger: Database) -> Iterator[Place]:
    seen: list[tuple[str, str, str | None]] = []
    bodies: list[bytes] = []
    service = ThreadingHTTPServer(("127.0.0.1", 0), type("Service", (Service,), {"seen": seen, "bodies": bodies}))
    threading.Thread(target=service.serve_forever, daemon=True).start()
    (port,) = distinct_ports(1)
    with tempfile.TemporaryDirectory(prefix="sekisho-nginx-") as directory:
        folder = Path(directory)
        folder.chmod(0o755)
        (folder / "house").mkdir()
        house = House(folder / "house", messenger, SETTINGS)
        label(house)
        house.start()
        text = CONFIGURATION.format(folder=folder, port=port, service=service.server_port, gateway=house.ports.http)
        (folder / "nginx.conf").write_text(text)
        program, log = str(require_tool("nginx")), str(folder / "error.log")
        command = [program, "-p", directory, "-c", str(folder / "nginx.conf"), "-e", log]
        nginx = subprocess.Popen(command)
        found = Place(house, port, service.server_port, seen, bodies)
        try:
            until_listening(port, nginx)
            yield found
        finally:
            nginx.terminate()
            nginx.wait(10)
            service.shutdown()
            service.server_close()
            house.stop()


@pytest.fixture(scope="module")
def caddy(place: Place) -> Iterator[Place]:
    """The same behind another proxy."""
    program = str(require_tool("caddy"))
    (port,) = distinct_ports(1)
    with tempfile.TemporaryDirectory(prefix="sekisho-caddy-") as directory:
        file = Path(directory) / "Caddyfile"
        file.write_text(CADDYFILE.format(port=port, service=place.service, gateway=place.house.ports.http))
        with (Path(directory) / "log").open("wb") as log:
            running = subprocess.Popen(
                [program, "run", "--config", str(file), "--adapter", "caddyfile"],
                env={**os.environ, "HOME": directory, "XDG_DATA_HOME": directory, "XDG_CONFIG_HOME": directory},
                stdout=log,
                stderr=log,
            )
        try:
            until_listening(port, running)
            yield replace(place, port=port)
        finally:
            running.terminate()
            running.wait(10)


SETTINGS: Any = {
    "services": [{"id": "directory", "profiles": [{"name": "engineer"}]}],
    "routes": [
        {
            "path": "/people/{id}/phone",
            "methods": ["GET", "POST"],
            "datasource": "directory",
            "relations": ["public.people"],
            "output": ["public.people.phone"],
        },
        {"path": "/status", "datasource": "directory", "effect": "none"},
    ],
    "listeners": {"http": {"forward_auth_bodiless": True}},
}


def label(house: House) -> None:
    """What the service holds."""
    catalog = house.layout.registry / "catalog.yaml"
    document = yaml.safe_load(catalog.read_text())
    document["datasources"].append(
        {
            "id": "directory",
            "storage_countries": ["JP"],
            "controller": "line-jp",
            "unlabelled": "deny",
            "trust": "inferred",
            "tables": {
                "public.people": {
                    "subject_key": "id",
                    "subjects": ["customer"],
                    "subject_countries": ["JP"],
                    "columns": {"id": ["user.unique_id"], "phone": ["user.contact.phone_number"]},
                }
            },
        }
    )
    catalog.write_text(yaml.safe_dump(document))


def until_listening(port: int, proxy: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert proxy.poll() is None, "the proxy did not start"
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError("the proxy does not listen")


def test_what_is_allowed_reaches_the_service_with_its_decision(place: Place) -> None:
    status, body, decision = place.request(SATO, "/people/7/phone")
    assert (status, body) == (200, "+81 90-0000-0037")
    assert place.seen[-1] == ("GET", "/people/7/phone", decision)
    (entry,) = [one for one in place.house.entries("decision") if one["decision_id"] == decision]
    assert (entry["effect"], entry["datasource"], entry["statement"]["confidence"]) == (
        "allow",
        "directory",
        "inferred",
    )
    assert "/people/{id}/phone" in entry["statement"]["text"], "the template: not whose number it was"


def test_what_is_denied_never_reaches_it(place: Place) -> None:
    before = len(place.seen)
    status, body, decision = place.request(LI, "/people/7/phone")
    assert (status, "+81" in body) == (403, False)
    (entry,) = [one for one in place.house.entries("decision") if one["decision_id"] == decision]
    assert (entry["effect"], entry["reason"]) == ("deny", "policy_denied")
    assert place.request(None, "/people/7/phone")[0] == 401
    assert place.request(SATO, "/people/7/address")[0] == 403, "no route"
    assert place.request(SATO, "/people/7/phone?all=1")[0] == 403, "a parameter that the route does not know"
    assert place.request(SATO, "/people/%37/phone")[0] == 403, "another spelling of the path"
    assert len(place.seen) == before


def test_nothing_that_a_client_says_of_itself_counts(place: Place) -> None:
    before = len(place.seen)
    spoofs: list[dict[str, Any]] = [
        {"X_Original_URI": "/status"},
        {"X_Original_Method": "GET", "X_Original_URI": "/status"},
        {"X_Forwarded_Uri": "/status", "X_Forwarded_Method": "GET"},
        {"X_Forwarded_For": PLACES[SATO.site]},
        {"X_Real_IP": PLACES[SATO.site]},
        {"Sekisho_Decision_Id": "d-1", "Sekisho_Reason": "allowed"},
    ]
    for spoof in spoofs:
        assert place.request(LI, "/people/7/phone", **spoof)[0] == 403, spoof
    assert place.request(SATO, "/people/7/phone", X_HTTP_Method_Override="DELETE")[0] == 403
    assert len(place.seen) == before


def test_caddy_lets_through_what_is_allowed(caddy: Place) -> None:
    status, body, _ = caddy.request(SATO, "/people/7/phone")
    assert (status, body) == (200, "+81 90-0000-0037")
    method, path, decision = caddy.seen[-1]
    assert (method, path) == ("GET", "/people/7/phone")
    (entry,) = [one for one in caddy.house.entries() if one.get("decision_id") == decision]
    assert entry["kind"] in ("decision", "repeat")


def test_caddy_passes_on_how_it_was_denied(caddy: Place) -> None:
    before = len(caddy.seen)
    status, body, decision = caddy.request(LI, "/people/7/phone")
    problem = json.loads(body)
    assert (status, problem["status"], problem["reason"]) == (403, 403, "policy_denied")
    (entry,) = [one for one in caddy.house.entries("decision") if one["decision_id"] == decision]
    assert (entry["effect"], entry["location"]["site"]) == ("deny", LI.site)
    status, body, _ = caddy.request(None, "/people/7/phone")
    assert (status, json.loads(body)["reason"]) == (401, "token_missing")
    for path in ("/people/7/address", "/people/7/phone?all=1", "/people/%37/phone", "//people/7/phone"):
        assert caddy.request(SATO, path)[0] == 403, path
    assert len(caddy.seen) == before


def test_nothing_that_a_client_says_of_itself_counts_behind_caddy(caddy: Place) -> None:
    before = len(caddy.seen)
    spoofs: list[dict[str, Any]] = [
        {"X_Forwarded_Uri": "/status", "X_Forwarded_Method": "GET", "X_Forwarded_Host": "else.example"},
        {"X_Original_URI": "/status", "X_Original_Method": "GET"},
        {"X_Forwarded_For": PLACES[SATO.site]},
        {"X_Real_IP": PLACES[SATO.site], "Forwarded": f"for={PLACES[SATO.site]}"},
        {"Sekisho_Decision_Id": "d-1", "Sekisho_Reason": "allowed"},
        {"Connection": "X-Forwarded-Uri, X-Forwarded-Method, Authorization"},
    ]
    for spoof in spoofs:
        assert caddy.request(LI, "/people/7/phone", **spoof)[0] in (401, 403), spoof
    assert caddy.request(SATO, "/people/7/phone", X_HTTP_Method_Override="DELETE")[0] == 403
    assert len(caddy.seen) == before
    assert caddy.request(SATO, "/people/7/phone", Sekisho_Decision_Id="d-forged")[0] == 200
    assert caddy.seen[-1][2] not in ("d-forged", "", None)


def test_a_body_that_was_not_judged_ends_at_the_proxy(place: Place, caddy: Place) -> None:
    for one in (place, caddy):
        status, body, _ = one.request(SATO, "/people/7/phone", method="POST", content=b"give me all")
        assert (status, body) == (200, "+81 90-0000-0037")
        assert one.bodies[-1] == b""


def test_without_the_gateway_nobody_gets_in(place: Place, caddy: Place) -> None:
    assert place.request(SATO, "/status")[0] == 200
    assert caddy.request(SATO, "/status")[0] == 200
    before = len(place.seen)
    place.house.stop()
    for who in (SATO, LI, None):
        assert place.request(who, "/status")[0] == 500
        assert caddy.request(who, "/status")[0] == 502
    assert len(place.seen) == before
