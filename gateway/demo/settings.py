"""Where the demo's things lie, on which ports it listens, and the ``sekisho.yaml`` that says so to the gateway.

Everything the gateway is told is in that file and in the folders it names, in the form a user writes them: the demo has
no private way into the gateway.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import shutil
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from gateway.demo.characters import ALGORITHM, AUDIENCE, ISSUER
from gateway.demo.relay import LOOPBACK
from gateway.model import JsonValue

# Below those that the kernel gives to outgoing connections, which could take one before it is listened on. Processes
# that look for ports at the same time look in different shares of them.
_PORTS: Final = range(20_000, 32_000)
_SHARES: Final = 16
_TRIES: Final = 50
_TOLD: Final[deque[int]] = deque(maxlen=100)
SITES: Final = ("tokyo-hq", "shanghai-office", "fukuoka-center", "dalian-office", "seoul-office", "tokyo-vpn")
DATASOURCE: Final = "messenger"

_AUDIT: Final = "last_audit: 2026-10-01"
_REGISTRY: Final = Path(__file__).with_name("registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The demo's folder. ``root`` stays open for passing through; what is private lies in folders of its own."""

    root: Path

    @property
    def database(self) -> Path:
        """PostgreSQL's data and log."""
        return self.root / "database"

    @property
    def tokens(self) -> Path:
        """One file for each character's token."""
        return self.root / "tokens"

    @property
    def registry(self) -> Path:
        """A copy of the demo's registry: change it and see what the gateway says then."""
        return self.root / "registry"

    @property
    def record(self) -> Path:
        """The gateway's record."""
        return self.root / "record"

    @property
    def config(self) -> Path:
        """The gateway's configuration."""
        return self.root / "sekisho.yaml"

    @property
    def jwks(self) -> Path:
        """The issuer's public key."""
        return self.root / "jwks.json"

    def make(self) -> None:
        """Create the folders and copy the registry."""
        self.database.mkdir(mode=0o711)
        self.tokens.mkdir(mode=0o700)
        self.record.mkdir(mode=0o700)
        shutil.copytree(_REGISTRY, self.registry)
        # The story is played today, whenever that is: what has to be done every year was done last month.
        entities = self.registry / "entities.yaml"
        last_month = (datetime.now(UTC) - timedelta(days=30)).date()
        text = entities.read_text(encoding="utf-8").replace(_AUDIT, f"last_audit: {last_month}")
        entities.write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the gateway's doors listen, all on loopback."""

    sites: Mapping[str, int]  # one listener of the postgres door bound to each place
    edge: int  # the listener that takes a PROXY header
    grpc: int
    http: int

    @property
    def metrics_url(self) -> str:
        """Where Prometheus would look."""
        return f"http://{LOOPBACK}:{self.http}/metrics"

    @property
    def ready_url(self) -> str:
        """Says whether the gateway is ready."""
        return f"http://{LOOPBACK}:{self.http}/readyz"


def addresses(registry: Path) -> Mapping[str, str]:
    """For each place, an address a person there would have: the tenth of the site's first IPv4 network."""
    document = yaml.safe_load((registry / "networks.yaml").read_text(encoding="utf-8"))
    cidrs = {site["id"]: site["cidrs"] for site in document["sites"]}
    found: dict[str, str] = {}
    for site in SITES:
        networks = [ipaddress.ip_network(text) for text in cidrs[site]]
        network = next(network for network in networks if network.version == 4)
        found[site] = str(network[min(10, network.num_addresses - 1)])
    return MappingProxyType(found)


def free_ports() -> Ports:
    """Ports nobody uses now. All are held until the last is known, so that none comes twice."""
    with contextlib.ExitStack() as held:

        def free() -> int:
            listener = held.enter_context(_listen())
            port: int = listener.getsockname()[1]
            return port

        sites = MappingProxyType({site: free() for site in SITES})
        return Ports(sites=sites, edge=free(), grpc=free(), http=free())


def free_port() -> int:
    """One port nobody uses now."""
    with _listen() as listener:
        port: int = listener.getsockname()[1]
        return port


def _listen() -> socket.socket:
    """Any free port of ours, none of the last ones: who was told of those may not listen yet. Raises OSError where
    there is none."""
    share = _PORTS[os.getpid() % _SHARES :: _SHARES]
    for _ in range(_TRIES):
        port = share[secrets.randbelow(len(share))]
        if port in _TOLD:
            continue
        try:
            listener = socket.create_server((LOOPBACK, port))
        except OSError:  # somebody has it
            continue
        _TOLD.append(port)
        return listener
    return socket.create_server((LOOPBACK, 0))


def configuration(layout: Layout, ports: Ports, *, socket_directory: Path, database: str) -> dict[str, JsonValue]:
    """The gateway's configuration, as `write_configuration` writes it."""
    # On loopback there is nothing to listen in on; everywhere else a listener takes tokens over TLS only.
    plain: dict[str, JsonValue] = {"plaintext": "loopback"}
    postgres: list[JsonValue] = [
        {"address": f"{LOOPBACK}:{port}", "site": site, **plain} for site, port in ports.sites.items()
    ]
    postgres.append({"address": f"{LOOPBACK}:{ports.edge}", "edges": [f"{LOOPBACK}/32"], **plain})
    return {
        "listeners": {
            "postgres": postgres,
            "grpc": {"address": f"{LOOPBACK}:{ports.grpc}"},
            "http": {"address": f"{LOOPBACK}:{ports.http}"},
        },
        "issuers": [
            {"issuer": ISSUER, "audience": AUDIENCE, "keys": str(layout.jwks), "algorithms": [ALGORITHM]},
        ],
        "datasources": [
            {
                "id": DATASOURCE,
                "host": str(socket_directory),
                "database": database,
                "tls": "disable",  # a Unix socket
                "twin": {"role": "sekisho_twin"},
                "profiles": [
                    {"name": "engineer", "role": "sekisho_engineer", "groups": ["engineer", "privacy"]},
                    {"name": "moderator", "role": "sekisho_moderator", "groups": ["moderator"]},
                ],
            }
        ],
        # To be edited by hand, and to see what the gateway says then; in production, let a manifest say it is whole.
        "registry": {"directory": str(layout.registry), "delivery": "edited"},
        "record": {"directory": str(layout.record)},
    }


def write_configuration(path: Path, document: Mapping[str, JsonValue]) -> None:
    """Write the YAML file, in the order of `configuration`."""
    text = yaml.safe_dump(document, sort_keys=False, width=100)
    path.write_text(f"# Written by `sekisho demo`.\n{text}", encoding="utf-8")
