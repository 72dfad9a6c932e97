"""The chart, by the real helm: it renders, every value is described, what would be unsafe is refused, and the
configuration it writes is one the gateway takes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_load import load
from tests.servers import require_tool

CHART = Path(__file__).parents[2] / "helm" / "sekisho"
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
KUBE_VERSION = "1.31.0"

pytestmark = pytest.mark.needs("helm")


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require_tool("helm"), *arguments], capture_output=True, text=True, timeout=60)


def rendered(values: Path, *more: str) -> list[dict[str, Any]]:
    done = helm("template", "shop", CHART, "--values", values, "--kube-version", KUBE_VERSION, *more)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(documents: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in documents if one["kind"] in kinds]


def leaves(values: object, path: str = "") -> Iterator[str]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path


def described(schema: dict[str, Any], path: str) -> bool:
    """Whether the schema knows a value, or holds a place for whatever is there."""
    for step in path.split("."):
        if "properties" not in schema or step not in schema["properties"]:
            return schema.get("additionalProperties") is not False
        schema = schema["properties"][step]
    return True


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_it_lints_and_renders(values: Path):
    linted = helm("lint", CHART, "--strict", "--values", values, "--kube-version", KUBE_VERSION)
    assert linted.returncode == 0, linted.stdout
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered(values)]
    assert len(names) == len(set(names)), "nothing is made twice"


def test_every_value_is_in_the_schema_and_has_a_word_of_its_own():
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load(text)
    assert schema["additionalProperties"] is False
    assert [path for path in leaves(values) if not described(schema, path)] == []
    assert {key for key in schema["properties"] if key != "global"} == set(values)
    told = {line.strip().split(":")[0] for line in text.splitlines() if re.match(r"\S+:", line)}
    assert told == set(values)


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        (["doors.postgres.tlsSecret="], "doors.postgres.tlsSecret"),
        (["doors.grpc.enabled=true", "doors.grpc.tlsSecret="], "doors.grpc.tlsSecret"),
        (["record.durability=emptyDir"], "record"),
        (["record.durability=remote"], "config.record.remote"),
        (["image.tag=latest"], "tag"),
        (["misspelt=1"], "misspelt"),
        (["doors.postgres.port=432"], "port"),
        (["config.record.directory=/tmp"], "directory"),
        (["service.type=LoadBalancer", "service.externalTrafficPolicy=Cluster"], "proxyProtocolFrom"),
        (["networkPolicy.database.enabled=true"], "podSelector"),
    ],
)
def test_what_would_not_be_safe_is_not_rendered(sets: list[str], why: str):
    arguments = [part for one in sets for part in ("--set", one)]
    done = helm(
        "template", "shop", CHART, "--values", CHART / "ci" / "gateway-values.yaml", "--kube-version", KUBE_VERSION,
        *arguments,
    )  # fmt: skip
    assert done.returncode != 0
    assert why in done.stderr


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_containers_have_no_rights_and_an_end(values: Path):
    documents = rendered(values)
    pods = [one["spec"]["template"]["spec"] for one in of_kind(documents, "StatefulSet", "Deployment")]
    pods += [one["spec"] for one in of_kind(documents, "Pod")]
    assert pods
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert (security["runAsNonRoot"], security["readOnlyRootFilesystem"]) == (True, True)
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert security["allowPrivilegeEscalation"] is False
            assert "memory" in container["resources"]["limits"]
            assert ":latest" not in container["image"]


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_probes_differ_and_the_end_is_waited_for(values: Path):
    (gateway,) = of_kind(rendered(values), "StatefulSet")
    pod = gateway["spec"]["template"]["spec"]
    container = pod["containers"][0]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    sleep = int(re.findall(r"sleep\((\d+)\)", container["lifecycle"]["preStop"]["exec"]["command"][-1])[0])
    drain_s = 10  # limits.drain_timeout_ms
    assert pod["terminationGracePeriodSeconds"] > sleep + drain_s


def test_the_record_is_on_a_claim_of_its_own_and_stays():
    (gateway,) = of_kind(rendered(CHART / "ci" / "gateway-values.yaml"), "StatefulSet")
    (claim,) = gateway["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert gateway["spec"]["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    mounts = gateway["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    kept = {one["mountPath"] for one in mounts if one["name"] == "record"}
    assert kept == {"/var/lib/sekisho/record", "/var/lib/sekisho/bundle"}


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_what_the_configuration_names_is_mounted(values: Path):
    documents = rendered(values)
    (gateway,) = of_kind(documents, "StatefulSet")
    mounts = [one["mountPath"] for one in gateway["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]]
    (config,) = [one for one in of_kind(documents, "ConfigMap") if "sekisho.yaml" in one["data"]]
    named = re.findall(r"(?:/etc/sekisho|/var/lib/sekisho)/\S+", config["data"]["sekisho.yaml"])
    assert named
    assert [path for path in named if not any(path == m or path.startswith(f"{m}/") for m in mounts)] == []


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_the_gateway_takes_its_configuration(values: Path, tmp_path: Path):
    (config,) = [one for one in of_kind(rendered(values), "ConfigMap") if "sekisho.yaml" in one["data"]]
    file = tmp_path / "sekisho.yaml"
    file.write_text(config["data"]["sekisho.yaml"])
    read = load(file, {}, check_files=False)
    assert read.datasources[0].id == "messenger"
    assert str(read.record.directory) == "/var/lib/sekisho/record"
    assert read.listeners.postgres[0].tls is not None


def test_alerts_and_dashboard_are_the_files_of_the_repository():
    documents = rendered(CHART / "ci" / "full-values.yaml")
    (rules,) = of_kind(documents, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    (page,) = [one for one in of_kind(documents, "ConfigMap") if "sekisho.json" in one["data"]]
    assert json.loads(page["data"]["sekisho.json"]) == json.loads((CHART / "files" / "dashboard.json").read_text())


def test_the_database_is_left_to_the_gateway_alone():
    documents = rendered(CHART / "ci" / "full-values.yaml")
    (policy,) = [one for one in of_kind(documents, "NetworkPolicy") if one["metadata"]["name"].endswith("-database")]
    (gateway,) = of_kind(documents, "StatefulSet")
    assert policy["spec"]["podSelector"] == {"matchLabels": {"app": "postgres"}}
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": gateway["spec"]["selector"]}]
