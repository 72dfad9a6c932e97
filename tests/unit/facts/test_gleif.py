from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.facts.gleif import Imported, import_gleif
from gateway.facts.registry import load_registry
from gateway.model import EntityId
from tests.unit.facts.gleif_files import BRANCH, CHILD, LAPSED, PARENT, SECRET, SILENT, write_csv, write_xml
from tests.unit.facts.world import write_registry

Files = Callable[[Path], tuple[Path, Path, Path]]


def imported(source: Path, files: Files, registry: Path) -> Imported:
    source.mkdir(exist_ok=True)
    return import_gleif(*files(source), registry, lambda what, number: None)


@pytest.fixture(params=[write_xml, write_csv], ids=["xml", "csv"])
def files(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_registry_reads_what_was_imported(tmp_path: Path, files: Files) -> None:
    registry = write_registry(tmp_path)
    found = imported(tmp_path / "gleif", files, registry)
    assert (found.entities, found.holdings) == (6, 4)
    entities = load_registry(registry).entities
    child = entities.by_id[EntityId(CHILD)]
    assert (child.name, child.country, child.headquarters, child.status) == ("Child, Inc.", "US", "US", "ISSUED")
    assert entities.by_id[EntityId(BRANCH)].name == "Parent AG, Shanghai Branch"
    assert entities.by_id[EntityId(SILENT)].country is None  # EU is no country
    held = {
        key: [(one.owner, one.share, one.basis) for one in entities.owners_of.get(EntityId(key), ())]
        for key in entities.by_id
    }
    assert held[EntityId(CHILD)] == [(PARENT, None, "consolidation")]
    assert held[EntityId(BRANCH)] == [(PARENT, 100.0, "branch")]
    assert held[EntityId(LAPSED)] == [(PARENT, None, "consolidation")]
    assert held[EntityId(SECRET)] == [(CHILD, None, "consolidation")]


def test_periods_are_those_of_the_relationship(tmp_path: Path, files: Files) -> None:
    registry = write_registry(tmp_path)
    imported(tmp_path / "gleif", files, registry)
    rows = (registry / "ownership.csv").read_text().splitlines()
    assert f"{PARENT},{CHILD},,2017-12-06,,consolidation" in rows
    assert f"{PARENT},{LAPSED},,2019-05-01,,consolidation" in rows  # published as ended before it began
    assert f"{CHILD},{SECRET},,2015-01-01,2016-01-01,consolidation" in rows


def test_no_parent_is_unknown_in_gleifs_own_words(tmp_path: Path, files: Files) -> None:
    registry = write_registry(tmp_path)
    found = imported(tmp_path / "gleif", files, registry)
    entities = load_registry(registry).entities
    notes = {key: entities.by_id[EntityId(key)].owners_note for key in (PARENT, CHILD, SECRET, LAPSED, SILENT)}
    assert notes == {
        PARENT: "NO_KNOWN_PERSON",
        CHILD: "",
        SECRET: "NATURAL_PERSONS NON_PUBLIC NO_LEI",
        LAPSED: "LAPSED RELATIONSHIP_LAPSED",
        SILENT: "NO_PARENT_REPORTED",
    }
    assert found.owners_unknown == 4
    assert not any(entity.owners_known for key, entity in entities.by_id.items() if key not in ("shop", "helper"))


def test_what_is_left_out_is_counted(tmp_path: Path, files: Files) -> None:
    found = imported(tmp_path / "gleif", files, tmp_path)
    assert found.left_out == {"other kind of relationship": 1, "relationship that ended, nobody says when": 1}
    assert len(found.examples) == 2


def test_xml_and_csv_of_the_same_records_are_the_same(tmp_path: Path) -> None:
    texts = []
    for name, files in (("xml", write_xml), ("csv", write_csv)):
        folder = tmp_path / f"to-{name}"
        folder.mkdir()
        imported(tmp_path / name, files, folder)
        texts.append([(folder / file).read_text() for file in ("entities.csv", "ownership.csv")])
    assert texts[0] == texts[1]


def test_records_of_no_lei_and_of_a_lei_twice_are_left_out(tmp_path: Path) -> None:
    level1, relationships, exceptions = write_csv(tmp_path)
    text = level1.read_text()
    level1.write_text(text + text.splitlines()[1] + "\n" + '"NO-LEI","x","JP","JP","ACTIVE","ISSUED"\n')
    found = import_gleif(level1, relationships, exceptions, tmp_path, lambda what, number: None)
    assert found.left_out["entity of no LEI"] == 1
    assert found.left_out["entity for the second time"] == 1


def test_relationship_with_somebody_not_listed_is_left_out(tmp_path: Path) -> None:
    level1, relationships, exceptions = write_csv(tmp_path)
    level1.write_text("\n".join(line for line in level1.read_text().splitlines() if PARENT not in line) + "\n")
    found = import_gleif(level1, relationships, exceptions, tmp_path, lambda what, number: None)
    assert found.left_out["relationship with an entity that is not in Level 1"] == 3
    assert (found.entities, found.holdings) == (5, 1)


def test_what_cannot_be_read_leaves_the_registry_as_it_was(tmp_path: Path) -> None:
    level1, relationships, exceptions = write_xml(tmp_path)
    (tmp_path / "entities.csv").write_text("as it was")
    level1.write_text(level1.read_text()[:-30])
    with pytest.raises(ConfigError, match="not XML"):
        import_gleif(level1, relationships, exceptions, tmp_path, lambda what, number: None)
    assert (tmp_path / "entities.csv").read_text() == "as it was"
    assert not list(tmp_path.glob("*.part"))


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.facts.gleif._EVERY", 2)
    told: list[tuple[str, int]] = []
    import_gleif(*write_csv(tmp_path), tmp_path, lambda what, number: told.append((what, number)))
    assert ("entities", 6) in told
    assert ("relationships", 2) in told
    assert ("exceptions", 2) in told
