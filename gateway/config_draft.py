"""A section of the configuration as read, before anything is judged: what could not be read is absent."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

Problem = tuple[str, str]  # field (may carry an index), message
HOST: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*"
)

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


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


def address_problem(url: str, forged: str) -> str:
    """What is wrong with an address something trusted comes from. ``forged``: what a change on its way would do."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises where it is none
    except ValueError as error:
        return f"not an address: {error}"
    if parts.scheme not in ("https", "http") or not host:
        return f"`{url}` is no https address"
    if parts.scheme == "http" and not is_loopback(host):
        return f"http is for a loopback address only: {forged}"
    if parts.username is not None or parts.password is not None:
        return "no user or password in an address"
    return ""


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` -> host and port; ValueError says what is wrong. Port 0 is any free one."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise ValueError("expected host:port, with a port up to 65535")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if ":" in host:
        raise ValueError("an IPv6 address goes in brackets: [::1]:5432")
    if re.fullmatch(r"[0-9.]+", host):
        return str(ipaddress.IPv4Address(host)), int(port)
    if not HOST.fullmatch(host):
        raise ValueError("expected a host name or an address before the port")
    return host, int(port)
