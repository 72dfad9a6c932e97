"""The stage of a run: one server, a template with the schema in it, a clean database and a gateway for whoever asks.

A case that changed nothing leaves both to the next one; after any other, both are made anew (half a second).
"""

from __future__ import annotations

import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gateway.demo.settings import DATASOURCE
from gateway.model import DatasourceId
from gateway.sql.catalog import EPOCH_QUERY
from tests.bypass.cases import DATABASE
from tests.bypass.labels import catalog, write_catalog
from tests.houses import House
from tests.servers import Postgres

TEMPLATE = "gwt_template"
TWIN = "sekisho_twin"
# What the schema's attacks need the server itself to allow.
SETTINGS = {"max_prepared_transactions": "10", "max_wal_senders": "4"}
PRELOADED = "pg_stat_statements"
_CAUGHT_UP_SECONDS = 15.0
_EXTENSION = re.compile(r"CREATE EXTENSION (\w+);")
_ATOMIC = re.compile(r"^CREATE FUNCTION[^\n]*BEGIN ATOMIC[^\n]*\n", re.M)
_INHERITS = """
WITH RECURSIVE below(parent, child) AS (
  SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('r', 'p', 'f')
  UNION SELECT b.parent, i.inhrelid FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.child)
SELECT pn.nspname || '.' || p.relname, cn.nspname || '.' || c.relname FROM below b
JOIN pg_catalog.pg_class p ON p.oid = b.parent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = b.child JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
"""
Connection = psycopg.Connection[Any]


def settings_for(programs: Path) -> dict[str, str]:
    """Server settings; a module is preloaded where the installation has it."""
    found = any(next(place.rglob(f"{PRELOADED}.so"), None) for place in (programs.parent / "lib",) if place.is_dir())
    return {**SETTINGS, **({"shared_preload_libraries": PRELOADED} if found else {})}


