import json
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts import blocks
from gateway.facts.folder import MANIFEST, digests, revision, write_manifest
from gateway.facts.registry import FILES, load_registry
from tests.unit.facts.world import write_registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_registry(tmp_path)
    write_manifest(tmp_path, FILES, blocks.FILE)
    return tmp_path


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_registry(folder)
    return [problem.removeprefix(f"{folder.name}/") for problem in caught.value.problems]


def test_folder_as_its_manifest_says_is_a_registry(folder: Path) -> None:
    listed = json.loads((folder / MANIFEST).read_text())["files"]
    assert sorted(listed) == ["catalog.yaml", "entities.yaml", "networks.yaml", "people.yaml"]
    assert load_registry(folder).people


def test_file_cut_at_a_line_end_is_no_registry(folder: Path) -> None:
    path = folder / "entities.yaml"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert "where .manifest says" in problems(folder)[0]


def test_every_difference_is_listed(folder: Path) -> None:
    catalog = folder / "catalog.yaml"
    catalog.write_text(catalog.read_text().replace("JP", "KR"))
    (folder / "agreements.yaml").write_text("agreements: []\n")
    listed = json.loads((folder / MANIFEST).read_text())
    listed["files"]["people.csv"] = {"size": 1, "sha256": ""}
    (folder / MANIFEST).write_text(json.dumps(listed))
    assert problems(folder) == [
        "agreements.yaml: the file is not named in .manifest",
        "catalog.yaml: its sha256 is not the one in .manifest",
        "people.csv: the file is named in .manifest and missing",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": []}', '{"files": {"a": 1}}'])
def test_manifest_that_is_none_is_a_problem(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert problems(folder) == [".manifest: not a manifest: `sekisho registry manifest` writes one"]


def test_blocks_are_not_part_of_it(folder: Path) -> None:
    (folder / "blocks.yaml").write_text("blocks: [{id: x, country: KR}]\n")
    assert [block.id for block in load_registry(folder).entities.blocks] == ["x"]
    write_manifest(folder, FILES, blocks.FILE)
    assert "blocks.yaml" not in (folder / MANIFEST).read_text()


def test_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_registry(tmp_path / "nowhere")


def test_revision_is_of_names_and_contents() -> None:
    one = revision(digests({"a": b"1", "b": b"2"}))
    assert one == revision(digests({"b": b"2", "a": b"1"}))
    assert one != revision(digests({"a": b"2", "b": b"1"}))
