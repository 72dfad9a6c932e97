"""The injector and a real API server: objects as the chart renders them, the Job's own command with the rights the
chart gives it, pods made through the API. Only the Service is another: there are no nodes, so it leads to this machine.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.config import TlsServer
from gateway.config_load import load_as
from gateway.demo.settings import free_port
from gateway.doors.injection.service import Place, Webhook
from gateway.injector.settings import InjectorSettings
from gateway.links.kubernetes import JSON_PATCH
from tests.golden.injector.pods import CASES, after, before
from tests.integration.postgres_wire import until
from tests.integration.test_chart import of_kind
from tests.integration.test_chart_api import place_of
from tests.integration.test_chart_injector import JOB, with_values
from tests.kubernetes import APPLY, ApiServer, Document

pytestmark = [pytest.mark.integration, pytest.mark.needs("helm", "kubernetes")]
OWN, ASKING, OTHER = "sekisho-system", "messenger", "elsewhere"
ACCOUNT = "shop-injector-certificates"
SECRET = f"/api/v1/namespaces/{OWN}/secrets/shop-injector-tls"


class House:
    """An installation of the chart, with the webhook itself in this process."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server, self.folder, self.port = server, folder, free_port()
        server.namespace(OWN)
        server.namespace(ASKING, {"sekisho.dev/inject": "enabled"})
        server.namespace(OTHER)
        documents = with_values(JOB, "--namespace", OWN)
        (self.job,) = of_kind(documents, "Job")
        (config,) = of_kind(documents, "ConfigMap")
        (self.hook,) = of_kind(documents, "MutatingWebhookConfiguration")
        (service,) = of_kind(documents, "Service")
        service["spec"] = {"type": "ExternalName", "externalName": "localhost"}
        self.hook["webhooks"][0]["clientConfig"]["service"]["port"] = self.port
        (folder / "injector.yaml").write_text(config["data"]["injector.yaml"])
        self.token = folder / "token"
        self.token.write_text(server.account(OWN, ACCOUNT))
        for one in documents:
            if one["metadata"]["name"] != ACCOUNT or one["kind"] != "ServiceAccount":
                one["metadata"].setdefault("namespace", OWN)
                server.ask("PATCH", f"{place_of(server, one)}?fieldManager=tests", one, kind=APPLY).wanted()

    def certificates(self, *more: str) -> Result:
        """The command of the chart's Job, as its account."""
        (container,) = self.job["spec"]["template"]["spec"]["containers"]
        cluster = ["--server", self.server.url, "--ca", str(self.server.ca), "--token-file", str(self.token)]
        return CliRunner().invoke(main, [*container["args"], *cluster, *more])

    def forget(self, *, secret: bool = True) -> None:
        """As if no run had been yet; ``secret`` False: only the webhook's configuration is made anew."""
        empty = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": ""}]
        self.server.ask("PATCH", place_of(self.server, self.hook), empty, kind=JSON_PATCH).wanted()
        if secret:
            nothing = [{"op": "add", "path": "/data", "value": {}}]
            self.server.ask("PATCH", SECRET, nothing, kind=JSON_PATCH).wanted()

    def secret(self) -> dict[str, bytes]:
        found = self.server.ask("GET", SECRET).wanted()
        return {key: base64.b64decode(text) for key, text in found.get("data", {}).items()}

    def bundle(self) -> bytes:
        found = self.server.ask("GET", place_of(self.server, self.hook)).wanted()
        return base64.b64decode(found["webhooks"][0]["clientConfig"].get("caBundle", ""))

    @contextmanager
    def serving(self) -> Iterator[Webhook]:
        """The webhook, with what is in the Secret, as a pod has it mounted."""
        tls = TlsServer(certificate=self.folder / "tls.crt", key=self.folder / "tls.key")
        secret = self.secret()
        tls.certificate.write_bytes(secret["tls.crt"])
        tls.key.write_bytes(secret["tls.key"])
        settings = load_as(InjectorSettings, self.folder / "injector.yaml")
        webhook = Webhook(settings, Place(address=f"127.0.0.1:{self.port}", tls=tls))
        with asyncio.Runner() as runner:
            runner.run(webhook.start())
            try:
                yield webhook
            finally:
                runner.run(webhook.stop())

    def make(self, pod: Document, namespace: str = ASKING, query: str = "") -> Any:
        """What the API server answers who makes a pod."""
        metadata = {key: value for key, value in pod["metadata"].items() if key != "generateName"}
        metadata |= {"name": f"pod-{os.urandom(4).hex()}", "namespace": namespace}
        return self.server.ask("POST", f"/api/v1/namespaces/{namespace}/pods{query}", pod | {"metadata": metadata})


