"""The documents of Trino's OPA access control, as golden cases: what is understood of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.doors.trino import Resource, facts_for, read_action
from gateway.errors import Reason, SekishoError
from gateway.model import Confidence
from gateway.yaml_text import load_yaml

CASES = load_yaml((Path(__file__).parent / "trino" / "requests.yaml").read_text())


@pytest.mark.parametrize("case", CASES["cases"], ids=[case["case"] for case in CASES["cases"]])
def test_what_trino_asks_is_understood(case: dict[str, Any]) -> None:
    action = read_action(case["input"])
    resource = action.resources[0] if action.resources else Resource()
    facts = facts_for(action.operation, resource)
    expect = case["expect"]
    assert (action.user, resource.catalog, facts.confidence) == ("sato", expect["catalog"], Confidence.DECLARED)
    assert facts.incomplete == expect.get("incomplete")
    assert facts.complete is ("incomplete" not in expect)
    if facts.complete:
        assert (facts.effect, list(facts.relations)) == (expect["effect"], expect["relations"])
        for use in ("output", "write_target"):
            assert [one.column for one in facts.columns if one.use == use] == expect.get(use, []), use


@pytest.mark.parametrize("document", CASES["refused"], ids=str)
def test_what_is_no_request_of_trino_s_is_refused(document: Any) -> None:
    with pytest.raises(SekishoError) as caught:
        read_action(document)
    assert caught.value.reason is Reason.REQUEST_INVALID
