"""OTLP logs over HTTP, in the protocol's JSON: a log record for each entry, its body the line as it is in the record.

Its JSON and not its protobuf, which every receiver of OTLP/HTTP takes too: the messages' package and the one with
Envoy's contract, which the gateway needs, install different versions of the same files over each other.

As the protocol wants it: 429, 502, 503 and 504 are tried again, not before ``Retry-After``. Where a receiver takes a
part and refuses the rest (``partialSuccess``), the batch must not be sent again: it is counted, told and passed over,
and nobody who waits for its acknowledgement has it; the record itself still holds the entries. A batch that is refused
as a whole is not dropped, as the protocol would have it: it stays the next one until somebody sees to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from gateway.audit.follow import Line
from gateway.config_sinks import OtlpSink
from gateway.links.sinks.post import Poster
from gateway.links.sinks.sink import SinkError, at_us, exact, found, principal, readable
from gateway.sink_metrics import Trouble

_HEADERS: Final = {"Content-Type": "application/json"}
_INFO, _WARN = 9, 13  # severity numbers


class OtlpLogs:
    """A ``Sink``."""

    def __init__(self, settings: OtlpSink, record: str, seconds: float) -> None:
        self._poster = Poster(settings.url, settings.ca, settings.token_file, seconds)
        running = version("sekisho")
        about = {"service.name": "sekisho", "service.version": running, "service.instance.id": record}
        self._resource = {"attributes": _attributes(about)}
        self._scope = {"name": "sekisho.record", "version": running}

    def send(self, lines: Sequence[Line]) -> None:
        """See ``Sink``."""
        logs = {"scope": self._scope, "logRecords": [log_record(line) for line in lines]}
        body = {"resourceLogs": [{"resource": self._resource, "scopeLogs": [logs]}]}
        answer = self._poster.post(json.dumps(body, separators=(",", ":")).encode(), _HEADERS)
        refused, why = _partly(answer.body)
        if refused:
            raise SinkError(Trouble.PARTLY_REFUSED, f"{refused} of {len(lines)} refused: {why[:200]}")

    def close(self) -> None:
        """See ``Sink``."""
        self._poster.close()


def _partly(answer: bytes) -> tuple[int, str]:
    """How many log records were refused, and why. An empty answer is what many give who took all."""
    if not answer.strip():
        return 0, ""
    try:
        partial = json.loads(answer).get("partialSuccess") or {}
        return int(partial.get("rejectedLogRecords") or 0), str(partial.get("errorMessage") or "")
    except (ValueError, TypeError, AttributeError):
        raise SinkError(Trouble.REFUSED, "it answers in another format than OTLP's JSON") from None


def log_record(line: Line) -> dict[str, Any]:
    """One entry. Numbers of 64 bits are text in the protocol's JSON."""
    entry = readable(line)
    denied = entry.get("effect") == "deny"
    kind = str(entry.get("kind"))
    at = str(at_us(entry) * 1000)
    return {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": _WARN if denied else _INFO,
        "severityText": "WARN" if denied else "INFO",
        "eventName": f"sekisho.{kind}",
        "body": {"stringValue": exact(line, entry)},
        "attributes": _attributes(
            {
                "sekisho.writer": line.writer,
                "sekisho.seq": line.seq,
                "sekisho.hash": line.hash,
                "sekisho.kind": kind,
                "sekisho.event": entry.get("event"),
                "sekisho.decision_id": entry.get("decision_id"),
                "sekisho.effect": entry.get("effect"),
                "sekisho.reason": entry.get("reason"),
                "sekisho.datasource": entry.get("datasource"),
                "sekisho.data_types": found(entry, "data", "data_types"),
                "sekisho.origin": entry.get("origin"),
                "sekisho.cross_border": entry.get("cross_border"),
                "session.id": entry.get("session"),
                "user.id": principal(entry),
            }
        ),
    }


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"stringValue": str(value)}
