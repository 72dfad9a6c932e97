import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gateway.audit.verify import iter_entries
from gateway.cli import main
from tests.configured import configuration
from tests.unit.facts.gleif_files import write_csv, write_xml
from tests.unit.facts.world import write_registry

DEMO = Path(__file__).parents[2] / "gateway" / "demo" / "registry"


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


def test_check_tells_what_is_in_a_registry_or_every_problem(tmp_path: Path) -> None:
    write_registry(tmp_path)
    found = CliRunner().invoke(main, ["registry", "check", str(tmp_path), "--as-of", "2026-11-22"])
    assert (found.exit_code, found.stderr) == (0, "")
    assert "2 entities by hand" in found.stdout
    as_json = CliRunner().invoke(main, ["registry", "check", str(tmp_path), "--json"])
    assert json.loads(as_json.stdout)["people"] == 1
    (tmp_path / "people.yaml").write_text("people: [{issuer: i}]\n")
    (tmp_path / "networks.yaml").write_text("sites: 1\n")
    found = CliRunner().invoke(main, ["registry", "check", str(tmp_path)])
    assert found.exit_code == 2
    assert len(found.stderr.splitlines()) == 4


def test_manifest_is_written_of_a_registry_that_can_be_used(tmp_path: Path) -> None:
    write_registry(tmp_path)
    assert CliRunner().invoke(main, ["registry", "seal", str(tmp_path)]).exit_code == 0
    (tmp_path / "people.yaml").write_text("people: []\n")
    found = CliRunner().invoke(main, ["registry", "check", str(tmp_path)])
    assert "not sealed: people.yaml: 11 bytes, where .manifest says" in found.stdout
    assert CliRunner().invoke(main, ["registry", "seal", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(main, ["registry", "check", str(tmp_path)]).exit_code == 0


def test_whois_reads_theconfiguration(tmp_path: Path) -> None:
    missing = CliRunner().invoke(main, ["whois", "ann", "--config", str(tmp_path / "none.yaml")])
    assert missing.exit_code == 2
    place = configuration(tmp_path)
    found = CliRunner().invoke(main, ["whois", "sato", "--config", str(place)])
    assert (found.exit_code, found.stderr) == (0, "")
    assert "Sato Haruka" in found.stdout
    as_json = CliRunner().invoke(
        main, ["whois", "192.0.2.10", "--as-of", "2021-03-17", "--json", "--config", str(place)]
    )
    assert json.loads(as_json.stdout)["as_of"] == "2021-03-17T00:00:00+00:00"


def test_whoever_asks_is_in_the_record(tmp_path: Path) -> None:
    place = configuration(tmp_path)
    codes = [
        CliRunner().invoke(main, ["whois", *arguments, "--config", str(place)]).exit_code
        for arguments in (["sato"], ["nobody"], ["line-cn", "--as-of", "2020-06-01"])
    ]
    assert codes == [0, 2, 0]
    found: list[Any] = [entry for entry in iter_entries(tmp_path) if entry.get("action") == "audit.read"]
    assert [entry["attribution"]["asked"] for entry in found] == [
        "whois sato",
        "whois nobody",
        "whois line-cn as of 2020-06-01T00:00:00",
    ]
    assert [(entry["reading"]["what"], entry["reading"]["entity"]) for entry in found] == [
        ("whois", "line-jp"),
        ("whois", None),
        ("whois", "line-cn"),
    ]
    assert found[0]["principal"]["id"].startswith("os#")
    assert found[0]["reading"]["principal"] == "https://id.line.example#sato"


def test_who_cannot_be_recorded_is_told_nothing(tmp_path: Path) -> None:
    place = configuration(tmp_path)
    (tmp_path / "operator.lock").mkdir()
    found = CliRunner().invoke(main, ["whois", "sato", "--config", str(place)])
    assert (found.exit_code, found.stdout) == (2, "")
    assert "could not be recorded" in found.stderr or "record" in found.stderr


def test_what_is_written_into_a_sealed_folder_is_not_sealed(tmp_path: Path) -> None:
    write_registry(tmp_path)
    assert CliRunner().invoke(main, ["registry", "seal", str(tmp_path)]).exit_code == 0
    level1, _, _ = write_csv(tmp_path)
    found = CliRunner().invoke(main, ["entities", "import-gleif", "--level1", str(level1), "--into", str(tmp_path)])
    assert "its manifest is of before; sekisho registry seal" in found.stderr
