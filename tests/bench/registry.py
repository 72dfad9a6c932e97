"""What the gateway is told: the demo's people and places, and pgbench's tables under two names.

Datasources ``bench``, ``bench-people`` and ``bench-masked`` are the same database; only the labels and rules differ.
What the second costs more is the cost of data about people: entries of the record that are on disk before a statement
goes on. What the third costs more is the cost of masks: the note of a reading is shown in part.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.demo.characters import ALGORITHM, AUDIENCE, ISSUER, KIM, SATO
from gateway.demo.settings import free_ports
from tests.servers import ROOT

NOBODY = "bench"
PEOPLE = "bench-people"
MASKED = "bench-masked"
DATABASE = "bench"
ROLE = "sekisho_bench"
TWIN = "sekisho_bench_twin"
BULK_ROWS = 500_000
COPY_ROWS = 2_000_000
WHO = SATO
ABUSER = KIM  # of `abuse`

# As `provision` would: the twin may become the role, and keeps the trees it is shown out of the server's log.
SCHEMA = f"""
CREATE TABLE readings (id integer PRIMARY KEY, station integer NOT NULL, taken date NOT NULL, note text NOT NULL);
INSERT INTO readings SELECT n, n % 977, date '2020-01-01' + n % 2000, 'reading number ' || n
FROM generate_series(1, {BULK_ROWS}) AS n;
CREATE TABLE events AS SELECT n AS id, n % 977 AS station, 'event number ' || n AS note
FROM generate_series(1, {COPY_ROWS}) AS n;
CREATE TABLE busy (held integer);
CREATE ROLE {ROLE} LOGIN PASSWORD 'bench';
CREATE ROLE {TWIN} LOGIN NOINHERIT;
GRANT {ROLE} TO {TWIN} WITH INHERIT FALSE, SET TRUE;
ALTER ROLE {TWIN} SET log_min_messages = panic;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE};
VACUUM ANALYZE readings;
VACUUM ANALYZE events;
"""

_TABLES = ("pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history", "readings", "events", "busy")
_NOBODY: dict[str, Any] = {"about": "nobody"}
_ACCOUNTS: dict[str, Any] = {
    "subject_countries": ["JP"],
    "columns": {"aid": ["user.unique_id"], "bid": [], "abalance": ["user.financial"], "filler": []},
}


_MASK = f"""
obligations contains {{
	"rule": "house-trip-mask",
	"kind": "mask",
	"relation": "public.readings",
	"column": "note",
	"method": "partial",
}} if {{
	input.datasource.id == "{MASKED}"
	some column in input.data.columns
	column.column == "note"
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the gateway's files lie and where it listens."""

    config: Path
    registry: Path
    policies: Path
    record: Path
    jwks: Path
    port: int  # the postgres door, bound to the place where WHO sits
    ready_url: str


def write(root: Path, socket_directory: Path, port: int) -> Files:
    """The gateway's files, in a folder of its own."""
    ports = free_ports()
    files = Files(
        config=root / "sekisho.yaml",
        registry=root / "registry",
        policies=root / "policies",
        record=root / "record",
        jwks=root / "jwks.json",
        port=ports.sites[WHO.site],
        ready_url=ports.ready_url,
    )
    shutil.copytree(ROOT / "gateway" / "demo" / "registry", files.registry)
    (files.registry / "catalog.yaml").write_text(yaml.safe_dump(_catalog()))
    shutil.copytree(ROOT / "policies", files.policies)
    location = files.policies / "house" / "location" / "location.rego"
    location.write_text(location.read_text() + _MASK)
    _lift_volume(files.policies / "house" / "volume" / "data.yaml")
    files.record.mkdir(mode=0o700)
    files.config.write_text(yaml.safe_dump(_configuration(files, ports.http, socket_directory, port)))
    return files


def _catalog() -> dict[str, Any]:
    def source(name: str, accounts: dict[str, Any]) -> dict[str, Any]:
        tables = {f"public.{table}": dict(_NOBODY) for table in _TABLES} | {"public.pgbench_accounts": accounts}
        return {
            "id": name,
            "storage_countries": ["JP"],
            "controller": "line-jp",
            "unlabelled": "deny",
            "tables": tables,
        }

    return {"datasources": [source(NOBODY, dict(_NOBODY)), source(PEOPLE, _ACCOUNTS), source(MASKED, dict(_NOBODY))]}


def _lift_volume(path: Path) -> None:
    """A benchmark reads more rows in a minute than a person may in a day; the rule is asked all the same."""
    document = yaml.safe_load(path.read_text())
    if "rows_per_day" not in document:
        raise RuntimeError(f"{path} has no rows_per_day: adapt tests/bench to the volume rule")
    path.write_text(yaml.safe_dump(document | {"rows_per_day": 10**12}, allow_unicode=True))


def _configuration(files: Files, http: int, socket_directory: Path, port: int) -> dict[str, Any]:
    def source(name: str) -> dict[str, Any]:
        return {
            "id": name,
            "host": str(socket_directory),
            "port": port,
            "database": DATABASE,
            "tls": "disable",
            "twin": {"role": TWIN},
            "profiles": [{"name": "engineer", "role": ROLE}],
        }

    return {
        "listeners": {
            "postgres": [{"address": f"127.0.0.1:{files.port}", "site": WHO.site, "plaintext": "loopback"}],
            "http": {"address": f"127.0.0.1:{http}"},
        },
        "issuers": [{"issuer": ISSUER, "audience": AUDIENCE, "keys": str(files.jwks), "algorithms": [ALGORITHM]}],
        "datasources": [source(NOBODY), source(PEOPLE), source(MASKED)],
        "registry": {"directory": str(files.registry), "delivery": "edited"},
        "policy": {"directory": str(files.policies)},
        "record": {"directory": str(files.record)},
        "limits": {"sessions": 2000, "sessions_per_principal": 2000},
        "log_level": "warning",
    }