@pytest.fixture(scope="module")
def house(kubernetes: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(kubernetes, tmp_path_factory.mktemp("injector"))


@pytest.fixture(scope="module")
def believed(house: House) -> House:
    """With certificates: the first test has made them, or nobody has yet."""
    done = house.certificates()
    assert done.exit_code == 0, done.output
    return house


def sidecars(pod: Document) -> list[Document]:
    return [one for one in pod["spec"].get("initContainers", []) if one["name"] == "sekisho"]


def test_the_job_makes_certificates_once_and_renews_them(house: House) -> None:
    house.forget()
    assert house.secret() == {}
    first = house.certificates()
    assert (first.exit_code, first.output) == (0, f"{OWN}/shop-injector-tls: renewed\n")
    made = house.secret()
    assert set(made) == {"tls.crt", "tls.key", "ca.crt"}
    assert house.bundle() == made["ca.crt"]

    assert house.certificates().output.endswith(": nothing\n")
    assert house.secret() == made

    house.forget(secret=False)
    assert house.certificates().output.endswith(": believed\n")
    assert house.bundle() == made["ca.crt"]

    assert house.certificates("--days=200", "--renew-before=100").output.endswith(": renewed\n")
    renewed = house.secret()
    assert renewed["tls.crt"] != made["tls.crt"]
    assert house.bundle() == renewed["ca.crt"] + made["ca.crt"], "replicas still show the one before"
    assert house.certificates().output.endswith(": nothing\n")
    assert house.bundle() == renewed["ca.crt"] + made["ca.crt"]


def test_its_account_may_touch_nothing_else(believed: House) -> None:
    server, token = believed.server, believed.token.read_text()
    for method, path in (
        ("GET", f"/api/v1/namespaces/{OWN}/secrets"),
        ("GET", f"/api/v1/namespaces/{OWN}/secrets/other"),
        ("GET", f"/api/v1/namespaces/{ASKING}/secrets/shop-injector-tls"),
        ("GET", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/other"),
        ("DELETE", place_of(server, believed.hook)),
    ):
        assert server.ask(method, path, token=token).status == 403, path
    refused = believed.certificates("--secret=other")
    assert refused.exit_code == 2
    assert "answered 403" in refused.output


def test_pods_that_ask_come_back_with_the_sidecar(believed: House) -> None:
    with believed.serving():
        until(lambda: believed.make(before("web-application"), query="?dryRun=All").good, seconds=30)
        pod = believed.make(before("rewrite-url")).wanted()
        (sidecar,) = sidecars(pod)
        assert sidecar["restartPolicy"] == "Always"
        assert sidecar["image"] == "sekisho:0.1.0"
        url = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}["DATABASE_URL"]
        assert url.startswith("postgresql://messenger:$(DB_PASSWORD)@127.0.0.1:5432/messenger?sslmode=disable")
        # The application has the token of its service account; the sidecar has not.
        tokens = {"/var/run/secrets/kubernetes.io/serviceaccount"}
        (of_app,) = [one for one in pod["spec"]["containers"][0]["volumeMounts"] if one["mountPath"] in tokens]
        (of_ours,) = [one for one in sidecar["volumeMounts"] if one["mountPath"] in tokens]
        assert of_app["name"].startswith("kube-api-access")
        assert of_ours["name"] == "sekisho-no-token"
        stored = believed.server.ask("GET", f"/api/v1/namespaces/{ASKING}/pods/{pod['metadata']['name']}").wanted()
        assert stored["spec"] == pod["spec"]


def test_a_pod_that_cannot_be_served_is_refused_in_words(believed: House) -> None:
    with believed.serving():
        answer = believed.make(before("rewrite-from-secret"))
    assert answer.status == 403
    assert answer.body["message"].startswith('admission webhook "inject.sekisho.dev" denied the request: sekisho: ')
    assert answer.body["message"].endswith("(rewrite_impossible)")


def test_a_dry_run_makes_nothing(believed: House) -> None:
    def names() -> set[str]:
        found = believed.server.ask("GET", f"/api/v1/namespaces/{ASKING}/pods").wanted()["items"]
        return {one["metadata"]["name"] for one in found}

    with believed.serving():
        there = names()
        assert sidecars(believed.make(before("web-application"), query="?dryRun=All").wanted())
        assert names() == there


def test_without_the_webhook_no_pod_that_asks_is_made_and_all_others_are(believed: House) -> None:
    refused = believed.make(before("web-application"))
    assert refused.status == 500
    assert 'failed calling webhook "inject.sekisho.dev"' in refused.body["message"]
    plain = before("web-application")
    del plain["metadata"]["annotations"]["sekisho.dev/inject"]
    assert not sidecars(believed.make(plain).wanted())
    # Without the namespace's label the annotation alone asks nobody.
    assert not sidecars(believed.make(before("web-application"), OTHER).wanted())


@pytest.mark.parametrize("case", [case for case in CASES if "denied" not in after(case)[0]])
def test_every_golden_pod_is_one_to_the_api_server(believed: House, case: str) -> None:
    """Fields, volumes, probes: checked by who checks them in a cluster."""
    pod = after(case)[0]
    for container in pod["spec"]["containers"]:
        container.get("securityContext", {}).pop("privileged", None)  # this API server takes none at all
    believed.make(pod, OTHER, "?dryRun=All&fieldValidation=Strict").wanted()
