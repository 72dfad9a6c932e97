"""The chart's pods, run as a kubelet would run them: each container's own command, configuration, volumes, probes and
end, on a real database. Only paths and addresses are moved, from a container's to a folder's."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from gateway.demo.characters import LI, SATO, Character
from gateway.demo.database import Database
from gateway.demo.relay import Relay
from gateway.demo.serving import command
from gateway.demo.settings import free_port
from tests.envoys import SITES
from tests.houses import House
from tests.integration.postgres_wire import until
from tests.integration.test_chart import CHART, KUBE_VERSION, helm, of_kind
from tests.servers import TestCa, require_tool
from tests.unit.links.key_servers import KeyServer, key_server
from tests.unit.policy.keys import PRIVATE, PUBLIC

pytestmark = [pytest.mark.integration, pytest.mark.needs("helm")]

NOBODY = 65532
PEOPLE = "SELECT name FROM users WHERE id = 1"
Document = dict[str, Any]


@dataclass
class Kubelet:
    """Runs containers of a pod in a folder, with what the namespace has."""

    folder: Path
    documents: list[Document]
    secrets: Mapping[str, Mapping[str, str]]
    moved: dict[str, str]  # what containers call things -> what they are called here
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    rights: list[str] = field(default_factory=list)

    @property
    def pod(self) -> Document:
        (gateway,) = of_kind(self.documents, "StatefulSet")
        pod: Document = gateway["spec"]["template"]["spec"]
        return pod

    def container(self, name: str) -> Document:
        (found,) = [one for one in self.pod["containers"] if one["name"] == name]
        return found  # type: ignore[no-any-return]

    def here(self, text: str) -> str:
        """A text of a container's, with what it names moved."""
        for theirs, ours in self.moved.items():
            text = text.replace(theirs, ours)
        return text

    def mount(self) -> None:
        """Fill what the pod's containers have mounted."""
        volumes = {one["name"]: one for one in self.pod["volumes"]}
        maps = {one["metadata"]["name"]: one["data"] for one in of_kind(self.documents, "ConfigMap")}
        for container in self.pod["containers"]:
            for one in container["volumeMounts"]:
                place = Path(self.here(one["mountPath"]))
                if not place.is_relative_to(self.folder):
                    continue  # /tmp is this machine's own
                place.mkdir(parents=True, exist_ok=True)
                volume = volumes.get(one["name"], {})
                if not one.get("readOnly"):
                    place.chmod(0o2775)  # as fsGroup leaves it
                for name, text in maps[volume["configMap"]["name"]].items() if "configMap" in volume else ():
                    (place / name).write_text(self.here(text))
                for name, text in self.secrets[volume["secret"]["secretName"]].items() if "secret" in volume else ():
                    (place / name).write_text(text)
                    (place / name).chmod(volume["secret"]["defaultMode"])
        self.rights = self.own()

    def own(self) -> list[str]:
        """Files belong to somebody else and to our group, as with fsGroup; a command's beginning that gives up every
        right of root's. Nothing of it where we are not root: there is nothing to give up then."""
        if os.geteuid() != 0:
            return []
        for place in (Path(self.here("/etc/sekisho")), Path(self.here("/var/lib/sekisho"))):
            for one in (place, *place.rglob("*")):
                os.chown(one, NOBODY, 0)
        return [str(require_tool("setpriv")), "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]

    def words(self, container: Document, which: list[str]) -> list[str]:
        program, *arguments = [*which]
        programs = {"sekisho": command(), "python3": [sys.executable], "run": [str(require_tool("opa")), "run"]}
        return [*programs[program], *map(self.here, arguments)]

    def start(self, name: str) -> None:
        container = self.container(name)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [*self.rights, *self.words(container, [*container.get("command", []), *container["args"]])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def probe(self, name: str, kind: str) -> int:
        """One probe, as a kubelet asks it: certificates are not looked at."""
        container = self.container(name)
        asked = container[f"{kind}Probe"]["httpGet"]
        (port,) = [one["containerPort"] for one in container["ports"] if one["name"] == asked["port"]]
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        url = f"{asked.get('scheme', 'HTTP').lower()}://127.0.0.1:{port}{asked['path']}"
        try:
            with urllib.request.urlopen(
                url, timeout=container[f"{kind}Probe"]["timeoutSeconds"], context=anyone
            ) as said:
                return int(said.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            assert self.running[name].poll() is None, (self.folder / f"{name}.log").read_text()
            return 0

    def end(self, name: str) -> None:
        """preStop, SIGTERM, and the end within its time."""
        container = self.container(name)
        if "lifecycle" in container:
            subprocess.run(self.words(container, container["lifecycle"]["preStop"]["exec"]["command"]), check=True)
            assert self.running[name].poll() is None
            assert self.probe(name, "readiness") == 200
        self.running[name].send_signal(signal.SIGTERM)
        assert self.running[name].wait(self.pod["terminationGracePeriodSeconds"]) == 0

    def kill(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
            process.wait()


@dataclass(frozen=True)
class Release:
    """A chart installed, as far as it can be without a cluster."""

    kubelet: Kubelet
    house: House
    port: int
    ca: Path

    bundles: KeyServer
    balanced: bool  # people come through a load balancer, which says whom it speaks for

    @contextmanager
    def connect(self, who: Character) -> Iterator[psycopg.Connection[Any]]:
        with Relay(SITES[who.site], ("127.0.0.1", self.port)) if self.balanced else nullcontext() as relay:
            port = self.port if relay is None else relay.port
            parameters: dict[str, Any] = {
                "host": "localhost",
                "hostaddr": "127.0.0.1",
                "port": port,
                "dbname": "messenger",
            }
            parameters |= {"user": who.subject, "password": self.house.token(who)}
            parameters |= {"sslmode": "verify-full", "sslrootcert": str(self.ca)}
            with psycopg.connect(**parameters, autocommit=True, connect_timeout=10) as connection:
                yield connection


def published(root: Path, registry: Path) -> bytes:
    """A signed bundle with this registry."""
    (root / "private.pem").write_text(PRIVATE)
    out = root / "bundle.tar.gz"
    words = ["--registry", registry, "--signing-key", root / "private.pem", "--out", out]
    made = CliRunner().invoke(main, ["bundle", "build", *map(str, words)])
    assert made.exit_code == 0, made.output
    return out.read_bytes()


@pytest.fixture(params=["direct", "balanced-with-opa"])
def release(request: pytest.FixtureRequest, messenger: Database, test_ca: TestCa) -> Iterator[Release]:
    tls = test_ca.issue("localhost", "127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="sekisho-chart-") as directory, key_server(b"", tls=tls) as server:
        root = Path(directory)
        (root / "house").mkdir()
        house = House(root / "house", messenger)  # its registry, issuer and roles; it is not started
        messenger.socket_directory.chmod(0o755)  # for whoever has no right of root's
        server.document, server.etag = published(root, house.layout.registry), '"1"'
        configured = yaml.safe_load(house.layout.config.read_text())
        postgres, http, opa, health = free_port(), free_port(), free_port(), free_port()
        for one in configured["issuers"]:
            one["keys"] = "/etc/sekisho/secrets/issuer/jwks.json"
        balanced = request.param != "direct"
        values = {
            "config": {
                "issuers": configured["issuers"],
                "datasources": configured["datasources"],
                "limits": {"drain_timeout_ms": 500},
            },
            "secrets": ["issuer"],
            "bundle": {
                "url": server.url,
                "publicKey": PUBLIC,
                "secret": "bundles",
                "tokenFile": "token",
                "caFile": "ca.crt",
            },
            "doors": {
                "postgres": {"port": postgres, "tlsSecret": "tls", "options": {} if balanced else {"site": SATO.site}},
                "http": {"port": http, "tlsSecret": "tls"},
            },
            "service": {"proxyProtocolFrom": ["127.0.0.0/8"] if balanced else []},
            "opa": {"enabled": balanced, "diagnosticPort": health},
            "preStopSeconds": 1,
            "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]},
        }
        (root / "values.yaml").write_text(json.dumps(values))
        done = helm("template", "localhost", CHART, "--values", root / "values.yaml", "--kube-version", KUBE_VERSION)
        assert done.returncode == 0, done.stderr
        kubelet = Kubelet(
            root,
            [one for one in yaml.safe_load_all(done.stdout) if one],
            {
                "tls": {"tls.crt": tls.certificate.read_text(), "tls.key": tls.key.read_text()},
                "issuer": {"jwks.json": house.layout.jwks.read_text()},
                "bundles": {"token": "open sesame", "ca.crt": test_ca.path.read_text()},
            },
            {
                "/etc/sekisho": f"{root}/etc",
                "/var/lib/sekisho": f"{root}/var",
                "0.0.0.0:": "127.0.0.1:",
                "127.0.0.1:8181": f"127.0.0.1:{opa}",
            },
        )
        try:
            yield Release(kubelet, house, postgres, test_ca.path, server, balanced)
        finally:
            kubelet.kill()


def test_its_pod_starts_is_probed_serves_and_ends_in_order(release: Release) -> None:
    kubelet = release.kubelet
    kubelet.mount()
    names = [one["name"] for one in kubelet.pod["containers"]]
    for name in names:
        kubelet.start(name)
    until(lambda: kubelet.probe("sekisho", "startup") == 200, seconds=60)
    assert [kubelet.probe("sekisho", kind) for kind in ("readiness", "liveness")] == [200, 200]
    if "opa" in names:
        until(lambda: kubelet.probe("opa", "liveness") == 200, seconds=30)

    (asks,) = [one["spec"]["containers"][0] for one in of_kind(kubelet.documents, "Pod")]
    asked = subprocess.run(
        kubelet.words(asks, [*asks["command"], *asks["args"]]), capture_output=True, text=True, timeout=30
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.splitlines()[-1] == "and asks who is there"

    def served() -> bool:
        try:
            with release.connect(SATO) as connection:
                return connection.execute(PEOPLE).fetchone() is not None
        except psycopg.errors.SystemError:  # 58000: OPA has no rules yet
            return False

    until(served, seconds=30)
    with release.connect(LI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(PEOPLE)

    asked_by = {one["User-Agent"].split("/")[0] for one in release.bundles.asked}
    assert len(asked_by) == len(names), "the gateway, and OPA beside it"
    assert {one.get("Authorization") for one in release.bundles.asked} == {"Bearer open sesame"}

    for name in reversed(names):
        kubelet.end(name)
    record = Path(kubelet.here("/var/lib/sekisho/record"))
    said = (kubelet.folder / "sekisho.log").read_text()
    assert "record_folder_writable_by_others" not in said
    kinds = [json.loads(line).get("kind") for file in record.rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert "decision" in kinds
