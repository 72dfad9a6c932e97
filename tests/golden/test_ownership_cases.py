"""Runs every case of golden/ownership: entities and holdings in, whether one of them is held from certain countries."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.facts.control import OwnershipTest, control
from gateway.facts.entities import read_entities
from gateway.facts.period import parse_day
from gateway.model import EntityId
from gateway.yaml_text import load_yaml
from tests.unit.facts.world import section

CASES = Path(__file__).parent / "ownership"


def load(path: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    document = load_yaml(path.read_text(encoding="utf-8"))
    return [(document, case) for case in document["cases"]]


ALL = [
    pytest.param(document, case, id=f"{path.stem}: {case['case']}")
    for path in sorted(CASES.glob("*.yaml"))
    for document, case in load(path)
]


def ownership_test(said: dict[str, Any]) -> OwnershipTest:
    sets = {key: frozenset(said.get(key, ())) for key in ("countries", "designated")}
    return OwnershipTest(**{**said, **sets})


@pytest.mark.parametrize(("document", "case"), ALL)
def test_answer_is_what_the_case_says(document: dict[str, Any], case: dict[str, Any]) -> None:
    text = yaml.safe_dump({key: document[key] for key in ("entities", "ownership")}, sort_keys=False)
    root, problems = section(text)
    graph = read_entities(root)
    assert problems.listed() == []
    day = case["ask"]["on"]
    assert isinstance(day, date)
    number = parse_day(day.isoformat())
    assert number is not None
    found = control(graph, ownership_test(document["test"]), EntityId(case["ask"]["entity"]), number)
    assert found.answer == case["answer"], found
    for name in ("steps", "gaps"):
        if name in case:
            assert [_shown(item, said) for item, said in zip(getattr(found, name), case[name], strict=True)] == case[
                name
            ]


def _shown(item: Any, said: dict[str, Any]) -> dict[str, Any]:
    """As much of a step or gap as the case speaks of."""
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    values["holders"] = [list(pair) for pair in values.get("holders", ())]
    return {key: values[key] for key in said}


def test_every_case_says_why() -> None:
    for path in CASES.glob("*.yaml"):
        for _, case in load(path):
            assert set(case) <= {"case", "because", "ask", "answer", "steps", "gaps"}
            assert case["because"]
