"""What the injector may answer, and how it reads a pod that anybody may have written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.model import JsonValue

Object = dict[str, JsonValue]


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
    REWRITE_IMPOSSIBLE = "rewrite_impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The pod is let in, with these operations; none: as it is, and why. ``warnings`` are for who wrote the pod."""

    operations: tuple[Object, ...] = ()
    untouched: Untouched | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """The pod is not let in. ``detail`` is for who wrote it, and holds nothing of a variable's value."""

    reason: Refusal
    detail: str


class Deny(Exception):
    """Ends the looking at a pod."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.denied = Denied(reason, detail)


def object_of(parent: Mapping[str, JsonValue], key: str) -> Mapping[str, JsonValue]:
    """An object of a pod; empty where there is none. Raises Deny."""
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Deny(Refusal.POD_MALFORMED, f"{key} is not an object")
    return value


def items_of(parent: Mapping[str, JsonValue], key: str) -> Sequence[Mapping[str, JsonValue]]:
    """A list of objects of a pod; empty where there is none. Raises Deny."""
    value = parent.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Deny(Refusal.POD_MALFORMED, f"{key} is not a list")
    found: list[Mapping[str, JsonValue]] = []
    for item in value:
        if not isinstance(item, Mapping):
            raise Deny(Refusal.POD_MALFORMED, f"{key} holds something that is not an object")
        found.append(item)
    return found


def add(path: str, value: JsonValue) -> Object:
    """An operation that adds; a member that is there is replaced (RFC 6902)."""
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: JsonValue) -> Object:
    """An operation that replaces what must be there."""
    return {"op": "replace", "path": path, "value": value}


def step(key: str) -> str:
    """A key as one step of a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
