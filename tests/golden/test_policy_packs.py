"""The packs under a real OPA and its linter: formatted, checked against the schema, tested beside themselves.

Whether it answers as the compiled engine does: `test_policy_engines`.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from tests.golden.policy_cases import POLICIES, document
from tests.packs import packs
from tests.servers import require_tool

SCHEMA = POLICIES / "schema" / "input.schema.json"
LEAST_COVERED = 95.0
FIXTURES = {
    "reader": ("sato", "users"),
    "affiliate": ("li", "users"),
    "subcontractor": ("wang", "image"),
    "contractor": ("tanaka", "image"),
    "korean": ("kim", "payments"),
    "korean_health": ("kim", "health"),
    "traveller": ("sato_on_trip", "users"),
    "messages": ("sato", "messages"),
    "nobody": ("li", "stickers"),
    "unknown": ("unknown", "users"),
    "privacy": ("privacy", "decisions_of_line_jp"),
    "operator": ("operator", "all_decisions"),
}


def run(tool: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(require_tool(tool)), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300, check=False)


def opa(*arguments: str, stdin: str = "") -> str:
    """What OPA prints; a failure shows what it printed."""
    done = run("opa", *arguments, stdin=stdin)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.needs("opa")
def test_the_packs_are_written_as_opa_formats_them() -> None:
    assert opa("fmt", "--list", str(POLICIES)) == ""


@pytest.mark.needs("opa")
def test_the_packs_fit_the_input_schema() -> None:
    opa("check", "--strict", "--schema", str(SCHEMA), str(POLICIES))


@pytest.mark.needs("regal")
def test_the_packs_please_the_linter() -> None:
    """What it is not asked, and why, stands in .regal/config.yaml."""
    done = run("regal", "lint", "--config-file", str(POLICIES.parent / ".regal" / "config.yaml"), str(POLICIES))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.needs("opa")
def test_beside_the_packs() -> None:
    """Every test beside a rule passes, and together they reach nearly every line."""
    report = json.loads(opa("test", "--bundle", "--coverage", str(POLICIES)))
    packs = [part for name, part in report["files"].items() if not name.endswith("_test.rego")]
    covered, missed = (sum(map(lines, (part.get(key, []) for part in packs))) for key in ("covered", "not_covered"))
    assert 100 * covered / (covered + missed) >= LEAST_COVERED


def lines(ranges: list[dict[str, dict[str, int]]]) -> int:
    """How many lines of a coverage report."""
    return sum(one["end"]["row"] - one["start"]["row"] + 1 for one in ranges)


def test_every_rule_has_a_test_beside_it_that_names_it() -> None:
    for id, _ in packs().rules():
        assert any(f'"{id}"' in path.read_text(encoding="utf-8") for path in POLICIES.rglob("*_test.rego")), id


def test_no_two_tests_have_one_name() -> None:
    names = [
        f"{path.parent}.{name}"
        for path in POLICIES.rglob("*_test.rego")
        for name in re.findall(r"^(test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert len(names) == len(set(names)) > 80


@pytest.mark.needs("opa")
def test_the_packs_fixtures_are_the_golden_cases_people() -> None:
    answer = evaluated("data.sekisho.fixtures_test", {}, "--data", str(POLICIES))
    assert {name: answer[name] for name in FIXTURES} == {name: document(*of) for name, of in FIXTURES.items()}


def evaluated(query: str, document: Any, *arguments: str) -> Any:
    """The value of a query."""
    told = opa("eval", "--format", "json", "--stdin-input", *arguments, query, stdin=json.dumps(document))
    return json.loads(told)["result"][0]["expressions"][0]["value"]
