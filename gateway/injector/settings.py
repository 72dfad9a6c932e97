"""What an operator chooses once for every sidecar. Checked when made: every problem in one ConfigError."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.config_setting import setting
from gateway.errors import ConfigError

SYSTEM_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease"})

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")  # of a Secret, ConfigMap, claim or namespace
_REPOSITORY = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SINK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")


class Form(StrEnum):
    """How the sidecar stands in the pod."""

    NATIVE = "native"  # an init container that goes on running (Kubernetes 1.29+): up before all others, down after
    CLASSIC = "classic"  # one more container, for older clusters


class PullPolicy(StrEnum):
    """When a node fetches the image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The gateway's image. With a digest the tag is only a word for people."""

    repository: str = setting("where it is", required=True)
    tag: str = setting("its tag, and not `latest`: two pods would run two gateways", "")
    digest: str = setting("`sha256:…`; wins over the tag", "")
    pull_policy: PullPolicy = setting("when a node fetches it", PullPolicy.IF_NOT_PRESENT)
    pull_secret: str = setting("Secret with the registry's credentials, in each pod's namespace", "")

    @property
    def reference(self) -> str:
        """As a container runtime takes it."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one sidecar asks for. No limit on CPU by default: a throttled gateway is a slow database."""

    cpu_request: str = setting("CPU asked for", "100m")
    memory_request: str = setting("memory asked for", "128Mi")
    memory_limit: str = setting("memory at most", "512Mi")
    cpu_limit: str = setting("CPU at most; without a limit it is not throttled", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectorSettings:
    """One installation's choice."""

    image: Image = setting("the sidecar's image", required=True)
    own_namespace: str = setting("where the injector runs: never injected, or it could wait for itself", required=True)
    config_secret: str = setting("Secret with `sekisho.yaml` and the files it names, in each pod's namespace", "")
    config_map: str = setting("ConfigMap with the same; with both, their keys lie side by side", "")
    registry_map: str = setting("ConfigMap with the registry's files; none = where the configuration says", "")
    record_claim: str = setting(
        "PersistentVolumeClaim of the record; none = each pod names one, or brings the volume `sekisho-record`", ""
    )
    record_sink: str = setting(
        "sink that must have what decides before bytes go on (`record.remote.sink`): pods without a claim are taken", ""
    )
    record_size: str = setting("most that the copy in a pod may take, where there is no claim", "1Gi")
    form: Form = setting("`native` needs Kubernetes 1.29; `classic` is one more container", Form.NATIVE)
    postgres_port: int = setting("of the sidecar's postgres listener on 127.0.0.1, as its configuration says", 5432)
    http_port: int = setting("of its http door, on 127.0.0.1", 8432)
    user: int = setting("numeric user it runs as", 65532)
    fs_group: int | None = setting("group of the pod's volumes where the pod names none; null = none is set", 65532)
    drain_s: int = setting("seconds it waits for open statements at its end", 10)
    stop_delay_s: int = setting(
        "classic form: seconds it goes on serving while the application stops; longer than `drain_s`", 15
    )
    resources: Resources = setting("what one sidecar asks for", factory=Resources)
    excluded_namespaces: tuple[str, ...] = setting("besides the system's and its own", ())

    def __post_init__(self) -> None:
        problems = [*_image_problems(self.image), *self._name_problems(), *self._number_problems()]
        if problems:
            raise ConfigError([f"injector: {problem}" for problem in problems])

    def excludes(self, namespace: str) -> bool:
        """True where pods are left as they are."""
        return (
            namespace == self.own_namespace or namespace in SYSTEM_NAMESPACES or namespace in self.excluded_namespaces
        )

    def _name_problems(self) -> list[str]:
        names = {
            "config_secret": self.config_secret,
            "config_map": self.config_map,
            "registry_map": self.registry_map,
            "record_claim": self.record_claim,
            "image.pull_secret": self.image.pull_secret,
        }
        problems = [f"{key}: not a name Kubernetes takes" for key, name in names.items() if name and not is_name(name)]
        problems += [f"excluded_namespaces: {name!r}" for name in self.excluded_namespaces if not is_name(name)]
        if self.record_sink and not _SINK.fullmatch(self.record_sink):
            problems.append("record_sink: not the name of a sink")
        if not is_name(self.own_namespace):
            problems.append("own_namespace: needed")
        if not self.config_secret and not self.config_map:
            problems.append("config_secret or config_map: one is needed, the sidecar has no configuration otherwise")
        return problems

    def _number_problems(self) -> list[str]:
        problems = []
        for name, port in (("postgres_port", self.postgres_port), ("http_port", self.http_port)):
            if not 1024 <= port <= 65535:
                problems.append(f"{name}: 1024 to 65535, the sidecar has no right to lower ports")
        if self.postgres_port == self.http_port:
            problems.append("http_port: is postgres_port as well")
        if self.user < 1:
            problems.append("user: the sidecar never runs as root")
        if self.fs_group is not None and self.fs_group < 1:
            problems.append("fs_group: a group other than root's")
        if not 0 <= self.drain_s < self.stop_delay_s <= 600:
            problems.append("stop_delay_s: longer than drain_s, and up to 600")
        asked = self.resources
        needed = {
            "cpu_request": asked.cpu_request,
            "memory_request": asked.memory_request,
            "memory_limit": asked.memory_limit,
        }
        wanted = needed | ({"cpu_limit": asked.cpu_limit} if asked.cpu_limit else {})
        found = {f"resources.{key}": text for key, text in wanted.items()} | {"record_size": self.record_size}
        return problems + [f"{key}: not a quantity" for key, text in found.items() if not _QUANTITY.fullmatch(text)]


def is_name(text: str) -> bool:
    """True for what Kubernetes takes as the name of an object."""
    return _NAME.fullmatch(text) is not None


def _image_problems(image: Image) -> list[str]:
    problems = []
    if not _REPOSITORY.fullmatch(image.repository):
        problems.append("image.repository: not a repository")
    if image.tag and not _TAG.fullmatch(image.tag):
        problems.append("image.tag: not a tag")
    if image.digest and not _DIGEST.fullmatch(image.digest):
        problems.append("image.digest: sha256: and 64 hexadecimal digits")
    if not image.digest and image.tag in ("", "latest"):
        problems.append("image: a digest or a tag other than `latest`, or two pods run two gateways")
    return problems
