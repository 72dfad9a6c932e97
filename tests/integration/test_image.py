"""What the image holds, made by ``make image-tree``: the Dockerfile's own script, outside of Docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from packaging.requirements import Requirement

from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.demo.serving import ServeProcess, await_ready
from tests.houses import House
from tests.servers import ROOT

TREE = ROOT / "build" / "image"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def tree() -> Path:
    """The folder that becomes /opt/sekisho."""
    if not (TREE / "sbom.cdx.json").is_file():
        message = "the image's folder is not there: `make image-tree` makes it"
        pytest.fail(message) if os.environ.get("CI", "").lower() == "true" else pytest.skip(message)
    return TREE


@pytest.fixture(scope="module")
def sbom(tree: Path) -> dict[str, Any]:
    """The list of what it holds."""
    found: dict[str, Any] = json.loads((tree / "sbom.cdx.json").read_text())
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, tuple[str, str]]:
    """Version and hashes of what the image's requirements pin, where it is for this platform."""
    pins = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements" / "image.txt").read_text().strip()):
        requirement = Requirement(entry.partition(" \\\n")[0])
        if requirement.marker is None or requirement.marker.evaluate():
            pins[requirement.name] = str(requirement.specifier).removeprefix("=="), entry
    return pins


def parts(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in components:
        yield one
        yield from parts(one.get("components", []))


def test_the_list_has_every_package_by_a_hash_that_was_locked_and_the_gateway_itself(sbom):
    found = {canonical(one["name"]): one for one in sbom["components"]}
    pins = locked()
    assert found.keys() == pins.keys()
    for name, (version, entry) in pins.items():
        assert found[name]["version"] == version
        (digest,) = found[name]["hashes"]
        assert f"--hash=sha256:{digest['content']}" in entry
    itself = sbom["metadata"]["component"]
    assert (itself["name"], itself["version"]) == ("sekisho", PROJECT["version"])


def test_every_package_has_a_licence_and_none_is_copyleft(sbom):
    for one in sbom["components"]:
        assert one["licenses"], one["name"]
    for one in parts(sbom["components"]):
        for licence in one.get("licenses", ()):
            stated = licence.get("expression") or licence["license"].get("id") or licence["license"]["name"]
            free = [option for option in stated.split(" OR ") if "GPL" not in option and "General Public" not in option]
            assert free, f"{one['name']}: {stated}"


def test_what_wheels_say_they_carry_is_in_the_list(sbom):
    carried = {one["name"] for owner in sbom["components"] for one in parts(owner.get("components", []))}
    assert {"openssl", "regorus"} <= carried
    references = [one["bom-ref"] for one in parts(sbom["components"])]
    assert len(references) == len(set(references))


def test_the_list_says_nothing_of_the_moment_or_the_machine_it_was_made_on(sbom, tree):
    text = (tree / "sbom.cdx.json").read_text()
    assert "timestamp" not in sbom["metadata"]
    assert "serialNumber" not in sbom
    assert "file://" not in text
    assert str(ROOT) not in text


def test_the_tree_runs_compiled_by_itself_and_holds_no_installer(tree):
    asked = "import gateway.authorize as a, _datasketches, importlib.util as u; print(a.__file__, u.find_spec('pip'))"
    # fmt: off
    done = subprocess.run(
        [tree / "bin" / "python", "-I", "-B", "-c", asked], capture_output=True, text=True, cwd="/", env={}, timeout=60
    )
    # fmt: on
    assert done.returncode == 0, done.stderr
    file, installer = done.stdout.split()
    assert Path(file).is_relative_to(tree)
    assert file.endswith(".so")
    assert installer == "None"
    assert {path.name for path in (tree / "bin").iterdir() if not path.name.startswith("python")} == {"sekisho"}


def test_the_tree_leaves_room_for_the_base_below_200_mb(tree: Path):
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    # For the image's own Python 3.13 it is 6 MB less than for 3.11, whose numpy is larger.
    assert size < 145_000_000, f"{size / 1e6:.0f} MB; the base has 58"


def test_a_gateway_out_of_the_tree_decides_and_denies(tree: Path, messenger: Database, tmp_path: Path):
    house = House(tmp_path, messenger)
    # A path to this checkout's own modules is no part of the image.
    alone = ["env", "-u", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE=1"]
    command = [*alone, str(tree / "bin" / "sekisho"), "serve", "--config", str(house.layout.config)]
    running = ServeProcess(command, tmp_path / "gateway.log")
    try:
        await_ready(running, house.ports.ready_url, seconds=60)
        assert f"{tree}/lib" in Path(f"/proc/{running.pid}/maps").read_text()
        with house.connect(SATO) as connection:
            assert connection.execute("SELECT count(*) FROM users WHERE id = %s", (7,)).fetchone() == (1,)
        with house.connect(LI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege, match="CN"):
            connection.execute("SELECT name FROM users")
    finally:
        running.stop()
