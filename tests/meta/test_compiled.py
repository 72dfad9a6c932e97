"""What the wheel compiles: a list that names real modules, and, in ``make test-compiled``, modules that are compiled.

Everywhere else they are interpreted: an editable installation needs no compiler.
"""

from __future__ import annotations

import importlib
import os
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.servers import ROOT

HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"][
    "custom"
]
MODULES: list[str] = HOOK["modules"]
COMPILED = os.environ.get("SEKISHO_COMPILED", "")  # the folder they were installed into


@pytest.mark.parametrize("name", MODULES)
def test_each_is_what_it_should_be(name: str) -> None:
    assert (ROOT / f"{name.replace('.', '/')}.py").is_file()
    file = importlib.import_module(name).__file__
    assert file is not None
    if COMPILED:
        assert file.endswith(sysconfig.get_config_var("EXT_SUFFIX"))
        assert Path(file).is_relative_to(ROOT / COMPILED)
    else:
        assert file.endswith(".py")


def test_the_list_is_sorted_and_its_hook_is_there() -> None:
    assert sorted(set(MODULES)) == MODULES
    assert (ROOT / HOOK["path"]).is_file()
