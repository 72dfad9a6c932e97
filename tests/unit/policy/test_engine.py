"""The seam: whatever calls itself an engine gives a value under a revision, or says that it cannot."""

from __future__ import annotations

from pathlib import Path

from gateway.policy.engine import ENTRY_POINT, Engine
from gateway.policy.inprocess import InProcessEngine
from tests.packs import packs

POLICIES = Path(__file__).parents[3] / "policies"


def test_the_entry_point_is_the_one_rule_of_the_packs_that_is_marked_so() -> None:
    marked = [path for path, text in packs().modules if "# entrypoint: true" in text]
    assert marked == ["sekisho/decision.rego"]
    assert ENTRY_POINT == "data.sekisho.decision"


def test_the_in_process_engine_is_an_engine() -> None:
    engine: Engine = InProcessEngine(packs())
    assert engine.revision
