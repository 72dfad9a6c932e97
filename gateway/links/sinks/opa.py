"""OPA's decision logs, to any service that takes them: a gzipped JSON array, posted.

Every entry is an event, in OPA's fields: ``decision_id``, ``path``, ``input``, ``result``, ``bundles``,
``requested_by``, ``timestamp``, ``labels``. A decision's ``path`` is that of the query (`data.sekisho.decision`), its
``input`` what was understood and its ``result`` what was decided; other kinds of entries, which OPA has no word for,
have a path of their own and stand in ``result`` as they are. ``custom`` holds the entry's place in the chain.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from gateway.audit.follow import Line
from gateway.config_sinks import HttpSink
from gateway.links.sinks.post import Poster
from gateway.links.sinks.sink import found, moment, principal, readable

_PATH: Final = "sekisho/decision"
_HEADERS: Final = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
# What a decision was made of, and what was decided; the rest of an entry is about the entry.
_INPUT: Final = (
    "door",
    "datasource",
    "controller",
    "profile",
    "purpose",
    "ticket",
    "request",
    "principal",
    "person",
    "caller",
    "action",
    "reading",
    "location",
    "employer",
    "origin",
    "known_by",
    "statement",
    "data",
    "volume",
    "disclosures",
    "agreements",
    "consents",
)
_RESULT: Final = ("effect", "reason", "detail", "obligations", "findings", "cross_border", "valid_until", "sqlstate")
_DECISIONS: Final = frozenset({"decision", "refusal"})


class DecisionLogs:
    """A ``Sink``."""

    def __init__(self, settings: HttpSink, record: str, seconds: float) -> None:
        self._record = record
        self._version = version("sekisho")
        self._poster = Poster(settings.url, settings.ca, settings.token_file, seconds)

    def send(self, lines: Sequence[Line]) -> None:
        """See ``Sink``."""
        events = [event(line, self._record, self._version) for line in lines]
        body = json.dumps(events, separators=(",", ":")).encode()
        self._poster.post(gzip.compress(body, compresslevel=1, mtime=0), _HEADERS)

    def close(self) -> None:
        """See ``Sink``."""
        self._poster.close()


def event(line: Line, record: str, running: str) -> dict[str, Any]:
    """One entry as OPA would tell it."""
    entry = readable(line)
    kind = entry.get("kind")
    place = {"record": record, "writer": line.writer, "seq": line.seq, "hash": line.hash}
    told: dict[str, Any] = {
        "labels": {"app": "sekisho", "id": record, "version": running},
        "decision_id": entry.get("decision_id") or f"{line.writer}-{line.seq}",
        "timestamp": moment(entry).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "custom": {"sekisho": place | {name: entry[name] for name in ("kind", "of", "session") if name in entry}},
    }
    if kind in _DECISIONS:
        told |= {"path": _PATH, "input": _part(entry, _INPUT), "result": _part(entry, _RESULT)}
    else:
        told |= {"path": f"sekisho/record/{kind}", "result": {k: v for k, v in entry.items() if k not in _CHAIN}}
    if (revision := entry.get("revision")) is not None:
        told["bundles"] = {"sekisho": {"revision": revision}}
    if (address := found(entry, "peer", "address")) or (address := principal(entry)):
        told["requested_by"] = address
    return told


_CHAIN: Final = frozenset({"seq", "prev", "hash"})


def _part(entry: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: entry[name] for name in names if name in entry}
