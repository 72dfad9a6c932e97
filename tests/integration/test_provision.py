"""From a server that knows nothing of Sekisho to a statement through the gateway: provision, run it, serve, ask."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from gateway.demo.characters import SATO
from tests.houses import House
from tests.integration.postgres_wire import until
from tests.servers import ROOT, Postgres

pytestmark = pytest.mark.integration

DATABASE = "messenger"
COMMAND = (sys.executable, "-m", "gateway.cli")
_SCHEMA = (ROOT / "gateway" / "demo" / "schema.sql").read_text().partition("-- One login role per profile")[0]
ROWS = """
INSERT INTO regions VALUES ('JP', 'Japan');
INSERT INTO users (name, phone, email, country) VALUES ('Hanako', '+81-90-0000-0001', 'hanako@example.jp', 'JP');
CREATE VIEW shown AS SELECT id, name FROM users;
"""
ROLES = ("sekisho_engineer", "sekisho_moderator", "sekisho_twin", "sekisho_keeper")


def provision(house: House, *options: str) -> str:
    command = [*COMMAND, "provision", "--config", str(house.layout.config), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def blank(every_postgres: Postgres) -> Iterator[Postgres]:
    """The demo's tables, and no role of ours."""
    with every_postgres.admin() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    every_postgres.load(_SCHEMA + ROWS, DATABASE)
    yield every_postgres
    with every_postgres.admin() as admin:
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        for role in ROLES:
            admin.execute(f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
def house(blank: Postgres) -> Iterator[House]:
    """Configured for that server, with an interval that no test waits for; not started."""
    with tempfile.TemporaryDirectory(prefix="sekisho-house-") as directory:
        made = House(Path(directory), None)
        document = yaml.safe_load(made.layout.config.read_text())
        source = document["datasources"][0]
        source |= {"host": str(blank.socket_directory), "port": blank.port, "database": DATABASE}
        source["twin"]["epoch_interval_ms"] = 60_000
        made.layout.config.write_text(yaml.safe_dump(document))
        yield made
        made.stop()


def test_provision_then_serve_then_ask(blank: Postgres, house: House) -> None:
    script = provision(house, "--keyed-hash", "--epoch-trigger")
    for _ in range(2):
        blank.load(script, DATABASE)
    house.start()
    with house.connect(SATO) as session:
        assert session.execute("SELECT phone FROM users WHERE id = 1").fetchall() == [("+81-90-0000-0001",)]
        assert session.execute("SELECT count(*) FROM regions").fetchall() == [(1,)]
    asked = [*COMMAND, "check", "--config", str(house.layout.config), "--as", "sato", "--from", "JP"]
    checked = subprocess.run(
        [*asked, "--group", "engineer", "--mfa", "--sql", "SELECT phone FROM users"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "ALLOW"), checked.stderr


def test_a_column_that_was_taken_out_is_refused_by_the_server_itself(blank: Postgres, house: House) -> None:
    """The last line: whatever the gateway thinks of it."""
    script = provision(house)
    cut = [line for line in script.splitlines() if not line.startswith('GRANT SELECT ("phone")')]
    assert len(cut) == len(script.splitlines()) - 2, "one for each profile"
    blank.load("\n".join(cut), DATABASE)
    house.start()
    with house.connect(SATO) as session:
        assert session.execute("SELECT name FROM users WHERE id = 1").fetchall() == [("Hanako",)]
        before = blank.log.read_text()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT phone FROM users WHERE id = 1")
        assert house.entries("decision")[-1]["effect"] == "allow"
        assert "permission denied for table users" in blank.log.read_text().removeprefix(before)


def test_a_view_replaced_is_known_at_once_and_the_rest_is_not_asked_again(blank: Postgres, house: House) -> None:
    blank.load(provision(house, "--epoch-trigger"), DATABASE)
    blank.load("GRANT SELECT ON shown TO sekisho_engineer", DATABASE)
    house.start()
    view, other = "SELECT name FROM shown WHERE id = %s", "SELECT name FROM regions WHERE code = %s"
    with house.connect(SATO) as session, blank.admin(DATABASE) as admin:
        for _ in range(2):
            assert session.execute(view, (1,), prepare=True).fetchall() == [("Hanako",)]
            session.execute(other, ("JP",), prepare=True)
        admin.execute("CREATE OR REPLACE VIEW shown AS SELECT id, phone AS name FROM users")
        began = time.monotonic()

        def touches_phone() -> bool:
            session.execute(view, (1,), prepare=True)
            return "public.users.phone" in str(house.entries("decision")[-1]["statement"]["columns"])

        until(touches_phone)
        took = time.monotonic() - began
        asked = len(house.entries("decision"))
        session.execute(other, ("JP",), prepare=True)
        assert len(house.entries("decision")) == asked, "it rests on nothing that changed"
    assert took < 10, "a minute is the interval"
    ages = [entry["epoch_age_ms"] for kind in ("decision", "repeat") for entry in house.entries(kind)]
    assert ages
    assert all(age is not None and 0 <= age < 60_000 for age in ages)
