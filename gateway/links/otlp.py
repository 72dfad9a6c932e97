"""What all messages of OTLP have in common, in the protocol's JSON: attributes, who says it, and the answer.

Its JSON and not its protobuf, which every receiver of OTLP/HTTP takes too: the messages' package and the one with
Envoy's contract, which the gateway needs, install different versions of the same files over each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble

HEADERS: Final = {"Content-Type": "application/json"}
_SERVICE: Final = "sekisho"


def resource(instance: str, others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Who says it: this gateway, and which."""
    about = {"service.name": _SERVICE, "service.version": version(_SERVICE), "service.instance.id": instance}
    return {"attributes": attributes({**about, **(others or {})})}


def scope(name: str) -> dict[str, Any]:
    """Which part of it."""
    return {"name": name, "version": version(_SERVICE)}


def body(message: Mapping[str, Any]) -> bytes:
    """A message as it is posted."""
    return json.dumps(message, separators=(",", ":")).encode()


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that have a value."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    """Numbers of 64 bits are text in the protocol's JSON."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}


def partly(answer: bytes, count: str) -> tuple[int, str]:
    """How many were refused, and why. ``count``: the field that says so. An empty answer is what many give who took
    all. Raises SinkError."""
    if not answer.strip():
        return 0, ""
    try:
        partial = json.loads(answer).get("partialSuccess") or {}
        return int(partial.get(count) or 0), str(partial.get("errorMessage") or "")
    except (ValueError, TypeError, AttributeError):
        raise SinkError(Trouble.REFUSED, "it answers in another format than OTLP's JSON") from None
