"""The chart, by the real helm: it renders, every value is described, what would be unsafe is refused, and the
configuration it writes is one the gateway takes."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import Config
from gateway.config_load import load
from tests.servers import require_tool

CHART = Path(__file__).parents[2] / "helm" / "sekisho"
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
GATEWAYS = [one for one in CASES if not one.name.startswith("injector-")]
INJECTORS = [one for one in CASES if one not in GATEWAYS]  # test_chart_injector
KUBE_VERSION = "1.31.0"

pytestmark = pytest.mark.needs("helm")


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require_tool("helm"), *arguments], capture_output=True, text=True, timeout=60)


@cache
def rendered(values: Path) -> list[dict[str, Any]]:
    """What helm makes of a case, once: to be read only."""
    done = helm("template", "shop", CHART, "--values", values, "--kube-version", KUBE_VERSION)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def of_kind(documents: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in documents if one["kind"] in kinds]


def leaves(values: object, path: str = "") -> Iterator[str]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path


def of_schema(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every value the schema knows, and what it says of it; lists' items and the gateway's own settings included."""
    for key, inner in schema.get("properties", {}).items():
        name = f"{path}.{key}" if path else key
        yield name, inner
        yield from of_schema(inner, name)
        yield from of_schema(inner.get("items", {}), f"{name}[]")


@pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
def test_it_lints_and_renders(values: Path):
    linted = helm("lint", CHART, "--strict", "--values", values, "--kube-version", KUBE_VERSION)
    assert linted.returncode == 0, linted.stdout
    names = [(one["kind"], one["metadata"]["name"]) for one in rendered(values)]
    assert len(names) == len(set(names)), "nothing is made twice"


def test_every_value_is_in_the_schema_with_words_and_nothing_else_is_taken():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    known = dict(of_schema(schema))
    ours = {path for path in known if not re.match(r"config\.|.*\.options\.|.*\[\]", path) and path != "global"}
    free = {path for path in ours if known[path].get("additionalProperties") is not False}
    assert {path for path in leaves(values) if path not in known} - {"config.issuers", "config.datasources"} == {
        path for path in leaves(values) if any(path.startswith(f"{one}.") for one in free)
    }
    assert ours <= {path[:end] for path in leaves(values) for end in cuts(path)}, "values.yaml shows every value"
    assert [path for path, inner in known.items() if not inner.get("description")] == []
    closed = [path for path, inner in known.items() if "properties" in inner]
    assert [path for path in closed if known[path].get("additionalProperties") is not False] == []
    assert schema["additionalProperties"] is False


def cuts(path: str) -> list[int]:
    return [at for at, letter in enumerate(path) if letter == "."] + [len(path)]


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        (["doors.postgres.tlsSecret="], "doors.postgres.tlsSecret"),
        (["doors.grpc.enabled=true", "doors.grpc.tlsSecret="], "doors.grpc.tlsSecret"),
        (["certificates.enabled=true"], "certificates.issuer.name"),
        (["record.durability=emptyDir"], "record"),
        (["record.durability=remote"], "config.record.remote"),
        (["image.tag=latest"], "tag"),
        (["misspelt=1"], "misspelt"),
        (["config.limits.mesage_bytes=1"], "mesage_bytes"),
        (["config.datasources[0].port=many"], "port"),
        (["config.listeners.http.address=x"], "listeners"),
        (["doors.postgres.options.address=x"], "address"),
        (["doors.postgres.port=432"], "port"),
        (["config.record.directory=/tmp"], "directory"),
        (["service.type=LoadBalancer", "service.externalTrafficPolicy=Cluster"], "proxyProtocolFrom"),
        (["service.type=LoadBalancer"], "networkPolicy.from"),
        (["networkPolicy.egress=null"], "networkPolicy.egress"),
        (["networkPolicy.database.enabled=true"], "podSelector"),
        (["preStopSeconds=10"], "preStopSeconds: 10 is not longer than the drain"),
        (["config.limits.drain_timeout_ms=15000"], "preStopSeconds: 15 is not longer than the drain"),
        (["terminationGracePeriodSeconds=39"], "terminationGracePeriodSeconds: 39 would cut the end"),
        (["autoscaling.enabled=true", "autoscaling.minReplicas=7"], "autoscaling.minReplicas"),
        (["bundle.url="], "bundle.url"),
        (["bundle.url=http://policy.example/x"], "url"),
        (["bundle.publicKey="], "bundle.publicKey"),
        (["bundle.tokenFile=token"], "bundle.secret"),
        (["bundle.registry=false"], "config.registry.directory"),
        (["config.registry.directory=/etc/sekisho/data/house"], "name one of them"),
        (["config.registry.countries=/etc/sekisho/data/house/c.mmdb"], "dataVolumes: house"),
        (["dataVolumes[0].name=a", "dataVolumes[0].source.configMap.name=a"], "configMap"),
        (["dataVolumes[0].name=a", "dataVolumes[0].source.emptyDir.sizeLimit=1Gi"], "emptyDir"),
        (["secrets=null"], "secrets: sekisho-roles"),
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


