"""``inject(pod, settings)``: whether a pod gets the sidecar, and the JSON Patch (RFC 6902) that adds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.injector.settings import Form, InjectorSettings, is_name
from gateway.injector.sidecar import CONTAINER, RECORD_VOLUME, VOLUMES, Object, container, volumes
from gateway.model import JsonValue

INJECT: Final = "sekisho.dev/inject"
INJECTED: Final = "sekisho.dev/injected"
RECORD_CLAIM: Final = "sekisho.dev/record-claim"

# What a cluster's other hands may rightly change on our container after us.
_NOT_COMPARED: Final = frozenset({"resources"})


class Untouched(StrEnum):
    """Why a pod is let in as it is."""

    NOT_ASKED = "not_asked"
    NAMESPACE_EXCLUDED = "namespace_excluded"
    ALREADY_INJECTED = "already_injected"


class Refusal(StrEnum):
    """Why a pod is not let in."""

    POD_MALFORMED = "pod_malformed"
    NAMESPACE_UNKNOWN = "namespace_unknown"
    ANNOTATION_INVALID = "annotation_invalid"
    HOST_NETWORK = "host_network"
    SHARED_PROCESSES = "shared_processes"
    NOT_LINUX = "not_linux"
    NEVER_ENDS = "never_ends"
    NAME_TAKEN = "name_taken"
    RECORD_VOLUME_MISSING = "record_volume_missing"
    RECORD_VOLUME_NOT_DURABLE = "record_volume_not_durable"
    VOLUME_SHARED = "volume_shared"
    MARK_FALSE = "mark_false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The pod is let in, with these operations; none: as it is, and why."""

    operations: tuple[Object, ...] = ()
    untouched: Untouched | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The pod is not let in. ``detail`` is for who wrote it."""

    reason: Refusal
    detail: str


class _Deny(Exception):
    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.denied = Denied(reason, detail)


def inject(pod: Mapping[str, JsonValue], settings: InjectorSettings, *, namespace: str = "") -> Patch | Denied:
    """The answer for one pod. ``namespace`` is the request's: a pod being made may not carry its own yet."""
    try:
        return _inject(pod, settings, namespace)
    except _Deny as deny:
        return deny.denied


def _inject(pod: Mapping[str, JsonValue], settings: InjectorSettings, namespace: str) -> Patch:
    metadata = _object(pod, "metadata")
    where = namespace or metadata.get("namespace")
    if not isinstance(where, str) or not where:
        raise _Deny(Refusal.NAMESPACE_UNKNOWN, "neither the request nor the pod names a namespace")
    if settings.excludes(where):
        return Patch(untouched=Untouched.NAMESPACE_EXCLUDED)
    annotations = _object(metadata, "annotations")
    if not _asks(annotations):
        return Patch(untouched=Untouched.NOT_ASKED)
    spec = _object(pod, "spec")
    _refuse_unsafe(spec, settings.form)
    _refuse_shared_volumes(spec)
    if INJECTED in annotations:
        _believe_mark(spec, settings)
        return Patch(untouched=Untouched.ALREADY_INJECTED)
    _refuse_taken_names(spec)
    claim = _claim(spec, annotations, settings)
    return Patch(operations=tuple(_operations(spec, settings, claim)))


def _asks(annotations: Mapping[str, JsonValue]) -> bool:
    match annotations.get(INJECT):
        case None | "false":
            return False
        case "true":
            return True
        case _:
            raise _Deny(Refusal.ANNOTATION_INVALID, f'{INJECT} is "true" or "false"')


def _refuse_unsafe(spec: Mapping[str, JsonValue], form: Form) -> None:
    if not _items(spec, "containers"):
        raise _Deny(Refusal.POD_MALFORMED, "spec.containers is empty")
    if spec.get("hostNetwork"):
        why = "with hostNetwork, 127.0.0.1 is the node's: every process there would reach this pod's gateway"
        raise _Deny(Refusal.HOST_NETWORK, why)
    for key in ("hostPID", "shareProcessNamespace"):
        if spec.get(key):
            why = f"with {key}, processes outside the sidecar could read its secrets and memory"
            raise _Deny(Refusal.SHARED_PROCESSES, why)
    if _object(spec, "os").get("name") not in (None, "linux"):
        raise _Deny(Refusal.NOT_LINUX, "the sidecar's image is for Linux")
    if form is Form.CLASSIC and spec.get("restartPolicy") not in (None, "Always"):
        why = "the classic sidecar never ends, so this pod would not either: use the native form (Kubernetes 1.29)"
        raise _Deny(Refusal.NEVER_ENDS, why)


def _refuse_taken_names(spec: Mapping[str, JsonValue]) -> None:
    named = [item.get("name") for key in ("containers", "initContainers") for item in _items(spec, key)]
    if CONTAINER in named:
        raise _Deny(Refusal.NAME_TAKEN, f"a container of this pod is already called {CONTAINER}")
    for volume in _items(spec, "volumes"):
        name = volume.get("name")
        if name in VOLUMES and name != RECORD_VOLUME:
            raise _Deny(Refusal.NAME_TAKEN, f"a volume of this pod is already called {name}")


