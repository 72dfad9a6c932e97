from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_draft import is_loopback
from gateway.config_load import load
from gateway.errors import ConfigError
from gateway.injector.settings import Form, Resources
from gateway.injector.sidecar import VOLUMES, container, volumes
from tests.unit.injector.test_settings import SETTINGS

FULL = replace(SETTINGS, config_map="sekisho-files", registry_map="sekisho-registry")


def made(settings=SETTINGS) -> Any:
    return container(settings)


@pytest.mark.parametrize("form", list(Form))
def test_it_may_do_nothing_it_need_not(form):
    assert made(replace(SETTINGS, form=form))["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "ports" not in made(replace(SETTINGS, form=form))


def test_only_the_record_and_tmp_are_written_and_no_token_is_mounted():
    mounts = {mount["mountPath"]: mount for mount in made(FULL)["volumeMounts"]}
    assert {path for path, mount in mounts.items() if not mount.get("readOnly")} == {"/var/lib/sekisho", "/tmp"}
    assert mounts["/var/run/secrets/kubernetes.io/serviceaccount"]["name"] == "sekisho-no-token"


def test_every_mount_has_its_volume():
    by_name: dict[Any, Any] = {volume["name"]: volume for volume in volumes(FULL, "claim")}
    assert by_name.keys() == VOLUMES == {mount["name"] for mount in made(FULL)["volumeMounts"]}
    assert by_name["sekisho-record"] == {"name": "sekisho-record", "persistentVolumeClaim": {"claimName": "claim"}}
    assert by_name["sekisho-config"]["projected"]["sources"] == [
        {"configMap": {"name": "sekisho-files"}},
        {"secret": {"name": "sekisho-config"}},
    ]
    assert "sekisho-record" not in {volume["name"] for volume in volumes(SETTINGS, None)}
    assert "sekisho-registry" not in {mount["name"] for mount in made()["volumeMounts"]}


def test_each_pod_records_in_a_folder_of_its_own():
    (mount,) = [mount for mount in made()["volumeMounts"] if mount["name"] == "sekisho-record"]
    assert mount["subPathExpr"] == "$(POD_NAME)"
    assert {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}} in made()["env"]


def test_it_serves_on_for_longer_than_it_then_waits():
    env = {item["name"]: item.get("value") for item in made(replace(SETTINGS, drain_s=20, stop_delay_s=25))["env"]}
    assert env["SEKISHO_LIMITS_DRAIN_TIMEOUT_MS"] == "20000"


def test_without_a_claim_a_sink_must_have_what_decides():
    """The variable makes a gateway whose configuration has no such sink refuse to start."""
    remote = replace(FULL, record_sink="kafka", record_size="2Gi")
    assert {"name": "SEKISHO_RECORD_REMOTE_SINK", "value": "kafka"} in made(remote)["env"]
    by_name = {volume["name"]: volume for volume in volumes(remote, "")}
    assert by_name["sekisho-record"] == {"name": "sekisho-record", "emptyDir": {"sizeLimit": "2Gi"}}
    assert "SEKISHO_RECORD_REMOTE_SINK" not in {item["name"] for item in made(FULL)["env"]}


def test_its_variables_are_settings_of_the_gateway(tmp_path: Path):
    """They win over the file: whatever address it gives the http door, in a sidecar that is 127.0.0.1."""
    document = {
        "listeners": {
            "postgres": [{"address": "127.0.0.1:5432", "plaintext": "loopback"}],
            "http": {"address": "0.0.0.0:80"},
        },
        "issuers": [{"issuer": "https://id.example", "audience": "sekisho", "keys": "keys.json"}],
        "datasources": [
            {
                "id": "messenger",
                "host": "db.example",
                "database": "messenger",
                "twin": {"role": "twin"},
                "profiles": [{"name": "engineer", "role": "engineer"}],
            }
        ],
        "registry": {"directory": "registry"},
        "record": {"directory": "record"},
    }
    path = tmp_path / "sekisho.yaml"
    path.write_text(yaml.safe_dump(document))
    ours = {item["name"]: item["value"] for item in made(FULL)["env"] if item["name"].startswith("SEKISHO_")}
    # What a cluster sets by itself for a Service called sekisho must not stop the gateway.
    config = load(path, {**ours, "SEKISHO_SERVICE_HOST": "10.0.0.1", "POD_NAME": "a-0"}, check_files=False)
    assert config.listeners.http is not None
    assert config.listeners.http.address == "127.0.0.1:8432"
    assert is_loopback(config.listeners.http.address.rpartition(":")[0])
    mounts = {mount["mountPath"] for mount in made(FULL)["volumeMounts"]}
    assert {str(config.record.directory.parent), str(config.registry.directory)} <= mounts
    remote = {item["name"]: item.get("value", "") for item in made(replace(FULL, record_sink="stream"))["env"]}
    with pytest.raises(ConfigError, match="stream"):
        load(path, {**remote, "POD_NAME": "a-0"}, check_files=False)
    document["record"]["sinks"] = [{"name": "stream", "http": {"url": "https://log.example/entries"}}]  # type: ignore[index]
    path.write_text(yaml.safe_dump(document))
    config = load(path, remote, check_files=False)
    assert config.record.remote is not None
    assert config.record.remote.sink == "stream"
    assert config.limits.drain_timeout_ms == 10_000
    del document["listeners"]["http"]  # type: ignore[attr-defined]
    path.write_text(yaml.safe_dump(document))
    config = load(path, ours, check_files=False)
    assert config.listeners.http is not None
    assert config.listeners.http.address == "127.0.0.1:8432"


def test_forms():
    native, classic = made(), made(replace(SETTINGS, form=Form.CLASSIC))
    assert native["restartPolicy"] == "Always"
    assert "lifecycle" not in native
    assert "restartPolicy" not in classic
    assert classic["lifecycle"]["preStop"]["exec"]["command"][-1] == "import time; time.sleep(15)"


def test_resources():
    assert made()["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
    limited = replace(SETTINGS, resources=Resources(cpu_limit="2"))
    assert made(limited)["resources"]["limits"] == {"memory": "512Mi", "cpu": "2"}


class _Door(BaseHTTPRequestHandler):
    """Alive, and not ready."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def door() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _probe(name: str, port: int) -> int:
    command = made(replace(SETTINGS, http_port=port))[name]["exec"]["command"]
    assert command[0] == "python3"
    # A proxy for the application is none of the probe's business.
    environment = {"http_proxy": "http://127.0.0.1:9", "PATH": ""}
    return subprocess.run([sys.executable, *command[1:]], env=environment, stderr=subprocess.DEVNULL).returncode


def test_probes_differ_and_tell_the_truth(door):
    assert _probe("livenessProbe", door) == 0
    assert _probe("readinessProbe", door) == _probe("startupProbe", door) == 1


def test_probes_fail_where_nothing_listens(door):
    with HTTPServer(("127.0.0.1", 0), _Door) as server:
        free = server.server_port
    assert _probe("livenessProbe", free) == 1


@pytest.mark.parametrize("name", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_a_probe_gives_up_before_the_kubelet_does(name):
    probe = made()[name]
    assert "timeout=2" in probe["exec"]["command"][-1]
    assert probe["timeoutSeconds"] == 3
