"""Loading a folder of packs: everything wrong is listed, each with its place."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gateway.errors import ConfigError
from gateway.policy.bundle import load_bundle
from gateway.policy.metadata import rule_texts
from tests.packs import packs

POLICIES = Path(__file__).parents[3] / "policies"
EU_27_AND_EEA_3 = set(
    "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO".split()
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the packs, to be spoilt."""
    copy = tmp_path / "policies"
    shutil.copytree(POLICIES, copy)
    return copy


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_bundle(folder)
    return list(caught.value.problems)


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


def test_the_packs_load() -> None:
    bundle = load_bundle(POLICIES)
    assert len(bundle.revision) == 16
    assert int(bundle.revision, 16) >= 0
    assert bundle.roots == ("house", "law", "promise", "regimes", "sekisho")
    assert bundle.data["house"]["volume"]["rows_per_day"] == 1_000_000


def test_data_lies_under_the_path_of_its_folder() -> None:
    # the 31 of the notices; Norway must not have become `false` on the way through YAML
    countries = packs().data["regimes"]["jp"]["designated_countries"]
    assert set(countries) == EU_27_AND_EEA_3 | {"GB"}
    assert len(countries) == 31


def test_tests_of_packs_are_not_compiled_in(folder: Path) -> None:
    (folder / "house" / "volume" / "more_test.rego").write_text("this is no Rego", encoding="utf-8")
    bundle = load_bundle(folder)
    assert not [path for path, _ in bundle.modules if path.endswith("_test.rego")]
    assert bundle.revision == packs().revision


def test_rules_lists_every_rule_with_its_row() -> None:
    bundle = packs()
    rules = dict(bundle.rules())
    assert rules["jp-appi-28"]["effective_from"] == "2022-04-01"
    assert rules["house-messages-mfa"]["mode"] == "shadow"
    assert rules.keys() == {rule.id for path, text in bundle.modules for rule in rule_texts(path, text)}
    assert {row["layer"] for row in rules.values()} == {"law", "promise", "house"}


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("house/volume/data.yaml", lambda text: text.replace("1000000", "999999")),
        ("house/volume/volume.rego", lambda text: text + "\n# a comment counts, too\n"),
    ],
)
def test_any_change_of_rules_or_data_is_another_revision(folder: Path, file: str, change: Callable[[str], str]) -> None:
    edit(folder / file, change)
    assert load_bundle(folder).revision != packs().revision


def test_the_revision_does_not_depend_on_how_data_is_written(folder: Path) -> None:
    path = folder / "house" / "volume" / "data.yaml"
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.unlink()
    (path.parent / "data.json").write_text(json.dumps(value, indent=4, sort_keys=True), encoding="utf-8")
    assert load_bundle(folder).revision == packs().revision


def test_no_folder(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == [f"{tmp_path / 'nowhere'}: not a folder"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert problems(tmp_path) == [
        '.manifest: missing; it says what is in the folder: {"rego_version": 1, "roots": ["house/ours"]}',
        f"{tmp_path}: no Rego module",
    ]


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        ("{", ".manifest: not readable as JSON (JSONDecodeError)"),
        ('{"roots": ["a"]}', ".manifest: rego_version must be 1"),
        ('{"roots": ["a"], "rego_version": 0}', ".manifest: rego_version must be 1"),
        *(
            (
                f'{{"roots": ["a"], "rego_version": 1, "metadata": {{"sekisho": {{"number": {number}}}}}}}',
                ".manifest: metadata.sekisho.number must be a whole number, 0 or more",
            )
            for number in ("-1", "1.5", "true", '"7"')
        ),
        ('{"roots": [], "rego_version": 1}', ".manifest: roots must be a list of at least one path"),
        ('{"roots": [""], "rego_version": 1}', ".manifest: roots must be a list of at least one path"),
    ],
)
def test_a_manifest_that_says_too_little(folder: Path, manifest: str, problem: str) -> None:
    (folder / ".manifest").write_text(manifest, encoding="utf-8")
    assert problem in problems(folder)


def test_what_lies_outside_the_roots_is_refused(folder: Path) -> None:
    other = folder / "lawful"
    other.mkdir()
    (other / "x.rego").write_text("package lawful\n", encoding="utf-8")
    (other / "data.yaml").write_text("a: 1\n", encoding="utf-8")
    assert problems(folder) == [
        "lawful/x.rego:1: package lawful is outside the roots of .manifest",
        "lawful/data.yaml:1: data of lawful is outside the roots of .manifest",
    ]


