"""A stage for the scenarios of law: the demo's registry with more countries, companies and people laid over it.

``Stage`` is one gateway over a real database in which each datasource is the same tables under another controller. Its
clock can be set, as laws begin and end on days: what the process reads as time is moved, and nothing else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import jwt
import psycopg
import pytest
import yaml

from gateway.audit.follow import Follower
from gateway.demo.characters import ALGORITHM, AUDIENCE, ISSUER
from gateway.demo.database import DATABASE, PORT, Database
from gateway.demo.relay import Relay
from gateway.demo.settings import DATASOURCE, free_port
from gateway.facts.tally import SubjectTally
from gateway.links.volume_file import SUBJECTS
from tests.houses import House
from tests.packs import copy_policies, enforce

TODAY: Final = date(2026, 11, 21)
ENFORCED: Final = "house-messages-mfa"
"""A rule that is counted only as it comes, and that the house of this stage acts on."""
_FOLDER: Final = Path(__file__).with_name("golden") / "stage"
_DATABASE: Final = "scenarios"
_ISSUERS: Final = (ISSUER, "https://id.naver.example", "https://id.lycorp.example")
_TTL: Final = 3600


class Clock:
    """What this process reads as time. It goes on from where it is set."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._real = time.time_ns
        self._ahead = 0
        patch.setattr(time, "time_ns", lambda: self._real() + self._ahead)
        patch.setattr(time, "time", lambda: (self._real() + self._ahead) / 1e9)

    def set(self, day: date) -> None:
        """Noon (UTC) of a day."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        self._ahead = int(noon.timestamp()) * 10**9 - self._real()


class Stage:
    """The gateway, and the ways to it."""

    def __init__(self, root: Path, database: Database, clock: Clock) -> None:
        self._clock, self._day = clock, TODAY
        clock.set(TODAY)
        _make_tables(database)
        sources = yaml.safe_load((_FOLDER / "catalog.yaml").read_text())["datasources"]
        names = [one["id"] for one in sources]
        self._edge = free_port()
        self.house = House(root, database, _settings(root, database, names, self._edge))
        enforce(copy_policies(root / "policies"), "house/subjects", ENFORCED)
        _lay_over(self.house.layout.registry)
        _count(self.house.layout.record / SUBJECTS)
        sites = yaml.safe_load((self.house.layout.registry / "networks.yaml").read_text())["sites"]
        self.addresses = {site["id"]: str(ipaddress.ip_network(site["cidrs"][0])[10]) for site in sites}
        people = yaml.safe_load((self.house.layout.registry / "people.yaml").read_text())["people"]
        self._groups = {
            name["subject"]: one["groups"]
            for one in people
            for name in (one, *one.get("identities", ()))
            if "subject" in name
        }
        self._open = contextlib.ExitStack()
        self._connections: dict[str, psycopg.Connection[Any]] = {}

    def __enter__(self) -> Stage:
        self.house.start()
        self._follower = Follower.from_end(self.house.layout.record)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self.house.stop()

    def on(self, day: date) -> None:
        """Set the clock; who was connected is no more."""
        if day != self._day:
            self._open.close()
            self._connections.clear()
            self._day = day
            self._clock.set(day)

    def new_entries(self) -> list[Mapping[str, Any]]:
        """What was recorded since the last look."""
        self._follower.look()
        return [line.entry for line in self._follower.read()]

    def token(self, who: str, issuer: str, **claims: Any) -> str:
        now = int(time.time())
        told = {"iss": issuer, "aud": AUDIENCE, "sub": who, "preferred_username": who, "jti": uuid.uuid4().hex}
        known = {**told, "groups": self._groups.get(who, ["engineer"]), "amr": ["pwd", "mfa"]}
        dates = {"iat": now, "nbf": now, "exp": now + _TTL}
        key = self.house.issuer
        return jwt.encode({**known, **dates, **claims}, key._key, ALGORITHM, {"kid": key._key_id})

    def connection(self, who: str, site: str, source: str, token: str) -> psycopg.Connection[Any]:
        """Somebody's session from a site, opened at the first use; raises what the door says to it."""
        if token not in self._connections:
            relay = self._open.enter_context(Relay(self.addresses[site], ("127.0.0.1", self._edge)))
            place: dict[str, Any] = {"host": "127.0.0.1", "port": relay.port, "dbname": source, "sslmode": "disable"}
            connection = psycopg.connect(**place, user=who, password=token, autocommit=True, connect_timeout=10)
            self._connections[token] = self._open.enter_context(connection)
        return self._connections[token]


def _settings(root: Path, database: Database, names: list[str], port: int) -> Mapping[str, Any]:
    keys = str(root / "jwks.json")
    claims = {"purpose_claim": "purpose", "ticket_claim": "ticket", "request_claim": "request"}
    common = {
        "host": str(database.socket_directory),
        "port": PORT,
        "tls": "disable",
        "twin": {"role": "sekisho_twin", "connections": 1, "epoch_interval_ms": 60_000},
    }
    everybody = {"name": "engineer", "role": "sekisho_engineer"}
    moderators = {"name": "moderator", "role": "sekisho_moderator", "groups": ["moderator"]}
    messenger = {**common, "id": DATASOURCE, "database": DATABASE, "profiles": [moderators, everybody]}
    stages = [{**common, "id": name, "database": _DATABASE, "profiles": [everybody]} for name in names]
    edge = {"address": f"127.0.0.1:{port}", "edges": ["127.0.0.1/32"], "plaintext": "loopback"}
    return {
        "listeners": {"postgres": [edge]},
        "issuers": [
            {"issuer": name, "audience": AUDIENCE, "keys": keys, "algorithms": [ALGORITHM], **claims}
            for name in _ISSUERS
        ],
        "datasources": [messenger, *stages],
        "policy": {"timeout_ms": 20_000, "directory": str(root / "policies")},
    }


def _make_tables(database: Database) -> None:
    with database.connect() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {_DATABASE}")
        admin.execute(f"CREATE DATABASE {_DATABASE}")
    with database.connect(database=_DATABASE) as admin:
        admin.execute((_FOLDER / "schema.sql").read_bytes())


def _lay_over(registry: Path) -> None:
    """The stage's entries behind those of the demo, list by list."""
    for path in _FOLDER.glob("*.yaml"):
        below = registry / path.name
        if below.exists():
            document, more = (yaml.safe_load(one.read_text()) for one in (below, path))
            joined = {key: [*document.get(key, ()), *more.get(key, ())] for key in {**document, **more}}
            below.write_text(json.dumps(joined, default=str, indent=1))  # YAML too, and without aliases


def _count(file: Path) -> None:
    """What went out before, as a gateway that ran then would have left it."""
    month = TODAY.year * 12 + TODAY.month - 1
    counts = [
        {"unit": "person", "month": month, "unkeyed": one.pop("subjects"), "rows": 0, "keyed": "", **one}
        for one in yaml.safe_load((_FOLDER / "went_out.yaml").read_text())["went_out"]
    ]
    file.write_text(json.dumps(SubjectTally.restore({"format": "subjects-1", "counts": counts}).snapshot()))
