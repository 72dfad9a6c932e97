"""``inject(pod, settings)``: whether a pod gets the sidecar, and the JSON Patch (RFC 6902) that adds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.injector.answers import Denied, Deny, Object, Patch, Refusal, Untouched, add, items_of, object_of, step
from gateway.injector.environment import environment, names_of
from gateway.injector.settings import Form, InjectorSettings, is_name
from gateway.injector.sidecar import CONTAINER, RECORD_VOLUME, VOLUMES, container, volumes
from gateway.model import JsonValue

INJECT: Final = "sekisho.dev/inject"
INJECTED: Final = "sekisho.dev/injected"
RECORD_CLAIM: Final = "sekisho.dev/record-claim"

# What a cluster's other hands may rightly change on our container after us.
_NOT_COMPARED: Final = frozenset({"resources", "imagePullPolicy"})


def inject(pod: Mapping[str, JsonValue], settings: InjectorSettings, *, namespace: str = "") -> Patch | Denied:
    """The answer for one pod. ``namespace`` is the request's: a pod being made may not carry its own yet."""
    try:
        return _inject(pod, settings, namespace)
    except Deny as deny:
        return deny.denied


def _inject(pod: Mapping[str, JsonValue], settings: InjectorSettings, namespace: str) -> Patch:
    metadata = object_of(pod, "metadata")
    where = namespace or metadata.get("namespace")
    if not isinstance(where, str) or not where:
        raise Deny(Refusal.NAMESPACE_UNKNOWN, "neither the request nor the pod names a namespace")
    if settings.excludes(where):
        return Patch(untouched=Untouched.NAMESPACE_EXCLUDED)
    annotations = object_of(metadata, "annotations")
    if not _asks(annotations):
        return Patch(untouched=Untouched.NOT_ASKED)
    spec = object_of(pod, "spec")
    _refuse_unsafe(spec, settings.form)
    _refuse_shared_volumes(spec)
    own = environment(spec, names_of(annotations), settings.postgres_port)
    if INJECTED in annotations:
        _believe_mark(spec, settings)
        # Another injector may have added a container since, with the database's own address in it.
        untouched = None if own.operations else Untouched.ALREADY_INJECTED
        return Patch(operations=own.operations, untouched=untouched, warnings=own.warnings if own.operations else ())
    _refuse_taken_names(spec)
    claim = _claim(spec, annotations, settings)
    operations = (*own.operations, *_operations(spec, settings, claim))
    return Patch(operations=operations, warnings=(*own.warnings, *_warnings(spec, settings)))


def _asks(annotations: Mapping[str, JsonValue]) -> bool:
    match annotations.get(INJECT):
        case None | "false":
            return False
        case "true":
            return True
        case _:
            raise Deny(Refusal.ANNOTATION_INVALID, f'{INJECT} is "true" or "false"')


def _refuse_unsafe(spec: Mapping[str, JsonValue], form: Form) -> None:
    if not items_of(spec, "containers"):
        raise Deny(Refusal.POD_MALFORMED, "spec.containers is empty")
    if spec.get("hostNetwork"):
        why = "with hostNetwork, 127.0.0.1 is the node's: every process there would reach this pod's gateway"
        raise Deny(Refusal.HOST_NETWORK, why)
    for key in ("hostPID", "shareProcessNamespace"):
        if spec.get(key):
            why = f"with {key}, processes outside the sidecar could read its secrets and memory"
            raise Deny(Refusal.SHARED_PROCESSES, why)
    if object_of(spec, "os").get("name") not in (None, "linux"):
        raise Deny(Refusal.NOT_LINUX, "the sidecar's image is for Linux")
    if form is Form.CLASSIC and spec.get("restartPolicy") not in (None, "Always"):
        why = "the classic sidecar never ends, so this pod would not either: use the native form (Kubernetes 1.29)"
        raise Deny(Refusal.NEVER_ENDS, why)


def _refuse_taken_names(spec: Mapping[str, JsonValue]) -> None:
    named = [item.get("name") for key in ("containers", "initContainers") for item in items_of(spec, key)]
    if CONTAINER in named:
        raise Deny(Refusal.NAME_TAKEN, f"a container of this pod is already called {CONTAINER}")
    for volume in items_of(spec, "volumes"):
        name = volume.get("name")
        if name in VOLUMES and name != RECORD_VOLUME:
            raise Deny(Refusal.NAME_TAKEN, f"a volume of this pod is already called {name}")


