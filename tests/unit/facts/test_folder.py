"""A registry's folder is taken only as a whole: cut, mixed, half copied or turned while it is read, it is none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.facts import folder as folder_of
from gateway.facts.folder import MANIFEST, Delivery, digest, ends, revision, seal, unsealed
from gateway.facts.registry import FILES, Registry, load_registry
from tests.unit.facts.world import write_registry

BLOCKS = "blocks: [{id: x, country: KR}]\n...\n"


def sealed(directory: Path) -> Path:
    """A folder with its manifest."""
    directory.mkdir(exist_ok=True)
    write_registry(directory)
    seal(directory, FILES, load_registry(directory).contents.hashes)
    return directory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return sealed(tmp_path / "registry")


def load(folder: Path, former: Registry | None = None, delivery: Delivery = Delivery.MANIFEST) -> Registry:
    return load_registry(folder, former, delivery=delivery)


def problems(folder: Path, former: Registry | None = None, delivery: Delivery = Delivery.MANIFEST) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, former, delivery)
    return [problem.removeprefix(f"{folder.name}/") for problem in caught.value.problems]


# -- a manifest -------------------------------------------------------------------------------------------------------


def test_folder_as_its_manifest_says_is_a_registry(folder: Path) -> None:
    listed = json.loads((folder / MANIFEST).read_text())["files"]
    assert sorted(listed) == ["catalog.yaml", "entities.yaml", "networks.yaml", "people.yaml"]
    assert load(folder).people
    assert unsealed(folder, FILES) == []


def test_folder_without_manifest_is_none(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    assert problems(folder) == [
        ".manifest: the file is missing, and nothing else says that the folder is whole: "
        "see `sekisho registry seal`, or registry.delivery"
    ]
    assert load(folder, delivery=Delivery.EDITED).people
    assert len(unsealed(folder, FILES)) == 1


@given(st.data())
def test_file_cut_at_a_line_end_is_never_a_registry(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = sealed(tmp_path_factory.mktemp("cut") / "registry")
    path = folder / data.draw(st.sampled_from(sorted(json.loads((folder / MANIFEST).read_text())["files"])))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: data.draw(st.integers(0, len(lines) - 1))]))
    assert any("where .manifest says" in problem for problem in problems(folder))
    shutil.rmtree(folder)


def test_every_difference_is_listed(folder: Path) -> None:
    catalog = folder / "catalog.yaml"
    catalog.write_text(catalog.read_text().replace("JP", "KR"))
    (folder / "agreements.yaml").write_text("agreements: []\n")
    (folder / "more.yaml").write_text("")
    listed = json.loads((folder / MANIFEST).read_text())
    listed["files"]["people.csv"] = {"size": 1, "sha256": ""}
    (folder / MANIFEST).write_text(json.dumps(listed))
    found = problems(folder)
    assert found[:2] == [
        "agreements.yaml: the file is not named in .manifest",
        "catalog.yaml: its sha256 is not the one in .manifest",
    ]
    assert found[2].startswith("more.yaml: no file of a registry (known: ")
    assert found[3:] == ["people.csv: the file is named in .manifest and missing"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": []}', '{"files": {"a": 1}}', "[" * 100_000])
def test_manifest_that_is_none_is_a_problem(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert problems(folder) == [".manifest: not a manifest: `sekisho registry seal` writes one"]


def test_manifest_that_names_nothing_covers_nothing(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"files": {}}')
    assert len(problems(folder)) == 4


def test_nothing_is_sealed_that_changes_meanwhile(folder: Path) -> None:
    hashes = load(folder).contents.hashes
    before = (folder / MANIFEST).read_text()
    (folder / "people.yaml").write_text("people: []\n")
    with pytest.raises(ConfigError, match="changed while they were looked at"):
        seal(folder, FILES, hashes)
    assert (folder / MANIFEST).read_text() == before


def test_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_registry(tmp_path / "nowhere")


# -- blocks.yaml, which is changed alone ------------------------------------------------------------------------------


def test_blocks_are_not_part_of_a_manifest(folder: Path) -> None:
    (folder / "blocks.yaml").write_text(BLOCKS)
    assert [block.id for block in load(folder).entities.blocks] == ["x"]
    assert "blocks.yaml" not in (seal(folder, FILES, load(folder).contents.hashes)).read_text()


def test_blocks_that_may_be_cut_are_refused(folder: Path) -> None:
    """All but in a folder edited by hand."""
    (folder / "blocks.yaml").write_text(BLOCKS.removesuffix("...\n"))
    assert problems(folder) == ["blocks.yaml: its last line is not '...': it may have been cut, and lifts no block"]
    running = load(folder, delivery=Delivery.EDITED)
    assert load(folder, running).entities.blocks  # what runs with them stays as it is


def test_blocks_that_are_gone_are_not_lifted(folder: Path) -> None:
    (folder / "blocks.yaml").write_text(BLOCKS)
    running = load(folder)
    (folder / "blocks.yaml").unlink()
    assert problems(folder, running) == [
        "blocks.yaml: the file is gone, and lifts no block: an empty list of blocks does"
    ]
    (folder / "blocks.yaml").write_text("blocks: []\n...\n")
    assert load(folder, running).entities.blocks == ()


@pytest.mark.parametrize(
    ("data", "whole"),
    [(b"a: b\n...\n", True), (b"a: b\n... \n\n", True), (b"a: b\n", False), (b"", False), (b"a: b...", False)],
)
def test_end_of_a_document(data: bytes, whole: bool) -> None:
    assert ends(data) is whole


# -- a link -----------------------------------------------------------------------------------------------------------


class Turned:
    """Versions of a folder, and the link to one of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.link = root / "registry"
        self.turn(self.version("1"))

    def version(self, name: str, **files: str) -> Path:
        (self.root / name).mkdir()
        return write_registry(self.root / name, **files)

    def turn(self, to: Path) -> None:
        part = self.root / "link"
        part.symlink_to(to)
        part.replace(self.link)


