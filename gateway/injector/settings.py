"""What an operator chooses once for every sidecar. Checked when made: every problem in one ConfigError."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.errors import ConfigError

SYSTEM_NAMESPACES: Final = frozenset({"kube-system", "kube-public", "kube-node-lease"})

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")  # of a Secret, ConfigMap, claim or namespace
_REPOSITORY = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?")


class Form(StrEnum):
    """How the sidecar stands in the pod."""

    NATIVE = "native"  # an init container that goes on running (Kubernetes 1.29+): up before all others, down after
    CLASSIC = "classic"  # one more container, for older clusters


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The gateway's image. With a digest the tag is only a word for people."""

    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def reference(self) -> str:
        """As a container runtime takes it."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one sidecar asks for. No limit on CPU by default: a throttled gateway is a slow database."""

    cpu_request: str = "100m"
    memory_request: str = "128Mi"
    memory_limit: str = "512Mi"
    cpu_limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectorSettings:
    """One installation's choice."""

    image: Image
    own_namespace: str  # where the injector itself runs: never injected, or it could wait for itself
    config_secret: str = ""  # Secret with `sekisho.yaml` and the files it names
    config_map: str = ""  # ConfigMap with the same; with both, their keys lie side by side
    registry_map: str = ""  # ConfigMap with the registry's files; none = the configuration says where they are
    record_claim: str = ""  # PersistentVolumeClaim; none = each pod names one, or brings the volume `sekisho-record`
    form: Form = Form.NATIVE
    http_port: int = 8432  # of the http door, on 127.0.0.1
    user: int = 65532
    fs_group: int | None = 65532  # group of the pod's volumes where the pod names none; None = leave the pod's alone
    stop_delay_s: int = 5  # classic form: how long to go on serving while the application stops
    resources: Resources = field(default_factory=Resources)
    excluded_namespaces: frozenset[str] = frozenset()  # besides the system's and our own

    def __post_init__(self) -> None:
        problems = [*_image_problems(self.image), *self._name_problems(), *self._number_problems()]
        if problems:
            raise ConfigError([f"injector: {problem}" for problem in problems])

    def excludes(self, namespace: str) -> bool:
        """True where pods are left as they are."""
        return namespace == self.own_namespace or namespace in SYSTEM_NAMESPACES | self.excluded_namespaces

    def _name_problems(self) -> list[str]:
        names = {
            "config_secret": self.config_secret,
            "config_map": self.config_map,
            "registry_map": self.registry_map,
            "record_claim": self.record_claim,
        }
        problems = [f"{key}: not a name Kubernetes takes" for key, name in names.items() if name and not is_name(name)]
        if not is_name(self.own_namespace):
            problems.append("own_namespace: needed")
        if not self.config_secret and not self.config_map:
            problems.append("config_secret or config_map: one is needed, the sidecar has no configuration otherwise")
        return problems

    def _number_problems(self) -> list[str]:
        problems = []
        if not 1024 <= self.http_port <= 65535:
            problems.append("http_port: 1024 to 65535, the sidecar has no right to lower ports")
        if self.user < 1:
            problems.append("user: the sidecar never runs as root")
        if self.fs_group is not None and self.fs_group < 1:
            problems.append("fs_group: a group other than root's")
        if not 0 <= self.stop_delay_s <= 600:
            problems.append("stop_delay_s: 0 to 600")
        asked = self.resources
        needed = {
            "cpu_request": asked.cpu_request,
            "memory_request": asked.memory_request,
            "memory_limit": asked.memory_limit,
        }
        wanted = needed | ({"cpu_limit": asked.cpu_limit} if asked.cpu_limit else {})
        problems += [
            f"resources.{key}: not a quantity" for key, text in wanted.items() if not _QUANTITY.fullmatch(text)
        ]
        return problems


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