def _claim(
    spec: Mapping[str, JsonValue], annotations: Mapping[str, JsonValue], settings: InjectorSettings
) -> str | None:
    """The claim the record lies on. None: the pod brings the volume (a StatefulSet's, one claim per replica). Empty: it
    needs none, because a sink has what decides before bytes go on."""
    for volume in items_of(spec, "volumes"):
        if volume.get("name") == RECORD_VOLUME:
            if not isinstance(volume.get("persistentVolumeClaim"), Mapping):
                why = f"{RECORD_VOLUME} must be a persistentVolumeClaim: on anything else the record ends with the pod"
                raise Deny(Refusal.RECORD_VOLUME_NOT_DURABLE, why)
            return None
    claim = annotations.get(RECORD_CLAIM, settings.record_claim)
    if not isinstance(claim, str) or (claim and not is_name(claim)):
        raise Deny(Refusal.ANNOTATION_INVALID, f"{RECORD_CLAIM} is the name of a PersistentVolumeClaim")
    if not claim and settings.record_sink:
        return ""
    if not claim:
        why = f"no PersistentVolumeClaim for the record: annotate {RECORD_CLAIM}, or bring a volume {RECORD_VOLUME}"
        raise Deny(Refusal.RECORD_VOLUME_MISSING, why)
    for volume in items_of(spec, "volumes"):
        if object_of(volume, "persistentVolumeClaim").get("claimName") == claim:
            raise Deny(Refusal.VOLUME_SHARED, f"volume {volume.get('name')} uses the record's claim {claim}")
    return claim


def _refuse_shared_volumes(spec: Mapping[str, JsonValue]) -> None:
    """Our volumes are the sidecar's alone: who can write the record can rewrite it, the configuration has passwords."""
    for key in ("containers", "initContainers"):
        for item in items_of(spec, key):
            for mount in items_of(item, "volumeMounts"):
                if item.get("name") != CONTAINER and mount.get("name") in VOLUMES:
                    why = f"container {item.get('name')} mounts {mount.get('name')}, which is for the sidecar alone"
                    raise Deny(Refusal.VOLUME_SHARED, why)


def _believe_mark(spec: Mapping[str, JsonValue], settings: InjectorSettings) -> None:
    """A mark that anyone can write lets nobody in without the gateway: the sidecar must be there, as we made it."""
    where = "initContainers" if settings.form is Form.NATIVE else "containers"
    wanted = {key: value for key, value in container(settings).items() if key not in _NOT_COMPARED}
    if not any(_holds(item, wanted) for item in items_of(spec, where)):
        why = f"the pod is marked {INJECTED}, but spec.{where} has no sidecar as this injector makes it"
        raise Deny(Refusal.MARK_FALSE, why)
    record = [volume for volume in items_of(spec, "volumes") if volume.get("name") == RECORD_VOLUME]
    kinds = ("persistentVolumeClaim", "emptyDir") if settings.record_sink else ("persistentVolumeClaim",)
    if not any(isinstance(volume.get(kind), Mapping) for volume in record for kind in kinds):
        raise Deny(Refusal.MARK_FALSE, f"the pod is marked {INJECTED}, but {RECORD_VOLUME} is not on a claim")


def _operations(spec: Mapping[str, JsonValue], settings: InjectorSettings, claim: str | None) -> Iterator[Object]:
    made = container(settings)
    if settings.form is Form.CLASSIC:
        yield add("/spec/containers/-", made)
    elif spec.get("initContainers") is not None:
        yield add("/spec/initContainers/0", made)  # before the others, so that a migration goes through it too
    else:
        yield add("/spec/initContainers", [made])
    new: list[JsonValue] = list(volumes(settings, claim))
    if spec.get("volumes") is not None:
        yield from (add("/spec/volumes/-", volume) for volume in new)
    else:
        yield add("/spec/volumes", new)
    secrets = items_of(spec, "imagePullSecrets")
    if (secret := settings.image.pull_secret) and {"name": secret} not in secrets:
        yield (
            add("/spec/imagePullSecrets/-", {"name": secret})
            if secrets
            else add("/spec/imagePullSecrets", [{"name": secret}])
        )
    security = object_of(spec, "securityContext")
    if settings.fs_group is not None and security.get("fsGroup") is None:
        group: Object = {"fsGroup": settings.fs_group}
        if security.get("fsGroupChangePolicy") is None:
            group["fsGroupChangePolicy"] = "OnRootMismatch"
        if spec.get("securityContext") is not None:
            yield from (add(f"/spec/securityContext/{key}", value) for key, value in group.items())
        else:
            yield add("/spec/securityContext", group)
    yield add(f"/metadata/annotations/{step(INJECTED)}", f"{settings.form} {settings.image.reference}")


def _warnings(spec: Mapping[str, JsonValue], settings: InjectorSettings) -> Iterator[str]:
    """What the pod's author should know."""
    for key in ("initContainers", "containers"):
        for item in items_of(spec, key):
            if object_of(item, "securityContext").get("privileged"):
                yield f"container {item.get('name')} is privileged: it can reach the sidecar's files and memory"
    grace = spec.get("terminationGracePeriodSeconds")
    needed = settings.drain_s + (settings.stop_delay_s if settings.form is Form.CLASSIC else 0)
    if isinstance(grace, int) and grace <= needed:
        yield f"terminationGracePeriodSeconds is {grace}: the sidecar needs more than {needed} to end open statements"


def _holds(found: JsonValue, wanted: JsonValue) -> bool:
    """Whether ``found`` says everything ``wanted`` says. An API server adds defaults, other injectors add mounts."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and _holds(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list) and any(isinstance(item, Mapping) for item in wanted):
        return isinstance(found, list) and all(any(_holds(item, want) for item in found) for want in wanted)
    return found == wanted
