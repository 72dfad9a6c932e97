"""A real pg_dump of schemas through the door: the same script as from the server itself, or the reason why not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.characters import LI
from gateway.demo.database import DATABASE, PORT, Database, binaries
from tests.bypass.run import open_stage
from tests.houses import House
from tests.majors import programs, require_major

pytestmark = pytest.mark.integration

ROLE = "sekisho_engineer"


def dump(program: Path, host: str, port: int, user: str, database: str, *more: str, password: str = "") -> str:
    """The script, or the error's words."""
    command = [str(program), "-h", host, "-p", str(port), "-U", user, "-d", database, *more]
    environment = {**os.environ, "PGPASSWORD": password, "PGSSLMODE": "disable", "LC_ALL": "C"}
    found = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    return found.stdout if found.returncode == 0 else found.stderr


def through(program: Path, house: House, *more: str) -> str:
    who = house.parameters(LI)
    return dump(program, who["host"], who["port"], who["user"], who["dbname"], *more, password=who["password"])


@pytest.fixture(scope="module")
def readable(messenger: Database) -> Iterator[None]:
    """pg_dump locks what it writes down, and that takes the right to read it."""
    with messenger.connect() as admin:
        before = admin.execute(f"SELECT has_table_privilege('{ROLE}', 'timeline_images', 'SELECT')").fetchone()
        assert before == (False,)
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}")  # type: ignore[arg-type]
    yield
    with messenger.connect() as admin:
        admin.execute(f"REVOKE SELECT ON timeline_images FROM {ROLE}")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["house", "strict_house"])
def test_the_schema_is_written_down_as_the_server_itself_writes_it(
    messenger: Database, readable: None, request: pytest.FixtureRequest, kind: str
) -> None:
    house: House = request.getfixturevalue(kind)
    program = binaries() / "bin" / "pg_dump"
    options = ("--schema-only", "--restrict-key", "x")
    itself = dump(program, str(messenger.socket_directory), PORT, ROLE, DATABASE, *options)
    assert "CREATE TABLE public.stickers" in itself
    assert through(program, house, *options) == itself


def test_people_are_not_dumped(house: House, readable: None) -> None:
    said = through(binaries() / "bin" / "pg_dump", house, "--data-only", "-t", "users", "-t", "users_id_seq")
    assert "pg_dump: error" in said
    assert "access denied" in said
    assert "+81" not in said


@pytest.mark.slow
def test_of_version_15_and_what_its_definitions_may_not_show() -> None:
    if os.environ.get("CI", "").lower() != "true":
        pytest.skip("PostgreSQL 15 is dumped with CI=true")
    require_major(15, "debian")
    with open_stage(15, "debian") as stage:
        house = stage.clean()
        program = programs(15, "debian", Path("/")) / "pg_dump"
        with stage.admin() as admin:
            place, port, database = str(stage.server.socket_directory), stage.server.port, admin.info.dbname
        options = ("--schema-only", "--restrict-key", "x", "-t")
        itself = dump(program, place, port, "gw_app", database, *options, "app.stickers")
        assert "CREATE TABLE app.stickers" in itself
        assert through(program, house, *options, "app.stickers") == itself
        assert "holds a literal that may be about people" in through(program, house, *options, "app.v_filter")
