"""A server whose role ``postgres`` is nobody special, and a gateway before it that lets everything through.

Some suites log in as ``postgres`` and cannot be told otherwise; the gateway takes no superuser's role. So the superuser
goes by another name here, on both ways.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway.demo.characters import Character
from gateway.demo.serving import await_ready, serve
from gateway.demo.settings import SITES
from tests.houses import House
from tests.majors import origins, serving
from tests.servers import ROOT, Postgres

NAME = "postgres"  # of the role, the person, the database and the datasource
_PASSWORD = "peers"
_CHIEF = "chief"
_TWIN = "peers_twin"
_WHO = Character(subject=NAME, groups=("engineer",), site=SITES[0])


class World:
    """One server, entered in two ways."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        with server.admin() as admin:
            admin.execute(f"CREATE ROLE {_CHIEF} SUPERUSER LOGIN")  # type: ignore[arg-type]
        server.superuser = _CHIEF  # type: ignore[misc]
        with server.admin("template1") as admin:
            admin.execute("ALTER ROLE postgres RENAME TO bootstrap")
            admin.execute(f"CREATE ROLE {NAME} LOGIN PASSWORD '{_PASSWORD}'")  # type: ignore[arg-type]
            admin.execute(f"CREATE ROLE {_TWIN} LOGIN NOINHERIT")  # type: ignore[arg-type]
            admin.execute(f"GRANT {NAME} TO {_TWIN} WITH INHERIT FALSE, SET TRUE")  # type: ignore[arg-type]
            for role in (_TWIN, NAME):
                admin.execute(f"ALTER ROLE {role} SET log_min_messages = panic")  # type: ignore[arg-type]

    def direct(self) -> Mapping[str, str]:
        """Parameters of a direct connection to an empty database."""
        self._empty()
        return _parameters(self._server.port, _PASSWORD)

    @contextmanager
    def gateway(self, folder: Path) -> Iterator[Mapping[str, str]]:
        """Parameters of a connection through a gateway to an empty database."""
        self._empty()
        folder.mkdir()
        house = House(folder, None, _settings(self._server, _in_shadow(folder.with_name("policies"))))
        catalog = {"id": NAME, "storage_countries": ["JP"], "controller": "line-jp", "unlabelled": "deny", "tables": {}}
        (house.layout.registry / "catalog.yaml").write_text(yaml.safe_dump({"datasources": [catalog]}))
        running = serve(house.layout.config)
        try:
            await_ready(running, house.ports.ready_url)
            yield _parameters(house.ports.sites[_WHO.site], house.token(_WHO, ttl=4 * 3600))
            if not running.alive():
                raise RuntimeError(f"the gateway ended:\n{running.tail()}")
        finally:
            running.stop()

    def _empty(self) -> None:
        with self._server.admin("template1") as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")  # type: ignore[arg-type]
            admin.execute(f"CREATE DATABASE {NAME} OWNER {NAME} TEMPLATE template0")  # type: ignore[arg-type]
        with self._server.admin(NAME) as admin:
            admin.execute(f"ALTER SCHEMA public OWNER TO {NAME}")  # type: ignore[arg-type]


@contextmanager
def open_world() -> Iterator[World]:
    """PostgreSQL 18, with contrib where it can be had."""
    with serving(18, origins(18)[0]) as server:
        yield World(server)


def _parameters(port: int, password: str) -> Mapping[str, str]:
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": NAME,
        "PGPASSWORD": password,
        "PGDATABASE": NAME,
        "PGTZ": "UTC",
    }


def _settings(server: Postgres, policies: Path) -> dict[str, Any]:
    many = 1_000_000
    source = {
        "id": NAME,
        "host": str(server.socket_directory),
        "port": server.port,
        "database": NAME,
        "tls": "disable",
        "twin": {"role": _TWIN, "epoch_interval_ms": 100},
        "profiles": [{"name": "engineer", "role": NAME}],
        "strict": True,  # nobody but the session itself sees what the suites make for themselves: temporary tables
    }
    limits = {"refusals": many, "refusals_per_address": many, "unknown_per_second": many, "unknown_burst": many}
    return {"datasources": [source], "policy": {"directory": str(policies)}, "limits": limits}


def _in_shadow(folder: Path) -> Path:
    """The packs that come with Sekisho, every rule deciding and none denying."""
    shutil.copytree(ROOT / "policies", folder)
    for path in (*folder.rglob("*.rego"), *folder.rglob("data.yaml")):
        text = path.read_text()
        path.write_text(re.sub(r"^(#?\s+mode: )enforce$", r"\1shadow", text, flags=re.M))
    return folder