@pytest.mark.parametrize("values", GATEWAYS, ids=lambda path: path.stem)
def test_probes_differ_and_the_end_is_waited_for(values: Path):
    documents = rendered(values)
    pod = workload(documents)["spec"]["template"]["spec"]
    container = pod["containers"][0]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    sleep = int(re.findall(r"sleep\((\d+)\)", container["lifecycle"]["preStop"]["exec"]["command"][-1])[0])
    drain = configured(documents).limits.drain_timeout_ms / 1000
    assert drain < sleep
    assert sleep + drain + 15 <= pod["terminationGracePeriodSeconds"]


def test_the_record_is_on_a_claim_of_its_own_and_stays():
    (gateway,) = of_kind(rendered(CHART / "ci" / "gateway-values.yaml"), "StatefulSet")
    (claim,) = gateway["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert gateway["spec"]["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    mounts = gateway["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    kept = {one["mountPath"] for one in mounts if one["name"] == "record"}
    assert kept == {"/var/lib/sekisho"}


@pytest.mark.parametrize("values", GATEWAYS, ids=lambda path: path.stem)
def test_what_the_configuration_names_is_mounted(values: Path):
    documents = rendered(values)
    mounts = [
        one["mountPath"] for one in workload(documents)["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    ]
    (config,) = [one for one in of_kind(documents, "ConfigMap") if "sekisho.yaml" in one["data"]]
    named = re.findall(r"(?:/etc/sekisho|/var/lib/sekisho)/\S+", config["data"]["sekisho.yaml"])
    assert named
    assert [path for path in named if not any(path == m or path.startswith(f"{m}/") for m in mounts)] == []


@pytest.mark.parametrize("values", GATEWAYS, ids=lambda path: path.stem)
def test_the_gateway_takes_its_configuration(values: Path):
    read = configured(rendered(values))
    assert read.datasources[0].id == "messenger"
    assert str(read.record.directory) == "/var/lib/sekisho/record"
    assert read.listeners.postgres[0].tls is not None


def workload(documents: list[dict[str, Any]]) -> dict[str, Any]:
    (gateway,) = of_kind(documents, "StatefulSet", "Deployment")
    return gateway


def configured(documents: list[dict[str, Any]]) -> Config:
    """The configuration in the chart's ConfigMap, as the gateway reads it."""
    (config,) = [one for one in of_kind(documents, "ConfigMap") if "sekisho.yaml" in one["data"]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sekisho.yaml"
        file.write_text(config["data"]["sekisho.yaml"])
        return load(file, {}, check_files=False)


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
    assert (policy["metadata"]["namespace"], policy["spec"]["podSelector"]) == (
        "data",
        {"matchLabels": {"app": "postgres"}},
    )
    house = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}
    assert [one["from"] for one in policy["spec"]["ingress"]] == [
        [{"podSelector": gateway["spec"]["selector"], **house}],
        [{"podSelector": {"matchLabels": {"app": "postgres"}}}],  # alsoFrom: its replicas
    ]


def test_the_network_is_closed_both_ways_but_for_what_is_named_and_helm_test():
    documents = rendered(CHART / "ci" / "gateway-values.yaml")
    (policy,) = of_kind(documents, "NetworkPolicy")
    values = yaml.safe_load((CHART / "ci" / "gateway-values.yaml").read_text())
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["egress"][1:] == values["networkPolicy"]["egress"]
    assert [one["port"] for one in policy["spec"]["egress"][0]["ports"]] == [53, 53]
    (asks,) = of_kind(documents, "Pod")
    (wanted,) = policy["spec"]["ingress"][-1]["from"]
    assert wanted["podSelector"]["matchLabels"].items() <= asks["metadata"]["labels"].items()


def test_who_comes_from_outside_keeps_the_address_or_a_header_tells_it():
    (local,) = [one for one in services("remote") if one["spec"].get("clusterIP") != "None"]
    assert local["spec"]["externalTrafficPolicy"] == "Local"
    (cluster,) = [one for one in services("full") if one["spec"].get("clusterIP") != "None"]
    assert cluster["spec"]["externalTrafficPolicy"] == "Cluster"
    (listener,) = configured(rendered(CHART / "ci" / "full-values.yaml")).listeners.postgres
    assert listener.edges == ("10.0.0.0/8",)


def services(case: str) -> list[dict[str, Any]]:
    return of_kind(rendered(CHART / "ci" / f"{case}-values.yaml"), "Service")


def test_without_a_claim_the_record_is_off_box_first():
    documents = rendered(CHART / "ci" / "remote-values.yaml")
    assert workload(documents)["kind"] == "Deployment"
    assert configured(documents).record.remote is not None
