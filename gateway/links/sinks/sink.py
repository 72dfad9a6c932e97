"""What a sink is, what can go wrong with it, and how an entry is told to who wants an object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from gateway.audit.follow import Line
from gateway.sink_metrics import Trouble

_UNREADABLE: Final = "unreadable_line"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SinkError(Exception):
    """Entries did not arrive, or it is not known that they did: they are sent again. ``after``: not before so many
    seconds, as the other end says. ``detail`` is for operators: no entry, no secret."""

    def __init__(self, trouble: Trouble, detail: str, after: float = 0.0) -> None:
        super().__init__(f"{trouble}: {detail}")
        self.trouble = trouble
        self.detail = detail
        self.after = after


class Sink(Protocol):
    """Takes entries, in the order of each chain."""

    def send(self, lines: Sequence[Line]) -> None:
        """Return when all of them are safe there. Raises SinkError."""
        ...

    def close(self) -> None:
        """Give back what is held. Does not raise."""
        ...


def readable(line: Line) -> Mapping[str, Any]:
    """The entry as an object. A line that is none (somebody was at the file) is told as what it is: an entry that a
    sink could not take would keep all that follow from it."""
    return line.entry or {"kind": _UNREADABLE, "line": line.raw.decode("utf-8", "replace").rstrip("\n")}


def exact(line: Line, entry: Mapping[str, Any]) -> str:
    """The line as it lies in the record, so that its hash can be checked at the sink: without its newline. ``entry``:
    what it is read as."""
    if entry.get("kind") == _UNREADABLE:
        return json.dumps(entry)
    return line.raw.decode("utf-8", "replace").removesuffix("\n")


def at_us(entry: Mapping[str, Any]) -> int:
    """Microseconds since 1970 at which the entry was made; 0 where it does not say."""
    value = entry.get("at_us")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 52 else 0


def moment(entry: Mapping[str, Any]) -> datetime:
    """The same as a date."""
    return _EPOCH + timedelta(microseconds=at_us(entry))


def found(entry: Mapping[str, Any], *path: str) -> Any:
    """A field below others, or None."""
    value: Any = entry
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def principal(entry: Mapping[str, Any]) -> str | None:
    """Whom the entry is about."""
    whose = found(entry, "principal", "id") or entry.get("principal_id")
    return whose if isinstance(whose, str) else None
