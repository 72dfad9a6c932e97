"""How many refused logins are recorded one by one: so many a minute from one address, so many in all.

A flood of bad logins must not fill the disk of the record, nor push out of sight what else happens; and none of them
may go uncounted. What is over the limit is counted, and the count is recorded when its minute is over.
"""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 60.0  # seconds
_ADDRESSES: Final = 10_000  # addresses told apart at once; those beyond are counted together
_IPV6_NETWORK: Final = 64  # bits: what one customer is given


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Refusals of one minute that were not recorded one by one; address None: of several addresses."""

    address: str | None
    count: int


@dataclass(slots=True)
class _Window:
    began: float
    recorded: int = 0
    suppressed: int = 0


class Refusals:
    """Counts by address and in all. Any thread may use it; moments are seconds of a clock that never goes back."""

    def __init__(self, *, per_address: int, overall: int) -> None:
        self._per_address = per_address
        self._limit = overall
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}
        self._overall = _Window(0.0)

    def admit(self, address: str | None, now: float) -> bool:
        """Whether a refusal of this address is recorded by itself; else it is counted."""
        key = network_of(address)
        with self._lock:
            window = self._windows.get(key)
            if window is None:
                if len(self._windows) >= _ADDRESSES or self._overall.recorded >= self._limit:
                    # It is not told apart: a flood from everywhere must not fill the memory instead.
                    self._overall.suppressed += 1
                    return False
                window = self._windows[key] = _Window(now)
            if window.recorded >= self._per_address:
                window.suppressed += 1
                return False
            if self._overall.recorded >= self._limit:
                self._overall.suppressed += 1
                return False
            window.recorded += 1
            self._overall.recorded += 1
            return True

    def due(self, now: float) -> list[Suppressed]:
        """What was suppressed in minutes that are over; each is told once."""
        found: list[Suppressed] = []
        with self._lock:
            for key in [key for key, window in self._windows.items() if now - window.began >= WINDOW]:
                window = self._windows.pop(key)
                if window.suppressed:
                    found.append(Suppressed(key or None, window.suppressed))
            if now - self._overall.began >= WINDOW:
                if self._overall.suppressed:
                    found.append(Suppressed(None, self._overall.suppressed))
                self._overall = _Window(now)
        return found

    def rest(self) -> list[Suppressed]:
        """Everything that was suppressed and not told yet: the house closes."""
        return self.due(float("inf"))


def network_of(address: str | None) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64; empty where there is none."""
    if address is None:
        return ""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _IPV6_NETWORK), strict=False))
