"""What a configuration must fulfil where several gateways count together."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from gateway.config_draft import Draft, Problem


def shared(draft: Draft) -> Iterator[Problem]:
    """Where counts are shared, and how it is reached."""
    if draft.values.keys() >= {"host", "tls"} and not draft.get("tls") and not _loopback(draft.get("host")):
        yield "tls", "without TLS Redis is reached on a loopback address only: whoever changes counts lifts limits"
    if draft.get("ca") is not None and draft.values.get("tls") is False:
        yield "ca", "is never looked at without `tls`"
    if draft.get("username") is not None and draft.get("password_file") is None:
        yield "password_file", "missing, and a `username` is given"
    prefix = draft.get("prefix")
    if prefix is not None and ("{" in prefix or "}" in prefix):
        yield "prefix", "must not have braces in it: Redis would tear an employer's keys apart"


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
