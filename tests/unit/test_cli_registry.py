import json
from pathlib import Path

from click.testing import CliRunner

from gateway.cli import main
from tests.unit.facts.gleif_files import write_csv, write_xml


def test_import_tells_what_came_of_it(tmp_path: Path) -> None:
    level1, relationships, exceptions = write_xml(tmp_path)
    arguments = ["--level1", str(level1), "--relationships", str(relationships), "--exceptions", str(exceptions)]
    found = CliRunner().invoke(main, ["entities", "import-gleif", *arguments, "--into", str(tmp_path)])
    assert found.exit_code == 1  # two relationships were left out
    assert "6 entities, 4 holdings" in found.stdout
    assert "left out: 1, other kind of relationship" in found.stdout
    assert (tmp_path / "entities.csv").is_file()


def test_import_as_json(tmp_path: Path) -> None:
    level1, _, _ = write_csv(tmp_path)
    found = CliRunner().invoke(
        main, ["entities", "import-gleif", "--level1", str(level1), "--into", str(tmp_path), "--json"]
    )
    assert found.exit_code == 0
    assert json.loads(found.stdout)["owners_unknown"] == 6


def test_import_of_no_such_file_is_a_problem(tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n")
    found = CliRunner().invoke(main, ["entities", "import-gleif", "--level1", str(odd), "--into", str(tmp_path)])
    assert found.exit_code == 2
    assert "no column LEI" in found.stderr


def test_scim_import_tells_whom_it_found_no_entity_for(tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    users.write_text(json.dumps([{"userName": "kim", "displayName": "Kim", "active": True}]))
    arguments = ["people", "import-scim", str(users), "--issuer", "https://i", "--into", str(tmp_path)]
    found = CliRunner().invoke(main, arguments)
    assert found.exit_code == 1
    assert "1 people, 0 of them employed" in found.stdout
    assert "organization (none)" in found.stdout
    assert json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["people"] == 1
