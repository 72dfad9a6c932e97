"""The house itself: a test file for every source file, maps, sizes, and nothing of one machine in git."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import tomllib

import pytest

from tests.meta.tree import PACKAGE, ROOT, TESTS, files, modules

CEILING = 400  # lines; 100 to 300 is the aim
# Modules without a test file of their own, each with the test that covers it.
WITHOUT_OWN_TEST: dict[str, str] = {}


def _test_of(name: str) -> str:
    """``gateway.sql.gate`` -> ``sql/test_gate.py``."""
    *folders, stem = name.split(".")[1:]
    return "/".join([*folders, f"test_{stem.strip('_')}.py"])


@pytest.mark.parametrize("module", [m for m in modules() if not m.is_package], ids=str)
def test_every_source_file_has_its_test_file(module):
    if module.name in WITHOUT_OWN_TEST:
        assert (ROOT / WITHOUT_OWN_TEST[module.name]).is_file()
        return
    path = TESTS / "unit" / _test_of(module.name)
    assert path.is_file(), f"missing: {path.relative_to(ROOT)}"
    assert "def test_" in path.read_text(), f"{path.relative_to(ROOT)} tests nothing"


def test_every_unit_test_file_has_its_source_file():
    expected = {_test_of(module.name) for module in modules() if module.name != "gateway"}
    present = {str(path.relative_to(TESTS / "unit")) for path in (TESTS / "unit").rglob("test_*.py")}
    assert present <= expected, f"tests of nothing: {sorted(present - expected)}"


@pytest.mark.parametrize("module", [m for m in modules() if m.is_package], ids=str)
def test_a_package_says_what_is_in_it(module):
    text = ast.get_docstring(module.tree)
    assert text, "its docstring is the map of the package"
    if module.name != "gateway":
        names = [path.stem for path in module.path.parent.glob("*.py") if not path.stem.startswith("_")]
        missing = [name for name in names if not re.search(rf"\b{name}\b", text)]
        assert not missing, f"not on the map: {missing}"


@pytest.mark.parametrize("module", modules(), ids=str)
def test_a_module_has_a_docstring_and_is_not_too_long(module):
    assert ast.get_docstring(module.tree)
    lines = module.path.read_text().count("\n")
    assert lines <= CEILING, f"{lines} lines"


def test_nothing_is_left_for_later():
    wrong = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b|except Exception:\s*pass|raise NotImplemented[E]rror")
    found = [
        f"{m.path.relative_to(ROOT)}: {hit.group()}" for m in modules() for hit in wrong.finditer(m.path.read_text())
    ]
    assert not found, "\n".join(found)


def test_every_metric_is_fed():
    """A metric nobody feeds is a promise to an operator that nobody keeps."""
    path = PACKAGE / "metrics.py"
    (metrics,) = (n for n in ast.parse(path.read_text()).body if isinstance(n, ast.ClassDef) and n.name == "Metrics")
    methods = {n.name for n in metrics.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}
    called = {
        node.func.attr
        for module in modules()
        if module.path != path
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if re.search(r"metrics$", ast.unparse(node.func.value))
    }
    assert methods <= called, f"never called: {sorted(methods - called)}"


# Package registries by hash: the hosts themselves have no place in this repository, this file included.
REGISTRY_HOSTS = frozenset(
    """
    a4aa2ac280bb8d1a
    8b5bb5eb9d758455
    00a7dc5a0cc38858
    9da5f32d96412512
    0dc11026ac75c015
    789e46d79514e280
    317d2d52829b7812
    43c04ed1dabe979b
    e680c440a2e92079
    1ba4e37997a2e986
    """.split()
)
HOST = re.compile(r"(?<![\w.-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?![\w-])")
PERSONAL_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root)/[\w.]|\.py[e]nv\b|(?<![\w.])/wor[k]/")


def _digest(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:16]


def _texts() -> list[tuple[str, str]]:
    found = []
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            found.append((str(path.relative_to(ROOT)), data.decode("utf-8", errors="replace")))
    return found


def test_no_file_names_a_package_registry_or_a_path_of_one_machine():
    wrong = []
    for name, text in _texts():
        wrong += [f"{name}: {hit.group()}" for hit in PERSONAL_PATH.finditer(text)]
        for host in set(HOST.findall(text.lower())):
            labels = host.split(".")
            if any(_digest(".".join(labels[start:])) in REGISTRY_HOSTS for start in range(len(labels) - 1)):
                wrong.append(f"{name}: a package registry, {host[:3]}…")
    assert not wrong, "\n".join(wrong)


def test_no_file_holds_a_private_key():
    begin = "-----BEGIN " + "(?:[A-Z]+ )?PRIVATE KEY-----"
    assert not [name for name, text in _texts() if re.search(begin, text)]


@pytest.mark.parametrize("name", ["runtime", "demo", "dev", "build", "image"])
def test_every_pinned_package_has_hashes_and_no_address(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert "index" not in re.findall(r"^--?(\w+)", text, flags=re.M)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9.-]+==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_the_smaller_pins_are_part_of_the_larger():
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return set(re.findall(r"^([a-z0-9.-]+==\S+)", text, flags=re.M))

    assert pins("runtime") < pins("demo") < pins("dev")
    assert pins("runtime") < pins("build")
    names = {pin.partition("==")[0] for pin in pins("dev")}
    assert {pin for pin in pins("build") if pin.partition("==")[0] in names} < pins("dev")
    assert pins("runtime") < pins("image") < pins("dev")


def test_every_dependency_is_pinned_and_says_why_it_is_there():
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    pinned = (ROOT / "requirements" / "runtime.txt").read_text()
    for requirement in project["dependencies"]:
        name = re.split(r"[\[<>=]", requirement)[0]
        assert re.search(rf"^{re.escape(name)}==", pinned, flags=re.M), f"{name}: run `make lock`"
        assert re.search(rf'"{re.escape(requirement)}",\s+# \S', text), f"{name}: no reason given"


def test_scripts_can_be_run():
    for name in (".ci/run", "tools/build.sh", "tools/lock.sh", "tools/image/install.sh", "tools/hadolint.sh"):
        path = ROOT / name
        assert os.access(path, os.X_OK), name
        assert path.read_text().startswith("#!/usr/bin/env bash\n")
        assert "\nset -eu" in path.read_text()


def test_every_make_target_is_listed_with_a_word_about_it():
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, flags=re.M)
    assert phony
    listed = set(re.findall(r"^([a-z-]+):.*## ", text, flags=re.M))
    assert listed == set(phony.group(1).split())


def test_the_policies_are_shipped_with_the_package():
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert targets["force-include"] == {"policies": "gateway/_policies"}
    assert not (PACKAGE / "_policies").exists(), "it is made when the wheel is built, and would hide policies/"