def _claim(
    spec: Mapping[str, JsonValue], annotations: Mapping[str, JsonValue], settings: InjectorSettings
) -> str | None:
    """The claim the record lies on; None where the pod brings the volume (a StatefulSet's, one claim per replica)."""
    for volume in _items(spec, "volumes"):
        if volume.get("name") == RECORD_VOLUME:
            if not isinstance(volume.get("persistentVolumeClaim"), Mapping):
                why = f"{RECORD_VOLUME} must be a persistentVolumeClaim: on anything else the record ends with the pod"
                raise _Deny(Refusal.RECORD_VOLUME_NOT_DURABLE, why)
            return None
    claim = annotations.get(RECORD_CLAIM, settings.record_claim)
    if not isinstance(claim, str) or (claim and not is_name(claim)):
        raise _Deny(Refusal.ANNOTATION_INVALID, f"{RECORD_CLAIM} is the name of a PersistentVolumeClaim")
    if not claim:
        why = f"no PersistentVolumeClaim for the record: annotate {RECORD_CLAIM}, or bring a volume {RECORD_VOLUME}"
        raise _Deny(Refusal.RECORD_VOLUME_MISSING, why)
    for volume in _items(spec, "volumes"):
        if _object(volume, "persistentVolumeClaim").get("claimName") == claim:
            raise _Deny(Refusal.VOLUME_SHARED, f"volume {volume.get('name')} uses the record's claim {claim}")
    return claim


def _refuse_shared_volumes(spec: Mapping[str, JsonValue]) -> None:
    """Our volumes are the sidecar's alone: who can write the record can rewrite it, the configuration has passwords."""
    for key in ("containers", "initContainers"):
        for item in _items(spec, key):
            for mount in _items(item, "volumeMounts"):
                if item.get("name") != CONTAINER and mount.get("name") in VOLUMES:
                    why = f"container {item.get('name')} mounts {mount.get('name')}, which is for the sidecar alone"
                    raise _Deny(Refusal.VOLUME_SHARED, why)


def _believe_mark(spec: Mapping[str, JsonValue], settings: InjectorSettings) -> None:
    """A mark that anyone can write lets nobody in without the gateway: the sidecar must be there, as we made it."""
    where = "initContainers" if settings.form is Form.NATIVE else "containers"
    wanted = {key: value for key, value in container(settings).items() if key not in _NOT_COMPARED}
    if not any(_holds(item, wanted) for item in _items(spec, where)):
        why = f"the pod is marked {INJECTED}, but spec.{where} has no sidecar as this injector makes it"
        raise _Deny(Refusal.MARK_FALSE, why)
    record = [volume for volume in _items(spec, "volumes") if volume.get("name") == RECORD_VOLUME]
    if not any(isinstance(volume.get("persistentVolumeClaim"), Mapping) for volume in record):
        raise _Deny(Refusal.MARK_FALSE, f"the pod is marked {INJECTED}, but {RECORD_VOLUME} is not on a claim")


def _operations(spec: Mapping[str, JsonValue], settings: InjectorSettings, claim: str | None) -> Iterator[Object]:
    made = container(settings)
    if settings.form is Form.CLASSIC:
        yield _add("/spec/containers/-", made)
    elif spec.get("initContainers") is not None:
        yield _add("/spec/initContainers/0", made)  # before the others, so that a migration goes through it too
    else:
        yield _add("/spec/initContainers", [made])
    new: list[JsonValue] = list(volumes(settings, claim))
    if spec.get("volumes") is not None:
        yield from (_add("/spec/volumes/-", volume) for volume in new)
    else:
        yield _add("/spec/volumes", new)
    security = _object(spec, "securityContext")
    if settings.fs_group is not None and security.get("fsGroup") is None:
        group: Object = {"fsGroup": settings.fs_group}
        if security.get("fsGroupChangePolicy") is None:
            group["fsGroupChangePolicy"] = "OnRootMismatch"
        if spec.get("securityContext") is not None:
            yield from (_add(f"/spec/securityContext/{key}", value) for key, value in group.items())
        else:
            yield _add("/spec/securityContext", group)
    yield _add(f"/metadata/annotations/{_escaped(INJECTED)}", f"{settings.form} {settings.image.reference}")


def _add(path: str, value: JsonValue) -> Object:
    return {"op": "add", "path": path, "value": value}


def _escaped(key: str) -> str:
    """A key as one step of a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _holds(found: JsonValue, wanted: JsonValue) -> bool:
    """Whether ``found`` says everything ``wanted`` says. An API server adds defaults, other injectors add mounts."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and _holds(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and any(isinstance(item, Mapping) for item in wanted):
        return isinstance(found, list) and all(any(_holds(item, want) for item in found) for want in wanted)
    return found == wanted


def _object(parent: Mapping[str, JsonValue], key: str) -> Mapping[str, JsonValue]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _Deny(Refusal.POD_MALFORMED, f"{key} is not an object")
    return value


def _items(parent: Mapping[str, JsonValue], key: str) -> Sequence[Mapping[str, JsonValue]]:
    value = parent.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _Deny(Refusal.POD_MALFORMED, f"{key} is not a list")
    found: list[Mapping[str, JsonValue]] = []
    for item in value:
        if not isinstance(item, Mapping):
            raise _Deny(Refusal.POD_MALFORMED, f"{key} holds something that is not an object")
        found.append(item)
    return found