class Stage:
    """Serves clean houses over one server."""

    def __init__(self, server: Postgres, schema: str, scratch: Path, *, strict: bool = False) -> None:
        self.server = server
        self._strict = strict  # the datasource is: client sessions are asked, not the twin
        self.missing: tuple[str, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self.made = 0
        self._scratch = scratch
        self._numbers = itertools.count()
        self._house: House | None = None
        self._path: tuple[str, ...] = ()
        self._dirty = True
        self._setup = ""  # what was run as administrator since the database was clean
        self._members: frozenset[tuple[str, str]] = frozenset()
        self.inherits: tuple[tuple[str, str], ...] = ()
        self._prepare(schema)

    # -- once -----------------------------------------------------------------------------------------------------

    def _prepare(self, schema: str) -> None:
        with self.server.admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(TEMPLATE)))
            available = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions")}
        self.missing = tuple(name for name in _EXTENSION.findall(schema) if name not in available)
        text = _EXTENSION.sub(lambda found: found.group() if found[1] in available else "", schema)
        if self.server.major < 14:  # SQL-standard function bodies came with 14
            self.left_out = tuple(found.group()[:60] for found in _ATOMIC.finditer(text))
            text = _ATOMIC.sub("", text)
        with self.server.admin(TEMPLATE) as connection:
            connection.execute(text.encode())
            self._roles(connection)
            self._grants = connection.execute(
                "SELECT a.privilege_type, a.grantee::regrole::text FROM pg_catalog.pg_database d, "
                "aclexplode(d.datacl) a WHERE d.datname = current_database() AND a.grantee <> 0"
            ).fetchall()
            self._catalog = catalog(connection)
            self._members = self._memberships(connection)
            self.inherits = tuple(connection.execute(_INHERITS).fetchall())

    def _roles(self, connection: Connection) -> None:
        """The twin, and an owner the gateway may serve: a role that may create roles it would refuse."""
        connection.execute("ALTER ROLE gw_owner NOCREATEROLE")
        connection.execute(f"CREATE ROLE {TWIN} LOGIN NOINHERIT")
        for quiet in (TWIN, "gw_app", "gw_owner") if self._strict else (TWIN,):
            connection.execute(f"ALTER ROLE {quiet} SET log_min_messages = panic")  # type: ignore[arg-type]
        how = " WITH INHERIT FALSE, SET TRUE" if self.server.major >= 16 else ""
        connection.execute(f"GRANT gw_app, gw_owner TO {TWIN}{how}")

    @staticmethod
    def _memberships(connection: Connection) -> frozenset[tuple[str, str]]:
        found = connection.execute(
            "SELECT roleid::regrole::text, member::regrole::text FROM pg_catalog.pg_auth_members"
        )
        return frozenset((role, member) for role, member in found)

    # -- for each case --------------------------------------------------------------------------------------------

    def soil(self) -> None:
        """Something was changed: the next one gets a database and a gateway of its own."""
        self._dirty = True

    def clean(self, search_path: tuple[str, ...] = (), setup: str = "", *, soiled: bool = False) -> House:
        """A gateway over a database just as the schema left it, and ``setup`` run on it as administrator.

        ``soiled``: whoever asks cares for meanings only, and takes the rows as others left them.
        """
        if (
            self._house is None
            or (self._dirty and not soiled)
            or search_path != self._path
            or self._setup not in ("", setup)
        ):
            self.close()
            self._database()
            self._house, self._path, self._dirty, self._setup = self._open(search_path), search_path, False, ""
            self.made += 1
        if setup != self._setup:
            self._setup = setup
            with self.admin() as connection:
                connection.execute(setup.encode())
            self.caught_up()
        return self._house

    def any(self) -> House:
        """Whatever gateway is open: for logins that must be refused before they touch anything."""
        return self._house or self.clean()

    def caught_up(self) -> None:
        """Wait until the gateway's twin knows the catalogs as they are now."""
        assert self._house is not None
        assert self._house.application is not None
        twin = self._house.application.desk._world.twins[DatasourceId(DATASOURCE)]  # type: ignore[attr-defined]
        deadline = time.monotonic() + _CAUGHT_UP_SECONDS
        with self.admin() as connection:
            while connection.execute(EPOCH_QUERY.encode()).fetchone() != (twin.epoch,):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the twin never saw the change: {twin.trouble}")
                time.sleep(0.01)

    @property
    def files(self) -> Path:
        """A folder the server may write to."""
        return self.server.data

    def admin(self) -> Connection:
        """A superuser's connection past the gateway."""
        return self.server.admin(DATABASE)

    def close(self) -> None:
        """Stop the gateway."""
        house, self._house = self._house, None
        if house is not None:
            house.stop()

    def _database(self) -> None:
        with self.server.admin() as connection:
            for (prepared,) in connection.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
                with self.admin() as inside:
                    inside.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(prepared)))
            for role, member in self._memberships(connection) - self._members:
                connection.execute(f"REVOKE {role} FROM {member}")
            name, template = sql.Identifier(DATABASE), sql.Identifier(TEMPLATE)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, template))
            for privilege, grantee in self._grants:
                connection.execute(f"GRANT {privilege} ON DATABASE {DATABASE} TO {grantee}")

    def _open(self, search_path: tuple[str, ...]) -> House:
        root = self._scratch / f"house-{next(self._numbers)}"
        root.mkdir()
        source: dict[str, Any] = {
            "id": DATASOURCE,
            "host": str(self.server.socket_directory),
            "port": self.server.port,
            "database": DATABASE,
            "tls": "disable",
            "twin": {"role": TWIN, "epoch_interval_ms": 50},
            "profiles": [
                {"name": "engineer", "role": "gw_app", "groups": ["engineer"]},
                {"name": "owner", "role": "gw_owner", "groups": ["owner"]},
            ],
        }
        if search_path:
            source["search_path"] = list(search_path)
        source["strict"] = self._strict
        # One person sends hundreds of texts at once, as fast as the machine is: how many may come is tested elsewhere.
        limits = {"unknown_burst": 100_000}
        house = House(root, None, {"datasources": [source], "limits": limits, "log_level": "error"})
        write_catalog(house.layout.registry, self._catalog)
        return house.start()


class Trail:
    """The record's new entries, read from where the last look ended."""

    def __init__(self) -> None:
        self._offsets: dict[Path, int] = {}

    def new(self, house: House) -> list[Mapping[str, Any]]:
        """Entries since the last call for this gateway."""
        found: list[Mapping[str, Any]] = []
        for path in sorted(house.layout.record.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    found.append(json.loads(line))
        return found


@contextmanager
def stage(server: Postgres, schema: Path, *, strict: bool = False) -> Iterator[Stage]:
    """A stage over a running server."""
    # In memory where there is such a folder: every denial is synced to disk, and hundreds of them wait for a busy one.
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="sekisho-bypass-", dir=parent) as directory:
        one = Stage(server, schema.read_text(encoding="utf-8"), Path(directory), strict=strict)
        try:
            yield one
        finally:
            one.close()
