"""A connection string -> where the server is, how it is believed and who logs in. Both forms of libpq are taken.

A password in it is refused: whoever lists this machine's processes would read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.config import Datasource, Twin
from gateway.config_draft import is_loopback
from gateway.errors import ConfigError
from gateway.links.server import Credentials, ServerAddress
from gateway.links.trust import trust_of

_KNOWN: Final = frozenset(
    {"host", "port", "dbname", "user", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout"}
)
_PAIR: Final = re.compile(r"\s*([a-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s']*)")


@dataclass(frozen=True, slots=True)
class Reached:
    """A server, and whom we are there."""

    address: ServerAddress
    credentials: Credentials


def reach(dsn: str, password: str | None) -> Reached:
    """What a connection string says. Raises ConfigError."""
    said = _uri(dsn) if re.match(r"postgres(ql)?://", dsn) else _pairs(dsn)
    if "password" in said:
        raise ConfigError(["--dsn: a password there can be read by others: use PGPASSWORD or --password-file"])
    problems = [f"--dsn: '{name}' is not known here" for name in sorted(said.keys() - _KNOWN)]
    problems += [f"--dsn: '{name}' is missing" for name in ("host", "dbname", "user") if not said.get(name)]
    host, port, timeout = said.get("host", ""), said.get("port", "5432"), said.get("connect_timeout", "10")
    near = host.startswith("/") or is_loopback(host)
    mode = said.get("sslmode", "disable" if near else "verify-full")
    if "," in host:
        problems.append("--dsn: one host, please")
    if not port.isascii() or not port.isdigit() or not timeout.isascii() or not timeout.isdigit():
        problems.append("--dsn: 'port' and 'connect_timeout' are numbers")
    if mode not in ("verify-full", "disable") or (mode == "disable" and not near):
        problems.append("--dsn: 'sslmode' is `verify-full`, or `disable` for a Unix socket or a loopback address")
    if problems:
        raise ConfigError(problems)
    source = _source(said, host, int(port), mode)
    address = ServerAddress(
        host=host, port=int(port), database=said["dbname"], trust=trust_of(source), connect_timeout=int(timeout) or 10
    )
    return Reached(address, Credentials(user=said["user"], password=password))


def _source(said: Mapping[str, str], host: str, port: int, mode: str) -> Datasource:
    """The same as configuration says it, for whoever makes TLS of that."""

    def path(name: str) -> Path | None:
        return Path(said[name]) if said.get(name) and said[name] != "system" else None

    return Datasource(
        id="--dsn",
        host=host,
        port=port,
        database=said["dbname"],
        tls=mode,
        ca=path("sslrootcert"),
        certificate=path("sslcert"),
        key=path("sslkey"),
        channel_binding="prefer",
        twin=Twin(role=said["user"]),
        profiles=(),
    )


def _uri(dsn: str) -> dict[str, str]:
    try:
        parts = urlsplit(dsn)
        found = {name: value for name, value in parse_qsl(parts.query, keep_blank_values=True, strict_parsing=False)}
    except ValueError:
        raise ConfigError(["--dsn: this is no address"]) from None
    login, _, place = parts.netloc.rpartition("@")
    user, separator, _ = login.partition(":")
    host, _, port = place.rpartition(":") if re.search(r":[0-9]*\Z", place) else (place, "", "")
    given = {"user": user, "host": host.strip("[]"), "port": port, "dbname": parts.path.removeprefix("/")}
    found.update({name: unquote(value) for name, value in given.items() if value})
    return {**found, **({"password": ""} if separator else {})}


def _pairs(dsn: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while dsn[at:].strip():
        pair = _PAIR.match(dsn, at)
        if pair is None:
            raise ConfigError(["--dsn: it is read as postgresql://user@host:port/database or as name=value pairs"])
        value = pair[2][1:-1] if pair[2].startswith("'") else pair[2]
        found[pair[1]] = re.sub(r"\\(.)", r"\1", value)
        at = pair.end()
    return found
