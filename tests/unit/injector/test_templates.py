from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.injector.templates import pod_of

POD = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "a"}]}}


def of(kind: str, spec: Any, **metadata: str) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "shop", **metadata}, "spec": spec}


def test_a_pod_is_a_pod():
    given = {"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}, "spec": {"containers": []}}
    assert pod_of(given, "other") == {"apiVersion": "v1", **given}
    assert pod_of({"kind": "Pod", "spec": {}}, "other") == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "other"},
        "spec": {},
    }


@pytest.mark.parametrize(
    "document",
    [
        of("Deployment", {"template": POD}, namespace="team"),
        of("DaemonSet", {"template": POD}, namespace="team"),
        of("Job", {"template": POD}, namespace="team"),
        of("CronJob", {"jobTemplate": {"spec": {"template": POD}}}, namespace="team"),
        {"kind": "PodTemplate", "metadata": {"name": "shop", "namespace": "team"}, "template": POD},
    ],
    ids=lambda one: one["kind"],
)
def test_what_makes_pods_is_shown_by_one(document):
    pod = pod_of(document, "other")
    assert pod is not None
    assert pod["metadata"] == {"generateName": "shop-", "namespace": "team", "labels": {"app": "a"}}
    assert pod["spec"] == POD["spec"]


def test_a_stateful_set_brings_its_claims():
    spec = POD["spec"] | {"volumes": [{"name": "record", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]}
    claims = [{"metadata": {"name": "record"}}, "junk"]
    pod = pod_of(of("StatefulSet", {"template": POD | {"spec": spec}, "volumeClaimTemplates": claims}), "n")
    assert pod is not None
    assert pod["spec"]["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "record", "persistentVolumeClaim": {"claimName": "record-shop-0"}},
    ]
    assert POD["spec"] == {"containers": [{"name": "a"}]}


def test_other_objects_make_none():
    assert pod_of({"kind": "Service"}, "n") is None


@pytest.mark.parametrize(
    "document", [None, [], "x", {}, {"kind": 7}, of("Deployment", {}), of("CronJob", []), {"kind": "Deployment"}]
)
def test_what_is_no_object_is_told(document):
    with pytest.raises(ConfigError):
        pod_of(document, "n")
