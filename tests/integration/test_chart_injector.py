"""The chart with `mode: injector`, by the real helm: what it renders is the webhook and nothing of a gateway's, and the
settings it writes are ones the injector takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from gateway.config_load import iter_settings, load_as
from gateway.injector.settings import Form, InjectorSettings
from tests.integration.test_chart import CHART, INJECTORS, KUBE_VERSION, helm, of_kind, rendered

pytestmark = pytest.mark.needs("helm")
JOB, FULL = CHART / "ci" / "injector-values.yaml", CHART / "ci" / "injector-full-values.yaml"
by_case = pytest.mark.parametrize("values", INJECTORS, ids=lambda path: path.stem)


def settings_in(documents: list[dict[str, Any]], folder: Path) -> InjectorSettings:
    (config,) = of_kind(documents, "ConfigMap")
    file = folder / "injector.yaml"
    file.write_text(config["data"]["injector.yaml"])
    return load_as(InjectorSettings, file)


def with_values(values: Path, *more: str) -> list[dict[str, Any]]:
    done = helm("template", "shop", CHART, "--values", values, "--kube-version", KUBE_VERSION, *more)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def hook(documents: list[dict[str, Any]]) -> dict[str, Any]:
    (configuration,) = of_kind(documents, "MutatingWebhookConfiguration")
    (webhook,) = configuration["webhooks"]
    assert isinstance(webhook, dict)
    return webhook


def pods(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [one["spec"]["template"]["spec"] for one in of_kind(documents, "Deployment", "Job")]
    return found + [one["spec"]["jobTemplate"]["spec"]["template"]["spec"] for one in of_kind(documents, "CronJob")]


@by_case
def test_nothing_of_a_gateway_is_rendered(values: Path) -> None:
    documents = rendered(values)
    assert not of_kind(documents, "StatefulSet", "Pod", "HorizontalPodAutoscaler")
    assert {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in documents} == {"injector"}


def test_alerts_are_the_file_of_the_repository() -> None:
    assert not of_kind(rendered(JOB), "PrometheusRule")
    (rules,) = of_kind(rendered(FULL), "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())


@by_case
def test_the_webhook_fails_closed_and_keeps_to_what_asks(values: Path) -> None:
    webhook = hook(rendered(values))
    assert (webhook["failurePolicy"], webhook["reinvocationPolicy"]) == ("Fail", "IfNeeded")
    assert (webhook["sideEffects"], webhook["matchPolicy"]) == ("None", "Equivalent")
    assert webhook["admissionReviewVersions"] == ["v1"]
    assert webhook["timeoutSeconds"] <= 5
    (never,) = webhook["namespaceSelector"]["matchExpressions"]
    assert never["operator"] == "NotIn"
    assert {"kube-system", "kube-public", "kube-node-lease", "default"} <= set(never["values"])
    assert webhook["namespaceSelector"]["matchLabels"]
    (rule,) = webhook["rules"]
    assert (rule["operations"], rule["resources"], rule["scope"]) == (["CREATE"], ["pods"], "Namespaced")


def test_conditions_are_for_clusters_that_know_them() -> None:
    assert "matchConditions" in hook(rendered(JOB))
    assert "matchConditions" not in hook(with_values(JOB, "--kube-version", "1.29.3"))


@by_case
def test_the_injector_takes_its_settings(values: Path, tmp_path: Path) -> None:
    documents = rendered(values)
    settings = settings_in(documents, tmp_path)
    assert settings.own_namespace == "default"
    assert settings.config_secret == "sekisho-config"
    (deployment,) = of_kind(documents, "Deployment")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == settings.image.reference


def test_every_setting_can_be_said_in_values(tmp_path: Path) -> None:
    settings = settings_in(rendered(FULL), tmp_path)
    assert (settings.form, settings.record_sink, settings.postgres_port) == (Form.CLASSIC, "kafka", 6432)
    assert (settings.fs_group, settings.excluded_namespaces) == (None, ("monitoring",))
    assert (settings.image.pull_secret, settings.resources.cpu_limit) == ("registry", "1")
    known = set(schema_of_settings())
    ours = {one.name for one in iter_settings(InjectorSettings) if not one.name.startswith("image")}
    assert known == ours - {"own_namespace"}


def schema_of_settings() -> list[str]:
    import json

    from tests.integration.test_chart import of_schema

    schema = json.loads((CHART / "values.schema.json").read_text())
    return [path for path, _ in of_schema(schema["properties"]["injector"]["properties"]["settings"])]


@by_case
def test_containers_have_no_rights_and_a_token_where_it_is_used(values: Path) -> None:
    found = pods(rendered(values))
    assert found
    for pod in found:
        (container,) = pod["containers"]
        security = container["securityContext"]
        assert (security["runAsNonRoot"], security["readOnlyRootFilesystem"]) == (True, True)
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["allowPrivilegeEscalation"] is False
        assert "memory" in container["resources"]["limits"]
        asks = container["args"][:2] == ["inject", "certificates"]
        assert pod.get("automountServiceAccountToken", True) is asks


@by_case
def test_probes_differ_and_its_end_is_waited_for(values: Path) -> None:
    (deployment,) = of_kind(rendered(values), "Deployment")
    assert deployment["spec"]["replicas"] >= 2
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}
    assert "time.sleep(15)" in container["lifecycle"]["preStop"]["exec"]["command"][-1]
    assert pod["terminationGracePeriodSeconds"] > 15 + 8


@by_case
def test_its_commands_are_commands(values: Path) -> None:
    """Each argument is one that the command knows."""
    for pod in pods(rendered(values)):
        (container,) = pod["containers"]
        group, command, *options = container["args"]
        help_text = CliRunner().invoke(main, [group, command, "--help"]).output
        assert [one for one in options if one.partition("=")[0] not in help_text] == []


def test_who_makes_certificates_may_touch_two_objects() -> None:
    documents = rendered(JOB)
    rules = [rule for one in of_kind(documents, "Role", "ClusterRole") for rule in one["rules"]]
    (webhook,) = of_kind(documents, "MutatingWebhookConfiguration")
    assert sorted((one["resources"], one["resourceNames"], one["verbs"]) for one in rules) == [
        (["mutatingwebhookconfigurations"], [webhook["metadata"]["name"]], ["get", "patch"]),
        (["secrets"], ["shop-injector-tls"], ["get", "update"]),
    ]
    assert not of_kind(rendered(FULL), "Role", "ClusterRole", "Job", "CronJob", "Secret")


def test_cert_manager_is_told_the_name_and_where_to_put_its_authority() -> None:
    documents = rendered(FULL)
    (certificate,) = of_kind(documents, "Certificate")
    assert certificate["spec"]["dnsNames"][0] == "shop-injector.default.svc"
    assert certificate["spec"]["issuerRef"] == {"name": "internal", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    (webhook,) = of_kind(documents, "MutatingWebhookConfiguration")
    assert webhook["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "default/shop-injector"}
    own = with_values(JOB, "--set", "injector.certificates.by=cert-manager")
    (issuer,) = of_kind(own, "Issuer")
    (mine,) = of_kind(own, "Certificate")
    assert mine["spec"]["issuerRef"]["name"] == issuer["metadata"]["name"]


def test_it_is_asked_and_asks_nobody() -> None:
    (policy,) = of_kind(rendered(FULL), "NetworkPolicy")
    assert policy["spec"]["egress"] == []
    assert policy["spec"]["ingress"][0]["from"] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        ("mode=sidecar", "mode"),
        ("injector.settings.config_secret=", "injector.settings.config_secret"),
        ("injector.settings.form=both", "form"),
        ("injector.settings.image=x", "image"),
        ("injector.timeoutSeconds=10", "timeoutSeconds"),
        ("injector.certificates.by=hand", "by"),
        ("injector.certificates.renewBefore=90", "injector.certificates.renewBefore"),
        ("injector.replicas=0", "replicas"),
    ],
)
def test_what_would_not_work_is_not_rendered(sets: str, why: str) -> None:
    done = helm("template", "shop", CHART, "--values", JOB, "--kube-version", KUBE_VERSION, "--set", sets)
    assert done.returncode != 0
    assert why in done.stderr
