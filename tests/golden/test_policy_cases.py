"""Every golden case of the packs: facts in; effect, rules, obligations out."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from gateway.model import Finding, Mode, Verdict
from gateway.policy.bundle import load_bundle
from gateway.policy.cases import Case
from gateway.policy.inprocess import InProcessEngine
from gateway.policy.result import parse_verdict
from tests.golden.policy_cases import POLICIES, cases

NEVER = 4102444800
SCHEMA = json.loads((POLICIES / "schema" / "input.schema.json").read_text(encoding="utf-8"))
CASES = cases()


@pytest.fixture(scope="module")
def engine() -> InProcessEngine:
    return InProcessEngine(load_bundle(POLICIES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_packs_answer_as_the_case_says(engine: InProcessEngine, case: Case) -> None:
    raw = engine.evaluate(case.document)
    assert isinstance(raw, dict)
    verdict = parse_verdict(raw, valid_until=NEVER, revision=engine.revision)
    expect = dict(case.expect)
    if only := expect.pop("only", None):
        assert {finding.rule for finding in verdict.findings} == {only}
    else:
        assert rules(verdict, Mode.ENFORCE) == expect.pop("rules")
        assert rules(verdict, Mode.SHADOW) == expect.pop("shadow", [])
        assert raw["obligations"] == expect.pop("obligations", [])
        assert raw["limits"] == expect.pop("limits", [])
    first = verdict.findings[0] if verdict.findings else None
    if message := expect.pop("message", None):
        assert first is not None
        assert message in first.message
    assert {name: said(name, raw, verdict, first) for name in expect} == expect


def rules(verdict: Verdict, mode: Mode) -> list[str]:
    """The rules that spoke in this mode, each once, in the order a person meets them."""
    return list(dict.fromkeys(finding.rule for finding in verdict.findings if finding.mode is mode))


def said(name: str, raw: dict[str, Any], verdict: Verdict, first: Finding | None) -> Any:
    """What the answer says under a name of the case file."""
    if name in {"fact", "value", "citation"}:
        return getattr(first, name)
    return str(verdict.reason) if name == "reason" else raw[name]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_fits_the_input_schema_unless_it_says_it_does_not(case: Case) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid(case.document) is case.fits_schema


def test_every_rule_has_a_case_that_it_denies_and_one_it_lets_pass(engine: InProcessEngine) -> None:
    bundle = load_bundle(POLICIES)
    denying = {rule for case in CASES for rule in (*case.expect.get("rules", ()), *case.expect.get("shadow", ()))}
    denying |= {case.expect["only"] for case in CASES if "only" in case.expect}
    every = {id for id, _ in bundle.rules()}
    # house-trip-mask denies nothing by itself: it asks for masks; as shipped house-subjects-limit has no limits, and
    # house-subject-scope is of a pack that a datasource chooses.
    assert every - denying == {"house-trip-mask", "house-subjects-limit", "house-subject-scope"}
    assert any(case.expect["effect"] == "allow" and case.expect.get("obligations") for case in CASES)
