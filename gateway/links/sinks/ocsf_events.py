"""Which OCSF event an entry is, under version 1.2.0 of the schema. Pure.

    decision, refusal, repeat, completion    Datastore Activity (6005)
    session_open, login_refused, session_close    Authentication (3002)
    gateway_start, gateway_stop    Application Lifecycle (6002)
    all others    Base Event (0)

``raw_data`` is the line as it is in the record; ``metadata.uid`` its place there, by which what came twice is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from gateway.audit.follow import Line
from gateway.links.sinks.sink import at_us, exact, found, principal, readable

VERSION: Final = "1.2.0"
_DATASTORE, _AUTHENTICATION, _LIFECYCLE, _BASE = 6005, 3002, 6002, 0
_CLASSES: Final = MappingProxyType(
    {
        _DATASTORE: (6, "Application Activity", "Datastore Activity"),
        _AUTHENTICATION: (3, "Identity & Access Management", "Authentication"),
        _LIFECYCLE: (6, "Application Activity", "Application Lifecycle"),
        _BASE: (0, "Uncategorized", "Base Event"),
    }
)
_STATEMENTS: Final = frozenset({"decision", "refusal", "repeat", "completion"})
_ACTIVITIES: Final = MappingProxyType(
    {"select": (4, "Query"), "insert": (6, "Create"), "update": (2, "Update"), "delete": (7, "Delete")}
)
_EVENTS: Final = MappingProxyType(
    {
        "session_open": (_AUTHENTICATION, 1, "Logon"),
        "login_refused": (_AUTHENTICATION, 1, "Logon"),
        "session_close": (_AUTHENTICATION, 2, "Logoff"),
        "gateway_start": (_LIFECYCLE, 3, "Start"),
        "gateway_stop": (_LIFECYCLE, 4, "Stop"),
    }
)
_UNMAPPED: Final = ("kind", "event", "of", "reason", "profile", "purpose", "origin", "cross_border", "rows", "sqlstate")


def ocsf_event(line: Line, record: str, running: str) -> dict[str, Any]:
    """One entry."""
    entry = readable(line)
    kind = entry.get("kind")
    uid, activity, activity_name = _which(entry)
    category, category_name, class_name = _CLASSES[uid]
    failed = _failed(entry)
    denied = entry.get("effect") == "deny"
    event: dict[str, Any] = {
        "class_uid": uid,
        "class_name": class_name,
        "category_uid": category,
        "category_name": category_name,
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": uid * 100 + activity,
        "type_name": f"{class_name}: {activity_name}",
        "time": at_us(entry) // 1000,
        "severity_id": 2 if denied or failed else 1,
        "severity": "Low" if denied or failed else "Informational",
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "message": _message(entry),
        "metadata": _metadata(line, entry, record, running),
        "raw_data": exact(line, entry),
        "unmapped": {name: entry[name] for name in _UNMAPPED if entry.get(name) is not None},
    }
    if code := entry.get("sqlstate") or entry.get("reason"):
        event["status_code"] = str(code)
    if uid == _DATASTORE:
        event |= _datastore(entry)
    elif uid == _AUTHENTICATION:
        event |= _authentication(entry)
    elif uid == _LIFECYCLE:
        event["app"] = _product(running)
    if kind == "decision":
        event |= _control(entry, denied)
    return event


def _which(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    kind, name = entry.get("kind"), entry.get("event")
    if kind in _STATEMENTS:
        statement = found(entry, "statement", "kind")
        known = _ACTIVITIES.get(statement.lower()) if isinstance(statement, str) else None
        if known is None:
            known = (0, "Unknown") if statement is None else (99, "Other")
        return _DATASTORE, *known
    if kind == "event" and isinstance(name, str) and name in _EVENTS:
        return _EVENTS[name]
    return _BASE, 99, "Other"


def _failed(entry: Mapping[str, Any]) -> bool:
    return (
        entry.get("effect") == "deny"
        or entry.get("event") == "login_refused"
        or (entry.get("kind") == "completion" and entry.get("sqlstate") is not None)
    )


def _message(entry: Mapping[str, Any]) -> str:
    what = str(entry.get("event") or entry.get("kind"))
    said = [entry.get(name) for name in ("effect", "reason", "detail")]
    return ": ".join([what, *(str(one) for one in said if one)])


def _product(running: str) -> dict[str, Any]:
    return {"name": "Sekisho", "vendor_name": "Sekisho", "version": running}


def _metadata(line: Line, entry: Mapping[str, Any], record: str, running: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "version": VERSION,
        "product": _product(running),
        "log_name": record,
        "log_provider": "sekisho",
        "log_version": str(entry.get("schema_version", "")),
        "uid": f"{record}/{line.writer}/{line.seq}/{line.hash}",
        "sequence": line.seq,
        "original_time": str(at_us(entry)),
    }
    if entry.get("kind") == "decision":
        metadata["profiles"] = ["security_control"]
    if decision := entry.get("of") or entry.get("decision_id"):
        metadata["correlation_uid"] = decision
    return metadata


def _datastore(entry: Mapping[str, Any]) -> dict[str, Any]:
    datasource = entry.get("datasource")
    part: dict[str, Any] = {
        "actor": _actor(entry),
        "src_endpoint": _source(entry),
        "database": {"name": datasource or "unknown", "type_id": 1, "type": "Relational"},
        "type_id": 1,
        "type": "Database",
    }
    if text := found(entry, "statement", "text"):
        part["query_info"] = {"query_string": text}  # normalised: constants are replaced
    relations = found(entry, "statement", "relations")
    if isinstance(relations, list) and len(relations) == 1:
        part["table"] = {"name": relations[0]}
    if (micros := entry.get("duration_us")) is not None:
        part["duration"] = micros // 1000
    return part


def _authentication(entry: Mapping[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = {
        "user": {"uid": principal(entry) or "unknown"},
        "service": {"name": entry.get("datasource") or "sekisho"},
        "session": {"uid": entry.get("session") or ""},
        "is_remote": True,
    }
    if address := found(entry, "peer", "address"):
        part["src_endpoint"] = {"ip": address}
    if (method := entry.get("method")) is not None:
        part["auth_protocol"], part["auth_protocol_id"] = str(method), 99
    return part


def _actor(entry: Mapping[str, Any]) -> dict[str, Any]:
    who = entry.get("principal")
    if not isinstance(who, Mapping):
        return {"session": {"uid": entry.get("session") or ""}}
    user: dict[str, Any] = {"uid": who.get("id") or "unknown", "name": who.get("database_user") or ""}
    user["groups"] = [{"name": group} for group in who.get("groups") or []]
    if employer := found(entry, "employer", "entity"):
        user["org"] = {"uid": employer, "name": found(entry, "employer", "name") or employer}
    return {"user": user, "session": {"uid": entry.get("session") or ""}}


def _source(entry: Mapping[str, Any]) -> dict[str, Any]:
    source: dict[str, Any] = {"svc_name": entry.get("door") or "sekisho"}
    countries = found(entry, "location", "countries")
    if isinstance(countries, list) and len(countries) == 1:
        source["location"] = {"country": countries[0]}
    return source


def _control(entry: Mapping[str, Any], denied: bool) -> dict[str, Any]:
    return {
        "action_id": 2 if denied else 1,
        "action": "Denied" if denied else "Allowed",
        "disposition_id": 2 if denied else 1,
        "disposition": "Blocked" if denied else "Allowed",
        "policy": {"name": "sekisho", "uid": "sekisho", "version": str(entry.get("revision") or "")},
    }
