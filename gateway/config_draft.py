"""A section of the configuration as read, before anything is judged: what could not be read is absent."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

Problem = tuple[str, str]  # field (may carry an index), message


@dataclass(slots=True)
class Draft:
    """One section as read: ``values`` has only what could be read; ``places`` line and variable of what was given."""

    kind: type
    key: str
    line: int
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The value, or None where it could not be read."""
        return self.values.get(name)

    def sections(self, name: str) -> tuple[Draft, ...]:
        """A list of sections, as far as it could be read."""
        found = self.values.get(name)
        return found if isinstance(found, tuple) else ()


def build(draft: Draft) -> Any:
    """The frozen dataclass of a draft without problems."""

    def plain(value: Any) -> Any:
        if isinstance(value, Draft):
            return build(value)
        return tuple(plain(item) for item in value) if isinstance(value, tuple) else value

    return draft.kind(**{name: plain(value) for name, value in draft.values.items()})


def is_loopback(host: str) -> bool:
    """True for loopback addresses and ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
