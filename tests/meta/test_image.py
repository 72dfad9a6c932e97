"""What the Dockerfile says; tests/integration/test_image.py looks at what comes of it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest

from tests.meta.tree import ROOT
from tests.servers import require_tool

DOCKERFILE = ROOT / "Dockerfile"
INSTRUCTIONS = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.M)).splitlines()


def said(instruction: str) -> list[str]:
    """Everything that follows an instruction's name."""
    return [line.partition(" ")[2] for line in INSTRUCTIONS if line.startswith(f"{instruction} ")]


@pytest.mark.needs("hadolint")
def test_hadolint_has_nothing_to_say():
    done = subprocess.run(
        [require_tool("hadolint"), "--no-color", DOCKERFILE], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_hadolint_may_not_say_has_a_reason_above_it():
    lines = DOCKERFILE.read_text().splitlines()
    ignored = [place for place, line in enumerate(lines) if "hadolint ignore=" in line]
    assert ignored
    for place in ignored:
        assert re.match(r"# \w.*[.]$", lines[place - 1]), lines[place]


def test_every_stage_begins_with_a_digest_and_both_have_one_python_on_one_debian():
    bases = dict(one.split("=", 1) for one in said("ARG") if "BASE" in one)
    assert [one.split()[0] for one in said("FROM")] == [f"${{{name}}}" for name in bases]
    for base in bases.values():
        assert re.search(r"@sha256:[0-9a-f]{64}$", base), base
    assert re.match(r"python:3\.13\.\d+-slim-trixie@", bases["BUILD_BASE"])
    assert "python3-debian13" in bases["BASE"]
    assert "/usr/bin/python3.13" in " ".join(said("RUN"))


def test_it_runs_as_nobody_in_particular_by_number_and_without_a_shell():
    assert said("USER")[-1] == "65532:65532"
    assert all(json.loads(one) for one in said("ENTRYPOINT") + said("CMD"))
    last = "\n".join(INSTRUCTIONS).rpartition("\nFROM ")[2]
    assert "\nRUN " not in last, "there is no shell to run anything in"
    assert not said("ADD")


def test_its_labels_and_ports_are_what_the_project_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = " ".join(said("LABEL"))
    assert f"VERSION={project['version']}" in said("ARG")
    assert f'org.opencontainers.image.licenses="{project["license"]}"' in labels
    for name in ("title", "description", "version", "revision", "base.name"):
        assert f"org.opencontainers.image.{name}=" in labels


def test_the_build_is_told_only_of_what_it_needs():
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert "*" in ignored
    for line in ignored:
        if line.startswith("!"):
            assert (ROOT / line[1:]).exists(), line
    assert not any(line.startswith(("!tests", "!.git", "!helm", "!.tools")) for line in ignored)
