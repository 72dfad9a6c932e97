"""`sekisho catalog draft` on a real database: what it prints, what it keeps to itself, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.servers import Postgres
from tests.unit.draft.world import SECRETS, SQL
from tests.unit.facts.world import write_registry

pytestmark = pytest.mark.integration

OWNER = ("--controller", "shop", "--storage-country", "JP")


@pytest.fixture(scope="module")
def dsn(postgres: Postgres) -> str:
    with postgres.admin() as admin:
        admin.execute("CREATE DATABASE cli_catalog")
    postgres.load(SQL, "cli_catalog")
    return f"host={postgres.socket_directory} port={postgres.port} dbname=cli_catalog user=postgres"


def invoke(dsn: str, *arguments: str | Path, **environment: str) -> Result:
    found = CliRunner().invoke(
        main, ["catalog", "draft", "--dsn", dsn, *OWNER, *map(str, arguments)], env=environment, catch_exceptions=False
    )
    assert not any(secret in found.output for secret in SECRETS)
    return found


def test_the_draft_is_a_catalog_of_the_registry(dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    folder.mkdir()
    write_registry(folder)
    (folder / "catalog.yaml").unlink()
    found = invoke(dsn, "--out", folder / "catalog.yaml")
    assert (found.exit_code, found.stdout) == (0, "")
    checked = CliRunner().invoke(main, ["registry", "check", str(folder), "--json"])
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["tables"] == 8
    again = invoke(dsn, "--out", folder / "catalog.yaml")
    assert again.exit_code == 2
    assert "a draft replaces none" in again.stderr


def test_as_json_with_confidences(dsn: str) -> None:
    found = invoke(dsn, "--json", "--schema", "hr", "--datasource", "people", "--sample", "0")
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert (document["datasource"], document["controller"]) == ("people", "shop")
    (table,) = document["tables"]
    assert (table["table"], table["subject_key"], table["subjects"]) == ("hr.mitarbeiter", "nr", ["employee"])
    guesses = {one["column"]: [guess["confidence"] for guess in one["guesses"]] for one in table["columns"]}
    assert guesses["nachname"] == ["high"]
    assert guesses["notiz"] == []


def test_values_nobody_lets_it_read_are_told(dsn: str, postgres: Postgres) -> None:
    role = postgres.role("cli_catalog_reader", password="reader's")
    found = invoke(dsn.replace("user=postgres", f"user={role}"))
    assert found.exit_code == 1
    assert "public.customers: its values could not be read (SQLSTATE 42501)" in found.stderr
    assert "(no values read: SQLSTATE 42501)" in found.stdout


def test_the_password_is_a_file_or_in_the_environment(dsn: str, postgres: Postgres, tmp_path: Path) -> None:
    role = postgres.role("cli_catalog_reader", password="reader's")
    there = dsn.replace("user=postgres", f"user={role}").replace(str(postgres.socket_directory), "127.0.0.1")
    (tmp_path / "password").write_text("reader's\n")
    assert invoke(there, "--password-file", tmp_path / "password", "--schema", "hr").exit_code == 1
    assert invoke(there, "--schema", "hr", PGPASSWORD="reader's").exit_code == 1
    wrong = invoke(there, PGPASSWORD="wrong")
    assert wrong.exit_code == 2
    assert wrong.stderr.startswith(
        "error: --dsn: the database refuses the login (28P01: password authentication failed"
    )
    assert wrong.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--datasource", "Shop"), "'id' must be lower case"),
        (("--storage-country", "Japan"), "'Japan' in 'storage_countries'"),
        (("--schema", "nowhere"), "no table in nowhere"),
    ],
)
def test_what_cannot_be_drafted(dsn: str, arguments: tuple[str, str], problem: str) -> None:
    found = invoke(dsn, *arguments)
    assert found.exit_code == 2
    assert problem in found.stderr


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    found = invoke(f"host={tmp_path} dbname=x user=y")
    assert found.exit_code == 2
    assert "could not be reached" in found.stderr
