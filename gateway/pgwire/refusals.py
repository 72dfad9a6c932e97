"""What a session says by itself in the place of a statement it does not send on, as fields of an ErrorResponse."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TOO_MANY: Final = MappingProxyType(
    {
        "S": "ERROR",
        "V": "ERROR",
        "C": "54000",
        "M": "too many prepared statements and portals in this session",
        "D": "Reason: limit_exceeded",
        "H": "Close some of them, or ask the operator to raise limits.statements.",
    }
)


# PostgreSQL's own words, too: what was cancelled for us says of itself that its user asked for it.
OVERDUE: Final = MappingProxyType(
    {
        "S": "ERROR",
        "V": "ERROR",
        "C": "57014",
        "M": "canceling statement due to statement timeout",
        "D": "Reason: statement_timeout",
        "H": "It ran for longer than the gateway allows (limits.statement_timeout_ms).",
    }
)

# PostgreSQL's own words for a plan that no longer fits: drivers that keep statements prepare this one again.
OUTDATED: Final = MappingProxyType(
    {
        "S": "ERROR",
        "V": "ERROR",
        "C": "0A000",
        "M": "cached plan must not change result type",
        "D": "Other masks, filters or limits are asked for now than when this statement was prepared.",
        "H": "Prepare it again.",
        "R": "RevalidateCachedQuery",
    }
)

CHANGED: Final = MappingProxyType({**OUTDATED, "D": "What this statement means has changed since it was prepared."})

MOVED: Final = MappingProxyType(
    {**OUTDATED, "D": "The search_path is another one than when this statement was bound.", "H": "Bind it again."}
)


def name_taken(name: bytes) -> Mapping[str, str]:
    """PostgreSQL's own words for a statement name in use; the old statement stays (HAZARDS W11)."""
    words = f'prepared statement "{name.decode("utf-8", "replace")}" already exists'
    return {"S": "ERROR", "V": "ERROR", "C": "42P05", "M": words}
