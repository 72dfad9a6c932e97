"""Legal holds: what must be kept beyond its time, as the chain of operators tells. There is no other list of them.

A hold is on the whole record, or on the days it names; it stands until it is released.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from gateway.audit.segments import list_segments
from gateway.audit.tombstones import KEEPER
from gateway.audit.verify import segment_entries
from gateway.model import JsonValue

ADDED: Final = "hold_added"
RELEASED: Final = "hold_released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold. ``from_us`` and ``until_us``: between which times entries are held; None: without end there."""

    id: str
    reason: str
    from_us: int | None = None
    until_us: int | None = None

    def fields(self) -> dict[str, JsonValue]:
        """As the entry has them."""
        return asdict(self)

    def covers(self, from_us: int, until_us: int) -> bool:
        """Whether anything between these times is held."""
        return (self.from_us is None or until_us >= self.from_us) and (
            self.until_us is None or from_us <= self.until_us
        )


def standing(entries: Iterable[Mapping[str, JsonValue]]) -> dict[str, Hold]:
    """The holds that stand, by id, after these entries."""
    found: dict[str, Hold] = {}
    for entry in entries:
        fields = entry.get("hold")
        if not isinstance(fields, Mapping) or not isinstance(fields.get("id"), str):
            continue
        if entry.get("event") == ADDED:
            hold = Hold(
                id=str(fields["id"]),
                reason=str(fields.get("reason") or ""),
                from_us=_time(fields.get("from_us")),
                until_us=_time(fields.get("until_us")),
            )
            found[hold.id] = hold
        elif entry.get("event") == RELEASED:
            found.pop(str(fields["id"]), None)
    return found


def read_holds(directory: Path) -> dict[str, Hold]:
    """The holds that stand on a record. Raises OSError."""
    return standing(keeper_entries(directory))


def keeper_entries(directory: Path) -> Iterable[Mapping[str, JsonValue]]:
    """What operators did, and what was pruned. Raises OSError."""
    for segment in list_segments(directory).get(KEEPER, []):
        yield from segment_entries(segment)


def _time(value: JsonValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