def test_a_package_mirrors_its_folder(folder: Path) -> None:
    edit(folder / "house/volume/volume.rego", lambda text: text.replace("package house.volume", "package house.other"))
    assert problems(folder) == ["house/volume/volume.rego:1: the package must mirror the folder (house.volume)"]


def test_every_module_that_does_not_parse_is_named(folder: Path) -> None:
    for name in ("house/volume/volume.rego", "law/jp_appi/provision.rego"):
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8") + "\nbroken := if\n", encoding="utf-8")
    lines = [len((folder / name).read_text(encoding="utf-8").splitlines()) for name in (
        "house/volume/volume.rego", "law/jp_appi/provision.rego")]  # fmt: skip
    found = problems(folder)
    assert [problem.split(": ")[0] for problem in found] == [
        f"house/volume/volume.rego:{lines[0]}",
        f"law/jp_appi/provision.rego:{lines[1]}",
    ]
    assert not any("backtrace" in problem.lower() for problem in found)


def test_a_compile_error_names_file_and_line(folder: Path) -> None:
    path = folder / "house/volume/volume.rego"
    path.write_text(path.read_text(encoding="utf-8") + "\n_more := nowhere(1)\n", encoding="utf-8")
    line = len(path.read_text(encoding="utf-8").splitlines())
    assert problems(folder) == [f"house/volume/volume.rego:{line}: Unknown function: 'nowhere'"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules: [", "house/volume/data.yaml:2: did not find expected node content"),
        ("a: " + "[" * 200, "house/volume/data.yaml:1: nested too deeply"),
        ("- a", "house/volume/data.yaml:1: the file must hold a mapping"),
        ("NO: 1", "house/volume/data.yaml:1: the key False is not a text (quote it)"),
        ("a: !!binary aGk=", "house/volume/data.yaml:1: bytes is not a value JSON has"),
    ],
)
def test_data_that_is_none(folder: Path, text: str, problem: str) -> None:
    (folder / "house/volume/data.yaml").write_text(text, encoding="utf-8")
    assert problem in problems(folder)


def test_two_files_do_not_say_the_same(folder: Path) -> None:
    (folder / "house/volume/data.json").write_text('{"rows_per_day": 2}', encoding="utf-8")
    assert "house/volume/data.yaml:1: rows_per_day is already given by another file" in problems(folder)


def test_a_file_does_not_reach_into_another_s_value(folder: Path) -> None:
    (folder / "house/data.yaml").write_text("volume: 1\n", encoding="utf-8")
    assert "house/volume/data.yaml:1: volume is already a value of another file" in problems(folder)


def test_no_pack_negates_a_call_on_the_input() -> None:
    # with an argument that is absent, `not f(input.x)` is true to this engine and undefined to OPA: no denial there
    negated = re.compile(r"\bnot\s+[\w.]+\([^)]*\binput\b")
    for path, text in packs().modules:
        code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        assert not negated.search(code), path


def test_a_mounted_config_map_is_read_once(tmp_path):
    """Kubernetes mounts the files in a folder `..<timestamp>` and puts links to them beside it."""
    hidden = tmp_path / "..2026_11_21"
    shutil.copytree(POLICIES, hidden)
    for path in hidden.iterdir():
        (tmp_path / path.name).symlink_to(path)
    assert load_bundle(tmp_path).revision == packs().revision


# ----------------------------------------------------------------------------------------------- one laid over another

CHILD_ROOTS = ["house/branch"]
LAW = "some x, _ in data.law.jp_appi.rules"


@pytest.fixture
def child(tmp_path: Path) -> Path:
    """A branch's own packs; nothing is wrong with them."""
    made = tmp_path / "branch"
    put(made, ".manifest", json.dumps({"roots": CHILD_ROOTS, "rego_version": 1}))
    put(made, "house/branch/hours.rego", "package house.branch\n\nhours := data.house.branch.hours_of_work\n")
    put(made, "house/branch/data.yaml", "hours_of_work: [8, 18]\n")
    return made


