"""The tests that lie beside the packs, run by the library's interpreter: a second reading beside the compiled one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import regorus

from gateway.policy.bundle import load_bundle
from gateway.policy.inprocess import InProcessEngine
from tests.golden.policy_cases import POLICIES, cases, document

MODULES = sorted(POLICIES.rglob("*.rego"))
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
}


def apart(text: str) -> str:
    """The text with the test packages moved out of ``data.sekisho``: this interpreter evaluates a whole subtree where
    one rule of it is named, and would find the tests that name it in there again."""
    text = re.sub(r"^package sekisho\.(\w+_test)$", r"package \1", text, flags=re.MULTILINE)
    return text.replace("import data.sekisho.fixtures_test as fx", "import data.fixtures_test as fx")


def interpreter() -> Any:
    engine = regorus.Engine()
    for path in MODULES:
        engine.add_policy(path.relative_to(POLICIES).as_posix(), apart(path.read_text(encoding="utf-8")))
    engine.add_data_json(json.dumps(load_bundle(POLICIES).data))
    return engine


def rego_tests() -> list[str]:
    """The full names of all tests beside the packs."""
    found = []
    for path in MODULES:
        text = apart(path.read_text(encoding="utf-8"))
        package = re.search(r"^package (\S+)", text, re.MULTILINE)
        assert package is not None
        found += [f"data.{package[1]}.{name}" for name in re.findall(r"^(test_\w+)", text, re.MULTILINE)]
    return found


@pytest.fixture(scope="module")
def engine() -> Any:
    return interpreter()


@pytest.mark.parametrize("name", rego_tests())
def test_beside_the_packs(engine: Any, name: str) -> None:
    engine.set_input_json("{}")
    assert json.loads(engine.eval_rule_as_json(name)) is True


def test_no_two_tests_have_one_name() -> None:
    names = rego_tests()
    assert len(names) == len(set(names)) > 80


@pytest.mark.parametrize("name", FIXTURES)
def test_the_packs_fixtures_are_the_golden_cases_people(engine: Any, name: str) -> None:
    assert json.loads(engine.eval_rule_as_json(f"data.fixtures_test.{name}")) == document(*FIXTURES[name])


def test_the_interpreter_and_the_compiled_program_agree(engine: Any) -> None:
    compiled = InProcessEngine(load_bundle(POLICIES))
    for case in cases():
        if not case.fits_schema:
            continue  # the interpreter raises where a builtin meets another type
        engine.set_input_json(json.dumps(case.document))
        assert json.loads(engine.eval_rule_as_json("data.sekisho.decision")) == compiled.evaluate(case.document), (
            case.id
        )
