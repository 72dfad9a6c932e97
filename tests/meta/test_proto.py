"""The contract in ``proto/``: linted, compatible with the last release, and what the generated code was made of."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.meta.tree import ROOT
from tests.servers import require_tool


def test_generated_code_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "proto" / "generate.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"run `make proto`:\n{done.stdout}{done.stderr}"


def buf(*arguments: str) -> None:
    done = subprocess.run([require_tool("buf"), *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@pytest.mark.needs("buf")
def test_the_contract_keeps_to_the_conventions_of_its_kind():
    buf("lint", "proto")


@pytest.mark.needs("buf")
def test_who_was_built_against_the_last_release_is_still_understood():
    buf("breaking", "proto", "--against", "proto/released.binpb")


@pytest.mark.needs("buf")
def test_a_contract_that_breaks_it_is_found(tmp_path):
    """The comparison itself: another number for a field is no small thing."""
    text = (ROOT / "proto" / "sekisho" / "v1" / "access.proto").read_text()
    broken = tmp_path / "sekisho" / "v1" / "access.proto"
    broken.parent.mkdir(parents=True)
    broken.write_text(text.replace("string token = 1;", "string token = 99;"))
    (tmp_path / "buf.yaml").write_text((ROOT / "proto" / "buf.yaml").read_text())
    with pytest.raises(AssertionError, match="token"):
        buf("breaking", str(tmp_path), "--against", "proto/released.binpb")
