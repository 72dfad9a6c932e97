"""`sekisho bundle`: what it builds, what it finds wrong, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.engines import opa_serving
from tests.packs import packs
from tests.unit.facts.world import write_registry
from tests.unit.policy.keys import OTHER, PRIVATE, PUBLIC


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["bundle", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    folder.mkdir()
    write_registry(folder)
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for name, text in (("private", PRIVATE), ("public", PUBLIC), ("other", OTHER)):
        found[name] = tmp_path / f"{name}.pem"
        found[name].write_text(text)
    return found


def test_what_is_built_verifies_and_says_what_it_is(tmp_path: Path, registry: Path, keys: dict[str, Path]) -> None:
    out = tmp_path / "bundle.tar.gz"
    built = invoke("build", "--registry", registry, "--signing-key", keys["private"], "--out", out)
    assert built.exit_code == 0, built.output
    revision = packs().revision
    assert f"revision {revision}+" in built.output
    assert built.output.rstrip().endswith("bytes, signed")
    first = out.read_bytes()
    assert invoke("build", "--registry", registry, "--signing-key", keys["private"], "--out", out).exit_code == 0
    # but for the signature, of which each is another
    assert invoke("inspect", out).output == CliRunner().invoke(main, ["bundle", "inspect", str(out)]).output
    assert len(out.read_bytes()) == pytest.approx(len(first), abs=200)

    good = invoke("verify", out, "--key", keys["public"])
    assert (good.exit_code, good.output.split(":")[0]) == (0, "good")
    bad = invoke("verify", out, "--key", keys["other"])
    assert bad.exit_code == 1
    assert "not the configured key's" in bad.output

    said = json.loads(invoke("inspect", out, "--json").output)
    assert said["revision"].startswith(f"{revision}+")
    assert said["roots"] == list(packs().roots)
    assert said["rules"]["jp-appi-28"]["layer"] == "law"
    assert {"registry/people.yaml", "data.json", ".manifest"} <= said["files"].keys()


def test_the_same_input_is_the_same_bytes(tmp_path: Path, registry: Path) -> None:
    made = [tmp_path / name for name in ("one.tar.gz", "two.tar.gz")]
    for out in made:
        assert invoke("build", "--registry", registry, "--out", out).exit_code == 0
    assert made[0].read_bytes() == made[1].read_bytes()


def test_opa_serves_what_is_built(tmp_path: Path, registry: Path) -> None:
    out = tmp_path / "bundle.tar.gz"
    assert invoke("build", "--registry", registry, "--out", out).exit_code == 0
    with opa_serving("--bundle", str(out)):
        pass  # it is ready only with a bundle it can use


def test_what_cannot_be_used_is_not_built(tmp_path: Path, registry: Path) -> None:
    out = tmp_path / "bundle.tar.gz"
    (registry / "people.yaml").write_text("people: nobody\n")
    (registry / "blocks.yaml").unlink(missing_ok=True)
    broken = invoke("build", "--registry", registry, "--out", out)
    assert broken.exit_code == 2
    assert "people.yaml" in broken.stderr
    assert not out.exists()


def test_blocks_that_do_not_say_that_they_are_whole_are_not_built(tmp_path: Path, registry: Path) -> None:
    (registry / "blocks.yaml").write_text("blocks: []\n")
    found = invoke("build", "--registry", registry, "--out", tmp_path / "bundle.tar.gz")
    assert found.exit_code == 2
    assert "its last line must be `...`" in found.stderr


def test_a_child_that_reaches_into_its_parent_is_not_built(tmp_path: Path) -> None:
    child = tmp_path / "child"
    (child / "law").mkdir(parents=True)
    (child / ".manifest").write_text('{"roots": ["law/jp_appi"], "rego_version": 1}')
    (child / "law/x.rego").write_text("package law\n")
    found = invoke("build", "--over", child, "--out", tmp_path / "bundle.tar.gz")
    assert found.exit_code == 2
    assert "law and law/jp_appi are roots of two bundles" in found.stderr


def test_a_file_that_is_no_bundle_is_not_good(tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(b"<html>")
    found = invoke("verify", path)
    assert (found.exit_code, found.output) == (1, "BAD  the bundle is no .tar.gz (BadGzipFile)\n")