@pytest.fixture
def turned(tmp_path: Path) -> Turned:
    return Turned(tmp_path)


def test_link_that_is_turned_brings_the_next_version(turned: Turned) -> None:
    first = load(turned.link, delivery=Delivery.SYMLINK)
    turned.turn(turned.version("2", disclosures="notices: []\n", blocks="blocks: []\n"))
    second = load(turned.link, first, Delivery.SYMLINK)
    assert second.revision != first.revision
    assert "disclosures.yaml" in second.contents.hashes


def test_what_changes_behind_a_link_that_was_not_turned_is_refused(turned: Turned) -> None:
    first = load(turned.link, delivery=Delivery.SYMLINK)
    (turned.link / "disclosures.yaml").write_text("notices: []\n")
    (turned.link / "blocks.yaml").write_text("blocks: []\n")
    assert problems(turned.link, first, Delivery.SYMLINK) == [
        "blocks.yaml: its last line is not '...': it may have been cut, and lifts no block",
        "disclosures.yaml: the file changed where it lies, and the link to its folder was not turned",
    ]


def test_blocks_behind_a_link_may_change_alone(turned: Turned) -> None:
    first = load(turned.link, delivery=Delivery.SYMLINK)
    (turned.link / "blocks.yaml").write_text(BLOCKS)
    assert load(turned.link, first, Delivery.SYMLINK).entities.blocks


def test_folder_without_a_link_is_not_turned(turned: Turned) -> None:
    assert problems(turned.root / "1", delivery=Delivery.SYMLINK) == [
        f"{turned.root / '1'}: no symbolic link leads to the registry's folder, and registry.delivery is symlink"
    ]


def test_folder_that_is_mounted_as_kubernetes_mounts_it(tmp_path: Path) -> None:
    """Each file is a link through ``..data``, and that one is turned."""
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..1").mkdir()
    (mount / "..data").symlink_to("..1")
    for path in write_registry(mount / "..1").iterdir():
        (mount / path.name).symlink_to(f"..data/{path.name}")
    first = load(mount, delivery=Delivery.SYMLINK)
    shutil.copytree(mount / "..1", mount / "..2")
    (mount / "..2" / "people.yaml").write_text("people: []\n")
    (mount / "link").symlink_to("..2")
    (mount / "link").replace(mount / "..data")
    assert load(mount, first, Delivery.SYMLINK).revision != first.revision


def test_manifest_behind_a_link_must_agree(turned: Turned) -> None:
    two = turned.version("2")
    seal(two, FILES, load_registry(two).contents.hashes)
    turned.turn(two)
    assert load(turned.link, delivery=Delivery.SYMLINK).people
    (two / "people.yaml").write_text("people: []\n")
    assert "people.yaml: 11 bytes, where .manifest says" in problems(turned.link, delivery=Delivery.SYMLINK)[0]


def turning(turned: Turned, monkeypatch: pytest.MonkeyPatch, after: str, turn: Callable[[int], None]) -> None:
    """Have the link turned in the middle of every reading, after one file of it."""
    opened: Any = Path.open
    reads = 0

    def open_and_turn(path: Path, *arguments: str, **named: str) -> Any:
        nonlocal reads
        found = opened(path, *arguments, **named)
        if path.name == after and arguments == ("rb",):
            reads += 1
            turn(reads)
        return found

    monkeypatch.setattr(Path, "open", open_and_turn)


@pytest.mark.parametrize("gone", [False, True])
def test_link_turned_in_the_middle_is_read_from_its_beginning(
    turned: Turned, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """No file of the one version beside one of the other, and nothing is missed where the old one is taken away."""
    two = turned.version("2", people="people: []\n", networks="sites: []\n")

    def turn(reads: int) -> None:
        if reads == 1:
            turned.turn(two)
            if gone:
                shutil.rmtree(turned.root / "1")

    turning(turned, monkeypatch, "catalog.yaml", turn)
    found = load(turned.link, delivery=Delivery.SYMLINK)
    assert not found.people
    assert not found.sites
    assert found.contents.place.startswith(f"{two}:")


def test_link_that_is_never_at_rest_is_a_problem(turned: Turned, monkeypatch: pytest.MonkeyPatch) -> None:
    turning(turned, monkeypatch, "people.yaml", lambda reads: turned.turn(turned.version(f"v{reads}")))
    assert problems(turned.link, delivery=Delivery.SYMLINK) == [
        f"{turned.link}: the link to the registry's folder is turned again and again"
    ]


# -- revisions --------------------------------------------------------------------------------------------------------


def test_revision_is_of_names_and_contents() -> None:
    one = revision({"a": digest(b"1"), "b": digest(b"2")})
    assert one == revision({"b": digest(b"2"), "a": digest(b"1")})
    assert one != revision({"a": digest(b"2"), "b": digest(b"1")})


def test_names_of_the_delivery_are_those_of_the_configuration() -> None:
    from gateway.config import Registry as Settings
    from gateway.config_rules import CHOICES

    assert CHOICES[Settings, "delivery"] == tuple(folder_of.Delivery)
