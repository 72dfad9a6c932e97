"""The pods that objects of a cluster make: of a Deployment, say, the pod of its template. Pure.

For looking before: what is written is seldom a pod. A StatefulSet's pods bring volumes by its `volumeClaimTemplates`,
and the first pod is shown with them, as its controller would make it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.errors import ConfigError

# Where each kind has its pod.
_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Pod": (),
        "PodTemplate": ("template",),
        "Deployment": ("spec", "template"),
        "ReplicaSet": ("spec", "template"),
        "ReplicationController": ("spec", "template"),
        "DaemonSet": ("spec", "template"),
        "StatefulSet": ("spec", "template"),
        "Job": ("spec", "template"),
        "CronJob": ("spec", "jobTemplate", "spec", "template"),
    }
)


def pod_of(document: object, namespace: str) -> dict[str, Any] | None:
    """The pod a document is, or would make; None where it makes none. ``namespace``: where it names none itself.
    Raises ConfigError."""
    if not isinstance(document, Mapping) or not isinstance(document.get("kind"), str):
        raise ConfigError(["not an object of Kubernetes: no `kind`"])
    way = _TEMPLATES.get(document["kind"])
    if way is None:
        return None
    found: Any = document
    for step in way:
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise ConfigError([f"{document['kind']}: no {'.'.join(way)}"])
    own, outer = (_object(one.get("metadata")) for one in (found, document))
    metadata = {**own, "namespace": own.get("namespace") or outer.get("namespace") or namespace}
    if way and isinstance(name := outer.get("name"), str):
        metadata = {"generateName": f"{name}-", **metadata}
    spec = _object(found.get("spec"))
    if document["kind"] == "StatefulSet":
        spec = _with_claims(spec, document, str(outer.get("name", "")))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _with_claims(spec: dict[str, Any], document: Mapping[str, Any], name: str) -> dict[str, Any]:
    claims = _object(document.get("spec")).get("volumeClaimTemplates")
    names = [_object(claim).get("metadata") for claim in claims] if isinstance(claims, list) else []
    own = [str(one["name"]) for one in names if isinstance(one, Mapping) and "name" in one]
    volumes = spec.get("volumes")
    kept = [one for one in volumes if _object(one).get("name") not in own] if isinstance(volumes, list) else []
    made = [{"name": one, "persistentVolumeClaim": {"claimName": f"{one}-{name}-0"}} for one in own]
    return {**spec, "volumes": [*kept, *made]} if made else spec


def _object(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
