"""No scenario is forgotten: each has a golden case of the engine and comes through the doors, or says what it needs."""

from __future__ import annotations

import re

from tests.golden.policy_cases import POLICIES, cases
from tests.golden.scenario_list import NEEDS, SCENARIOS
from tests.golden.test_scenarios import OF_THE_RECORD
from tests.golden.test_scenarios import SCENARIOS as THROUGH_DOORS

_ID = re.compile(r"\b[LADGPX]\d\d\b")
GOLDEN = {id for case in cases() for id in _ID.findall(case.id)}
DOORS = {case.id for case in THROUGH_DOORS}
NO_CASE = {"A09", "A10"}  # nothing but what they need


def test_every_scenario_has_a_golden_case_or_says_what_it_needs() -> None:
    assert SCENARIOS.keys() - GOLDEN - OF_THE_RECORD == NO_CASE
    assert NO_CASE <= NEEDS.keys() <= SCENARIOS.keys()
    assert all(re.fullmatch(r"reports: .+", reason) for reason in NEEDS.values())


def test_every_golden_case_with_a_number_is_a_scenario() -> None:
    assert GOLDEN <= SCENARIOS.keys()


def test_every_scenario_comes_through_the_doors_or_is_asked_of_the_record() -> None:
    assert DOORS | OF_THE_RECORD == SCENARIOS.keys() - NO_CASE
    assert not OF_THE_RECORD & (DOORS | GOLDEN)


def test_the_scenarios_that_rules_name_are_scenarios() -> None:
    modules = "".join(path.read_text() for path in POLICIES.rglob("*.rego"))
    named = {id for line in re.findall(r"^#   cases: \[(.*)\]$", modules, re.MULTILINE) for id in line.split(", ")}
    assert named <= SCENARIOS.keys()
    assert len(named) > 50
