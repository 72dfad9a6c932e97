"""Every golden case of the packs: facts in; effect, rules, obligations out."""

from __future__ import annotations

import json

import jsonschema
import pytest

from gateway.policy.cases import Case, differences
from gateway.policy.inprocess import InProcessEngine
from gateway.policy.result import parse_verdict
from tests.golden.policy_cases import POLICIES, cases
from tests.packs import packs

NEVER = 4102444800
SCHEMA = json.loads((POLICIES / "schema" / "input.schema.json").read_text(encoding="utf-8"))
CASES = cases()


@pytest.fixture(scope="module")
def engine() -> InProcessEngine:
    return InProcessEngine(packs())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_packs_answer_as_the_case_says(engine: InProcessEngine, case: Case) -> None:
    raw = engine.evaluate(case.document)
    assert isinstance(raw, dict)
    parse_verdict(raw, valid_until=NEVER, revision=engine.revision)
    assert not differences(case, raw)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_fits_the_input_schema_unless_it_says_it_does_not(case: Case) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert validator.is_valid(case.document) is case.fits_schema


def test_every_rule_has_a_case_that_it_denies_and_one_it_lets_pass(engine: InProcessEngine) -> None:
    bundle = packs()
    denying = {rule for case in CASES for rule in (*case.expect.get("rules", ()), *case.expect.get("shadow", ()))}
    denying |= {case.expect["only"] for case in CASES if "only" in case.expect}
    every = {id for id, _ in bundle.rules()}
    # house-trip-mask denies nothing by itself: it asks for masks; as shipped house-subjects-limit has no limits, and
    # house-subject-scope is of a pack that a datasource chooses.
    assert every - denying == {"house-trip-mask", "house-subjects-limit", "house-subject-scope"}
    assert any(case.expect["effect"] == "allow" and case.expect.get("obligations") for case in CASES)
