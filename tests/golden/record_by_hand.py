"""The record without `sekisho audit query`: executions put together line by line, to compare its answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.audit.verify import iter_entries


@dataclass(frozen=True)
class Execution:
    """One execution of a statement, put together from the record's lines."""

    entry: Mapping[str, Any]
    decision: Mapping[str, Any]
    end: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.entry["at_us"] / 1e6, UTC)


def by_hand(record: Path) -> dict[str, Execution]:
    """Every execution, and every statement refused, by its id; without `sekisho audit query`."""
    entries: list[Mapping[str, Any]] = list(iter_entries(record))
    decided = {one["decision_id"]: one for one in entries if one["kind"] == "decision" and "statement" in one}
    ends = {one["decision_id"]: one for one in entries if one["kind"] == "completion"}
    refused = {one["decision_id"]: one for one in entries if one["kind"] == "refusal" and "statement" in one}
    executed = [one for one in entries if one["kind"] == "repeat"] + [*decided.values(), *refused.values()]
    return {
        id: Execution(one, decided.get(one.get("of", id), one), ends.get(id, {}))
        for one in executed
        for id in (one["decision_id"],)
    }


def ended(executions: Mapping[str, Execution]) -> bool:
    """Whether of everything that went to the database it is known how it ended."""
    sent = [
        one for one in executions.values() if (one.decision["door"], one.decision["effect"]) == ("postgres", "allow")
    ]
    return all(one.end for one in sent)


def told(one: Execution) -> dict[str, Any]:
    """What an export has to say of an execution."""
    entry = one.decision
    known = {"decision": entry["decision_id"], "principal": entry["principal"]["id"], "door": entry["door"]}
    known |= {"effect": entry["effect"], "reason": entry["reason"], "statement": entry["statement"]["text"]}
    if entry["kind"] == "refusal":  # before any rule was asked
        return known
    employer = entry["employer"]
    return known | {
        "entity": employer["entity"],
        "chain": [hop["entity"] for hop in employer["chain"]],
        "owners": [owner["entity"] for owner in employer["owners"]],
        "owner_shares": [owner["share_percent"] for owner in employer["owners"]],
        "controller": entry["controller"],
        "agreements": entry["agreements"],
        "location": entry["location"]["countries"],
        "data_types": sorted(entry["data"]["data_types"]),
        "subject_countries": sorted(entry["data"]["subject_countries"]),
        "columns": sorted({name for names in entry["statement"]["columns"].values() for name in names}),
        "obligations": sorted({part["kind"] for part in entry["obligations"]}),
        "rules": sorted({part["rule"] for part in entry["findings"] if part["mode"] == "enforce"}),
        "profile": entry["profile"],
        "rows": one.end.get("rows"),
        "bytes": one.end.get("bytes"),
    }


def as_text(row: Mapping[str, Any]) -> dict[str, str]:
    """As CSV has it."""
    texts = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in row.items()}
    return {name: "" if value is None else str(value) for name, value in texts.items()}
