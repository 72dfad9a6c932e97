"""Which decisions are wanted, and that nothing of others is shown."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.inquiry import Looking, Reading
from gateway.reports.decisions import Wanted, shown

ENTRY: dict[str, Any] = {
    "kind": "decision",
    "at_us": 5_000_000,
    "decision_id": "d-1",
    "effect": "deny",
    "reason": "policy_denied",
    "origin": ["CN"],
    "principal": {"id": "https://id#li", "groups": ["secret"]},
    "employer": {"entity": "shanghai", "chain": []},
    "location": {"countries": ["CN"]},
    "statement": {"kind": "select", "text": "SELECT ?", "hash": "h", "relations": ["public.users"]},
    "obligations": [{"kind": "mask", "column": "x"}],
    "findings": [{"rule": "r", "layer": "law", "mode": "enforce"}],
}


def wanted(*, entity: str | None = None, principal: str | None = None, **changes: Any) -> Wanted:
    return Wanted(reading=Reading(what=Looking.DECISIONS, entity=entity, principal=principal), **changes)


@pytest.mark.parametrize(
    ("one", "fits"),
    [
        (wanted(), True),
        (wanted(entity="shanghai"), True),
        (wanted(entity="tokyo"), False),
        (wanted(principal="https://id#li"), True),
        (wanted(principal="https://id#wang"), False),
        (wanted(country="CN", rule="r", effect="deny", decision_id="d-1"), True),
        (wanted(country="JP"), False),
        (wanted(rule="q"), False),
        (wanted(effect="allow"), False),
        (wanted(decision_id="d-2"), False),
    ],
)
def test_what_fits_is_what_was_asked_for(one: Wanted, fits: bool) -> None:
    assert one.fits(ENTRY) is fits


def test_what_is_about_nobody_known_is_in_no_reading_about_an_entity() -> None:
    refusal: dict[str, Any] = {"kind": "refusal", "at_us": 1, "principal": None}
    assert wanted().fits(refusal)
    assert not wanted(entity="shanghai").fits(refusal)


@pytest.mark.parametrize("entry", [{}, {"kind": "repeat"}, {"kind": "decision"}, {"kind": "decision", "at_us": "1"}])
def test_what_is_no_decision_never_fits(entry: dict[str, Any]) -> None:
    assert not wanted().fits(entry)


def test_what_is_shown_has_no_more_than_it_says() -> None:
    told = shown("gateway", 7, ENTRY)
    assert (told["writer"], told["seq"], told["principal"], told["entity"]) == (
        "gateway",
        7,
        "https://id#li",
        "shanghai",
    )
    assert told["statement"] == {
        "kind": "select", "effect": None, "text": "SELECT ?", "relations": ["public.users"], "incomplete": None
    }  # fmt: skip
    assert (told["obligations"], told["rules"][0]["rule"]) == (["mask"], "r")
    assert "secret" not in repr(told)
    assert shown("gateway", 1, {})["decision_id"] is None
