"""OTLP logs over HTTP, in the protocol's JSON: a log record for each entry, its body the line as it is in the record.

As the protocol wants it: 429, 502, 503 and 504 are tried again, not before ``Retry-After``. Where a receiver takes a
part and refuses the rest (``partialSuccess``), the batch must not be sent again: it is counted, told and passed over,
and nobody who waits for its acknowledgement has it; the record itself still holds the entries. A batch that is refused
as a whole is not dropped, as the protocol would have it: it stays the next one until somebody sees to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from gateway.audit.follow import Line
from gateway.config_sinks import OtlpSink
from gateway.links.otlp import HEADERS, attributes, body, partly, resource, scope
from gateway.links.sinks.post import Poster
from gateway.links.sinks.sink import SinkError, at_us, exact, found, principal, readable
from gateway.sink_metrics import Trouble

_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_INFO, _WARN = 9, 13  # severity numbers


class OtlpLogs:
    """A ``Sink``."""

    def __init__(self, settings: OtlpSink, record: str, seconds: float) -> None:
        self._poster = Poster(settings.url, settings.ca, settings.token_file, seconds)
        self._resource = resource(record)
        self._scope = scope("sekisho.record")

    def send(self, lines: Sequence[Line]) -> None:
        """See ``Sink``."""
        logs = {"scope": self._scope, "logRecords": [log_record(line) for line in lines]}
        message = {"resourceLogs": [{"resource": self._resource, "scopeLogs": [logs]}]}
        answer = self._poster.post(body(message), HEADERS)
        refused, why = partly(answer.body, "rejectedLogRecords")
        if refused:
            raise SinkError(Trouble.PARTLY_REFUSED, f"{refused} of {len(lines)} refused: {why[:200]}")

    def close(self) -> None:
        """See ``Sink``."""
        self._poster.close()


def log_record(line: Line) -> dict[str, Any]:
    """One entry. Numbers of 64 bits are text in the protocol's JSON."""
    entry = readable(line)
    denied = entry.get("effect") == "deny"
    kind = str(entry.get("kind"))
    at = str(at_us(entry) * 1000)
    trace = entry.get("trace_id")
    # Where somebody was at the file it may be anything, and a receiver refuses what is no id, with all that is beside.
    within = {"traceId": trace} if isinstance(trace, str) and _TRACE.fullmatch(trace) else {}
    return within | {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": _WARN if denied else _INFO,
        "severityText": "WARN" if denied else "INFO",
        "eventName": f"sekisho.{kind}",
        "body": {"stringValue": exact(line, entry)},
        "attributes": attributes(
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
