"""The source tree as the meta tests see it: modules, their imports, and the files that git tracks."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "gateway"
TESTS = ROOT / "tests"


@dataclass(frozen=True, slots=True)
class Module:
    """One source file of the import package."""

    name: str  # gateway.sql.gate; a package goes by its own name
    path: Path

    @property
    def room(self) -> str:
        """The first name below ``gateway``: the unit of the import order. Empty for ``gateway`` itself."""
        return room_of(self.name)

    @property
    def is_package(self) -> bool:
        """True for an ``__init__``."""
        return self.path.name == "__init__.py"

    @property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return _parse(self.path)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, in full, and where."""

    name: str
    line: int
    typing_only: bool = False  # under `if TYPE_CHECKING:`: never happens at run time


def room_of(name: str) -> str:
    """``gateway.sql.gate.inspect`` -> ``sql``; empty for ``gateway`` itself and what it says of itself."""
    room = [*name.split("."), ""][1]
    return "" if room.startswith("__") and room != "__main__" else room


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package that people write (generated ones left out)."""
    return tuple(_modules())


def _modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(ROOT).with_suffix("")
        if any(part.startswith("_") and part != "__init__" and part != "__main__" for part in inside.parts[:-1]):
            continue
        if path.stem.endswith(("_pb2", "_pb2_grpc")):
            continue
        parts = inside.parts[:-1] if path.name == "__init__.py" else inside.parts
        yield Module(".".join(parts), path)


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """Every import anywhere in the module, inside functions too; ``from a import b`` is ``a.b``."""
    return tuple(_imports(module))


def _imports(module: Module) -> Iterator[Import]:
    guarded = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, id(node) in guarded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import in line {node.lineno}"
            yield from (Import(f"{node.module}.{name.name}", node.lineno, id(node) in guarded) for name in node.names)


def files() -> tuple[Path, ...]:
    """What is, or is about to be, in git; outside a clone everything beside the folders that make makes."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listing.returncode == 0:
        names = [name for name in listing.stdout.decode().split("\0") if name]
    else:
        made = {".git", ".venv", ".tools", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "__pycache__"}
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if not made & set(p.relative_to(ROOT).parts)]
    return tuple(ROOT / name for name in sorted(set(names)) if (ROOT / name).is_file())
