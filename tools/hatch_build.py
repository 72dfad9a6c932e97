"""Compiles the modules listed in pyproject.toml with mypyc while a wheel is built; see the comment there.

Only with ``SEKISHO_COMPILE=1``, and then it must succeed: a wheel is never quietly another one than was asked for.
Sources go into the wheel as well. An editable installation is always interpreted. Run as a program, it says whether
this machine can compile.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ASKED = "SEKISHO_COMPILE"
_GROUP = "sekisho"  # one shared library for all modules, so that they call one another without a detour


class CompileHook(BuildHookInterface[Any]):
    """hatchling's hook for builds of its own."""

    PLUGIN_NAME = "custom"
    _folder: TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """What an isolated build has to fetch besides hatchling."""
        return ["mypy>=1.15", "setuptools>=77"] if os.environ.get(_ASKED) == "1" else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add what came out of it to the wheel."""
        if version == "editable" or os.environ.get(_ASKED) != "1":
            return
        self._folder = TemporaryDirectory(prefix="sekisho-compile-")
        built = _compile(Path(self.root), self.config["modules"], Path(self._folder.name))
        build_data["force_include"].update({str(path): name for name, path in built.items()})
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is written."""
        if self._folder is not None:
            self._folder.cleanup()


def _compile(root: Path, modules: list[str], folder: Path) -> dict[str, Path]:
    """Extension modules by their place in the wheel."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    before = Path.cwd()
    os.chdir(root)  # mypy finds its configuration and the packages here
    try:
        extensions = mypycify(
            [f"{module.replace('.', '/')}.py" for module in modules],
            group_name=_GROUP,
            opt_level="2",
            debug_level="0",
            target_dir=str(folder / "c"),
            log_trace=False,
        )
        distribution = Distribution({"name": _GROUP, "ext_modules": extensions})
        command: Any = distribution.get_command_obj("build_ext")
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    found = {path.relative_to(folder / "lib").as_posix(): path for path in (folder / "lib").rglob(f"*{suffix}")}
    missing = {f"{module.replace('.', '/')}{suffix}" for module in modules} - set(found)
    if missing:
        raise RuntimeError(f"not compiled: {', '.join(sorted(missing))}")
    return found


def _lacking() -> str:
    """What is not there to compile with; empty: nothing."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"no C compiler ({compiler})"
    headers = Path(sysconfig.get_path("include"))
    return "" if (headers / "Python.h").is_file() else f"no Python.h in {headers}"


if __name__ == "__main__":
    sys.exit(_lacking() or 0)
