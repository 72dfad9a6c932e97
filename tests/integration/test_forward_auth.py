"""A real nginx in front of a real service asks the gateway about each request: `auth_request`.

What is denied never reaches the service; nor does anything at all once the gateway is gone.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
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


class Service(BaseHTTPRequestHandler):
    """Has everybody's phone number."""

    seen: list[tuple[str, str, str | None]]

    def do_GET(self) -> None:
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
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)

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
    service = ThreadingHTTPServer(("127.0.0.1", 0), type("Service", (Service,), {"seen": seen}))
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
        found = Place(house, port, seen)
        try:
            until_listening(port, nginx)
            yield found
        finally:
            nginx.terminate()
            nginx.wait(10)
            service.shutdown()
            service.server_close()
            house.stop()


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


def until_listening(port: int, nginx: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert nginx.poll() is None, "nginx did not start"
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return
    raise AssertionError("nginx does not listen")


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


def test_a_body_that_was_not_judged_does_not_reach_it(place: Place) -> None:
    assert place.request(SATO, "/people/7/phone", method="POST", content=b"x" * 10)[0] == 200
    assert place.seen[-1][:2] == ("POST", "/people/7/phone")


def test_without_the_gateway_nobody_gets_in(place: Place) -> None:
    assert place.request(SATO, "/status")[0] == 200
    before = len(place.seen)
    place.house.stop()
    for who in (SATO, LI, None):
        assert place.request(who, "/status")[0] == 500
    assert len(place.seen) == before
