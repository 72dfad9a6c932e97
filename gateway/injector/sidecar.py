"""What is added to a pod: one container, its volumes, and a group for them."""

from __future__ import annotations

from typing import Final

from gateway.injector.address import LOOPBACK
from gateway.injector.answers import Object
from gateway.injector.settings import Form, InjectorSettings, Resources
from gateway.model import JsonValue

CONTAINER: Final = "sekisho"
CONFIG_VOLUME: Final = "sekisho-config"
REGISTRY_VOLUME: Final = "sekisho-registry"
RECORD_VOLUME: Final = "sekisho-record"
SCRATCH_VOLUME: Final = "sekisho-tmp"
NO_TOKEN_VOLUME: Final = "sekisho-no-token"  # noqa: S105 - a name, no secret
VOLUMES: Final = frozenset({CONFIG_VOLUME, REGISTRY_VOLUME, RECORD_VOLUME, SCRATCH_VOLUME, NO_TOKEN_VOLUME})

_CONFIG: Final = "/etc/sekisho/config"
_REGISTRY: Final = "/etc/sekisho/registry"
_STATE: Final = "/var/lib/sekisho"
_RECORD: Final = f"{_STATE}/record"  # made by the gateway, for itself alone: a volume's own is open to its group
# A container with a mount of its own here gets no token of the service account from the API server.
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, no secret
_PROBE_TIMEOUT_S: Final = 3


def container(settings: InjectorSettings) -> Object:
    """The sidecar's container."""
    native = settings.form is Form.NATIVE
    made: Object = {
        "name": CONTAINER,
        "image": settings.image.reference,
        "imagePullPolicy": settings.image.pull_policy.value,
        "command": ["sekisho"],
        "args": ["serve", "--config", f"{_CONFIG}/sekisho.yaml"],
        "env": _environment(settings),
        "resources": _resources(settings.resources),
        "securityContext": _security(settings.user),
        "volumeMounts": _mounts(settings),
        # Up: until then a native sidecar keeps every later container waiting. Ready: the pod gets traffic. Live: else
        # it is started anew. A gateway that denies with a reason is up, ready and live.
        "startupProbe": _probe(settings.http_port, "/readyz", period=2, failures=60),
        "readinessProbe": _probe(settings.http_port, "/readyz", period=10, failures=2),
        "livenessProbe": _probe(settings.http_port, "/healthz", period=20, failures=3),
    }
    if native:
        made["restartPolicy"] = "Always"
    else:
        # All containers are told to stop at once: this one goes on while the application finishes, for longer than it
        # then waits for open statements itself. A native sidecar is told when all others have ended.
        sleep = ["python3", "-I", "-c", f"import time; time.sleep({settings.stop_delay_s})"]
        made["lifecycle"] = {"preStop": {"exec": {"command": sleep}}}
    return made


def volumes(settings: InjectorSettings, claim: str | None) -> list[Object]:
    """The volumes to add. ``claim`` None: the pod brings the record's volume itself; empty: its copy need not stay."""
    sources: list[JsonValue] = []
    if settings.config_map:
        sources.append({"configMap": {"name": settings.config_map}})
    if settings.config_secret:
        sources.append({"secret": {"name": settings.config_secret}})
    made: list[Object] = [{"name": CONFIG_VOLUME, "projected": {"sources": sources}}]
    if settings.registry_map:
        made.append({"name": REGISTRY_VOLUME, "configMap": {"name": settings.registry_map}})
    if claim:
        made.append({"name": RECORD_VOLUME, "persistentVolumeClaim": {"claimName": claim}})
    elif claim == "":  # what decides is elsewhere before bytes go on: the copy here may go with the pod
        made.append({"name": RECORD_VOLUME, "emptyDir": {"sizeLimit": settings.record_size}})
    made.append({"name": SCRATCH_VOLUME, "emptyDir": {"sizeLimit": "64Mi"}})
    made.append({"name": NO_TOKEN_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}})
    return made


def _environment(settings: InjectorSettings) -> list[JsonValue]:
    made: list[JsonValue] = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "SEKISHO_LISTENERS_HTTP_ADDRESS", "value": f"{LOOPBACK}:{settings.http_port}"},
        {"name": "SEKISHO_RECORD_DIRECTORY", "value": _RECORD},
        {"name": "SEKISHO_LIMITS_DRAIN_TIMEOUT_MS", "value": str(settings.drain_s * 1000)},
    ]
    if settings.record_sink:
        # A gateway whose configuration has no such sink does not start: the record is never only in the pod.
        made.append({"name": "SEKISHO_RECORD_REMOTE_SINK", "value": settings.record_sink})
    if settings.registry_map:
        made.append({"name": "SEKISHO_REGISTRY_DIRECTORY", "value": _REGISTRY})
    return made


def _mounts(settings: InjectorSettings) -> list[JsonValue]:
    made: list[JsonValue] = [{"name": CONFIG_VOLUME, "mountPath": _CONFIG, "readOnly": True}]
    if settings.registry_map:
        made.append({"name": REGISTRY_VOLUME, "mountPath": _REGISTRY, "readOnly": True})
    # A folder of its own for each pod: a record has one writer, a claim may be shared.
    made.append({"name": RECORD_VOLUME, "mountPath": _STATE, "subPathExpr": "$(POD_NAME)"})
    made.append({"name": SCRATCH_VOLUME, "mountPath": "/tmp"})  # noqa: S108 - a volume of the container's own
    made.append({"name": NO_TOKEN_VOLUME, "mountPath": _TOKEN, "readOnly": True})
    return made


def _security(user: int) -> Object:
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _resources(asked: Resources) -> Object:
    limits: Object = {"memory": asked.memory_limit}
    if asked.cpu_limit:
        limits["cpu"] = asked.cpu_limit
    return {"requests": {"cpu": asked.cpu_request, "memory": asked.memory_request}, "limits": limits}


def _probe(port: int, path: str, *, period: int, failures: int) -> Object:
    """Asks the http door from inside: a kubelet's own HTTP probe goes to the pod's address, where nothing listens."""
    ask = (
        "import http.client, sys; "
        f"c = http.client.HTTPConnection('{LOOPBACK}', {port}, timeout={_PROBE_TIMEOUT_S - 1}); "
        f"c.request('GET', '{path}'); sys.exit(c.getresponse().status != 200)"
    )
    return {
        "exec": {"command": ["python3", "-I", "-c", ask]},
        "periodSeconds": period,
        "timeoutSeconds": _PROBE_TIMEOUT_S,
        "failureThreshold": failures,
    }
