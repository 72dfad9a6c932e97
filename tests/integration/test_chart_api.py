"""The chart and a real API server: what helm renders is of its schemas (kubeconform, strict), it takes each object and
each pod as they are, and helm installs, changes and removes a release there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.integration.postgres_wire import until
from tests.integration.test_chart import CASES, CHART, GATEWAYS, KUBE_VERSION, of_kind, workload
from tests.kube_schemas import write_schemas
from tests.kubernetes import APPLY, ApiServer, Document
from tests.servers import ROOT, require_tool

pytestmark = [pytest.mark.integration, pytest.mark.needs("helm", "kubernetes", "kubeconform")]

CRDS = ROOT / ".tools" / "crds"
CUSTOM = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAMESPACE = "shop"
Helm = Callable[..., subprocess.CompletedProcess[str]]
by_case = pytest.mark.parametrize("values", CASES, ids=lambda path: path.stem)
by_gateway = pytest.mark.parametrize("values", GATEWAYS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def cluster(kubernetes: ApiServer) -> ApiServer:
    """The API server with what the chart asks of a cluster: custom resources, and two namespaces; in the release's own
    pods must be what Kubernetes calls restricted."""
    groups = set()
    for file in sorted(CRDS.glob("*.yaml")):
        definition = yaml.load(file.read_text(), yaml.CSafeLoader)
        kubernetes.ask("POST", CUSTOM, definition).wanted()
        groups.add(f"{definition['spec']['group']}/{definition['spec']['versions'][0]['name']}")
    kubernetes.namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
    kubernetes.namespace("data")
    for group in groups:
        until(partial(told, kubernetes, group), seconds=60)
    return kubernetes


def told(server: ApiServer, group: str) -> bool:
    return server.ask("GET", f"/openapi/v3/apis/{group}").good


@pytest.fixture(scope="module")
def helm(cluster: ApiServer) -> Iterator[Helm]:
    """The real helm, sent to that API server and nowhere else."""
    with tempfile.TemporaryDirectory() as folder:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "here", "cluster": {"server": cluster.url, "certificate-authority": str(cluster.ca)}}
            ],
            "users": [{"name": "administrator", "user": {"token": cluster.token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "administrator"}}],
            "current-context": "here",
        }
        (Path(folder) / "kubeconfig").write_text(yaml.safe_dump(config))
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "KUBECONFIG": f"{folder}/kubeconfig"}

        def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            done = subprocess.run(
                [require_tool("helm"), *arguments, "--namespace", NAMESPACE],
                capture_output=True, text=True, timeout=120, env=environment,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return done

        yield run


def rendered(helm: Helm, values: Path) -> list[Document]:
    said = helm("template", NAMESPACE, CHART, "--values", values, "--kube-version", KUBE_VERSION).stdout
    return [one for one in yaml.load_all(said, yaml.CSafeLoader) if one]


@by_case
def test_every_object_is_of_the_api_server_s_schemas_and_taken_as_it_is(
    cluster: ApiServer, helm: Helm, values: Path, tmp_path: Path
) -> None:
    documents = rendered(helm, values)
    (tmp_path / "schemas").mkdir()
    kinds = {(one["apiVersion"], one["kind"]) for one in documents}
    place = write_schemas(cluster, kinds, tmp_path / "schemas")
    (tmp_path / "documents.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))
    held = subprocess.run(
        [require_tool("kubeconform"), "-strict", "-summary", "-schema-location", place, tmp_path / "documents.yaml"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert held.returncode == 0, held.stdout
    assert f"Valid: {len(documents)}," in held.stdout

    for one in documents:
        asked = "?dryRun=All&fieldManager=tests&fieldValidation=Strict"
        cluster.ask("PATCH", place_of(cluster, one) + asked, one, kind=APPLY).wanted()


def test_kubeconform_and_the_api_server_refuse_what_they_do_not_know(cluster: ApiServer, tmp_path: Path) -> None:
    document: Document = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "x"},
        "spec": {
            "serviceNam": "x",
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}},
        },
    }
    place = write_schemas(cluster, [("apps/v1", "StatefulSet")], tmp_path)
    (tmp_path / "document.yaml").write_text(yaml.safe_dump(document))
    held = subprocess.run(
        [require_tool("kubeconform"), "-strict", "-schema-location", place, tmp_path / "document.yaml"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert held.returncode != 0
    assert "serviceNam" in held.stdout
    path = f"{place_of(cluster, document)}?dryRun=All&fieldManager=tests&fieldValidation=Strict"
    refused = cluster.ask("PATCH", path, document, kind=APPLY)
    assert not refused.good
    assert "serviceNam" in refused.body["message"]


@by_gateway
def test_its_pods_are_taken_where_only_restricted_ones_are(cluster: ApiServer, helm: Helm, values: Path) -> None:
    documents = rendered(helm, values)
    gateway = workload(documents)
    accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
    (account,) = of_kind(documents, "ServiceAccount")
    cluster.ask("POST", accounts, account).wanted()
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All&fieldValidation=Strict"
    template = gateway["spec"]["template"]
    for claim in gateway["spec"].get("volumeClaimTemplates", ()):  # as the StatefulSet's controller does
        volume = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": "x"}}
        template["spec"]["volumes"].append(volume)
    pod: Document = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"]["name"] = "gateway-0"
    taken = cluster.ask("POST", pods, pod).wanted()
    assert not [one for one in taken["spec"]["volumes"] if "projected" in one], "no token of its account"
    for one in of_kind(documents, "Pod"):
        cluster.ask("POST", pods, one).wanted()
    del pod["spec"]["containers"][0]["securityContext"]["capabilities"]
    refused = cluster.ask("POST", pods, pod)
    assert (refused.status, "restricted" in refused.body["message"]) == (403, True)
    cluster.ask("DELETE", f"{accounts}/{account['metadata']['name']}").wanted()


def test_a_release_is_installed_changed_and_removed_and_says_what_is_next(cluster: ApiServer, helm: Helm) -> None:
    said = helm("install", "shop", CHART, "--values", CHART / "ci" / "gateway-values.yaml").stdout
    for wanted in ("helm test shop", "sekisho provision", "psql", "sekisho audit tail", "networkPolicy.database is off",
                   "config.volume.redis is not set", "only, and a pod's address"):  # fmt: skip
        assert wanted in said
    sets = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/shop"
    assert cluster.ask("GET", sets).wanted()["spec"]["replicas"] == 2
    token = cluster.account(NAMESPACE, "reader")
    assert cluster.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/shop", token=token).status == 403

    claims = ("--set", "record.size=20Gi", "--set", "record.storageClass=")  # nobody may change those of a StatefulSet
    full = CHART / "ci" / "full-values.yaml"
    said = helm("upgrade", "shop", CHART, "--values", full, "--set", "autoscaling.enabled=false", *claims).stdout
    assert "leaves 1 other ways" in said
    assert "config.volume.redis" not in said
    assert cluster.ask("GET", sets).wanted()["spec"]["replicas"] == 3
    assert cluster.ask("GET", "/apis/networking.k8s.io/v1/namespaces/data/networkpolicies/shop-database").good

    helm("uninstall", "shop")
    assert cluster.ask("GET", sets).status == 404
    assert cluster.ask("GET", "/apis/networking.k8s.io/v1/namespaces/data/networkpolicies/shop-database").status == 404


def test_an_injector_s_release_keeps_what_its_job_wrote(cluster: ApiServer, helm: Helm) -> None:
    values = ("--values", CHART / "ci" / "injector-values.yaml")
    assert "kubectl label namespace NAME sekisho.dev/inject=enabled" in helm("install", "side", CHART, *values).stdout
    jobs = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
    first = [one["metadata"]["name"] for one in cluster.ask("GET", jobs).wanted()["items"]]
    secret = f"/api/v1/namespaces/{NAMESPACE}/secrets/side-injector-tls"
    cluster.ask("PATCH", secret, {"data": {"tls.crt": "YQ=="}}, kind="application/merge-patch+json").wanted()
    hook = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/side-injector-{NAMESPACE}"
    authority = base64.b64encode((cluster.ca).read_bytes()).decode()
    believed = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": authority}]
    cluster.ask("PATCH", hook, believed, kind="application/json-patch+json").wanted()

    helm("upgrade", "side", CHART, *values, "--set", "injector.replicas=3", "--set", "injector.certificates.days=120")
    assert cluster.ask("GET", secret).wanted()["data"] == {"tls.crt": "YQ=="}
    assert cluster.ask("GET", hook).wanted()["webhooks"][0]["clientConfig"]["caBundle"] == authority
    second = [one["metadata"]["name"] for one in cluster.ask("GET", jobs).wanted()["items"]]
    assert (len(first), len(second)) == (1, 1)
    assert first != second, "a Job cannot be changed"

    helm("uninstall", "side")
    assert cluster.ask("GET", hook).status == cluster.ask("GET", secret).status == 404


def place_of(cluster: ApiServer, document: Document) -> str:
    """Where the API server keeps an object."""
    version = document["apiVersion"]
    group = f"/{'apis' if '/' in version else 'api'}/{version}"
    resources = cluster.ask("GET", group).wanted()["resources"]
    (kind,) = [one for one in resources if one["kind"] == document["kind"] and "/" not in one["name"]]
    namespace = document["metadata"].get("namespace", NAMESPACE)
    within = f"/namespaces/{namespace}" if kind["namespaced"] else ""
    return f"{group}{within}/{kind['name']}/{document['metadata']['name']}"