@pytest.fixture
def parent(folder: Path) -> Path:
    """The packs, with the houses' own place left to houses."""
    roots = ["sekisho", "regimes", "law", "promise", *(f"house/{path.name}" for path in (folder / "house").iterdir())]
    put(folder, ".manifest", json.dumps({"roots": roots, "rego_version": 1}))
    return folder


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def test_a_bundle_over_another_is_both(parent: Path, child: Path) -> None:
    both = load_bundle(parent, child)
    assert {path for path, _ in both.modules} > {"house/branch/hours.rego", "law/jp_appi/provision.rego"}
    assert both.data["house"]["branch"] == {"hours_of_work": [8, 18]}
    assert both.data["law"] == load_bundle(parent).data["law"]
    assert set(both.roots) > {"house/branch", "law"}
    assert both.revision != load_bundle(parent).revision


@pytest.mark.parametrize(
    ("roots", "files", "problem"),
    [
        # it claims what is its parent's
        (["law"], {}, ".manifest: law and law are roots of two bundles: narrow"),
        (["law/jp_appi"], {}, ".manifest: law and law/jp_appi are roots of two bundles"),
        (["house"], {}, ".manifest: house/volume and house are roots of two bundles"),
        (["house/branch", "sekisho/decision"], {}, "are roots of two bundles"),
        # it does not claim it, and defines it
        (
            CHILD_ROOTS,
            {"law/jp_appi/provision.rego": "package law.jp_appi\n"},
            "package law.jp_appi is outside the roots",
        ),
        (CHILD_ROOTS, {"sekisho/decision.rego": "package sekisho\n"}, "package sekisho is outside the roots"),
        (CHILD_ROOTS, {"house/branch/more.rego": "package law.jp_appi\n"}, "the package must mirror the folder"),
        # it lowers a rule's mode, or what a rule asks for, in a file of its own
        (CHILD_ROOTS, {"law/jp_appi/data.yaml": "rules: {}\n"}, "data of law/jp_appi is outside the roots"),
        (
            CHILD_ROOTS,
            {"data.yaml": "law: {jp_appi: {rules: {jp-appi-28: {mode: shadow}}}}\n"},
            "data of law is outside",
        ),
        (CHILD_ROOTS, {"house/data.yaml": "volume: {limit: 9}\n"}, "data of house/volume is outside the roots"),
        (CHILD_ROOTS, {"data.json": '{"house": {"branch": {"x": 1}, "volume": 2}}'}, "data of house/volume is outside"),
        (CHILD_ROOTS, {"data.yaml": "house: 1\n"}, "data of house is outside the roots"),
        # it lets its parent's rules pass
        (
            CHILD_ROOTS,
            {"house/branch/more.rego": 'package house.branch\n\npassed contains "jp-appi-28" if true\n'},
            "rule jp-appi-28 is already defined at",
        ),
        (
            CHILD_ROOTS,
            {"house/branch/more.rego": f"package house.branch\n\npassed contains x if {LAW}\n"},
            "house/branch/more.rego:3: a rule passes by its name",
        ),
        (
            CHILD_ROOTS,
            {"house/branch/more.rego": "package house.branch\n\n passed := object.keys(data.law.jp_appi.rules)\n"},
            "house/branch/more.rego:3: a rule passes by its name",
        ),
        (
            CHILD_ROOTS,
            {"house/branch/more.rego": 'package house.branch\n\ntext := "\\"#" passed contains x if x := input.x\n'},
            "house/branch/more.rego:3: a rule passes by its name",
        ),
    ],
)
def test_a_child_weakens_nothing_of_its_parent_s(
    parent: Path, child: Path, roots: list[str], files: dict[str, str], problem: str
) -> None:
    put(child, ".manifest", json.dumps({"roots": roots, "rego_version": 1}))
    for name, text in files.items():
        put(child, name, text)
    with pytest.raises(ConfigError) as caught:
        load_bundle(parent, child)
    assert problem in str(caught.value)


def test_a_file_above_the_roots_may_hold_what_lies_in_them(parent: Path, child: Path) -> None:
    (child / "house/branch/data.yaml").unlink()
    put(child, "data.json", '{"house": {"branch": {"hours_of_work": [8, 18]}}}')
    assert load_bundle(parent, child).data["house"]["branch"] == {"hours_of_work": [8, 18]}


def test_two_files_that_say_the_same_are_a_problem_at_any_depth(parent: Path, child: Path) -> None:
    put(child, "data.json", '{"house": {"branch": {"hours_of_work": [0, 24]}}}')
    with pytest.raises(ConfigError, match="hours_of_work is already given by another file"):
        load_bundle(parent, child)
