"""What counts as an answer, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import (
    Country,
    DataType,
    Durability,
    Effect,
    Finding,
    Layer,
    Limit,
    Mask,
    Mode,
    RowFilter,
    RowLimit,
    SubjectCountries,
    Unit,
    UnknownObligation,
    Verdict,
    Window,
)
from gateway.policy.result import parse_verdict

AT = 1_800_000_000


def finding(**changes: Any) -> dict[str, Any]:
    return {
        "rule": "house-x",
        "layer": "house",
        "mode": "enforce",
        "citation": "House policy",
        "message": "no",
        "fact": "employer.known",
        "value": False,
        "reason": "policy_denied",
        "remedy": "",
        **changes,
    }


def allow(**changes: Any) -> dict[str, Any]:
    return {
        "effect": "allow",
        "obligations": [],
        "findings": [],
        "cross_border": False,
        "durability": "written",
        "valid_until": None,
        "headroom": None,
        "limits": [],
        **changes,
    }


LIMIT = {
    "data_types": ["user.health_and_medical"],
    "subject_country": "US",
    "unit": "person",
    "window": "P12M",
    "max": 10_000,
    "mode": "enforce",
}


def deny(*findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return allow(effect="deny", findings=list(findings) or [finding()], durability="synced", **changes)


def parsed(raw: Any, valid_until: int = AT) -> Verdict:
    return parse_verdict(raw, valid_until=valid_until, revision="abc")


def refused(raw: Any) -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        parsed(raw)
    assert caught.value.reason is Reason.ENGINE_ANSWER_INVALID


def test_an_allow() -> None:
    assert parsed(allow(headroom=7)) == Verdict(
        effect=Effect.ALLOW,
        reason=Reason.ALLOWED,
        durability=Durability.WRITTEN,
        valid_until=AT,
        headroom=7,
        revision="abc",
    )


def test_limits_of_subjects_are_taken_as_the_rules_gave_them() -> None:
    verdict = parsed(allow(limits=[LIMIT, {**LIMIT, "window": "year", "unit": "device", "mode": "shadow"}]))
    first = Limit(
        data_types=(DataType("user.health_and_medical"),),
        subject_country=Country("US"),
        unit=Unit.PERSON,
        window=Window.TWELVE_MONTHS,
        most=10_000,
    )
    assert verdict.limits == (first, replace(first, window=Window.YEAR, unit=Unit.DEVICE, mode=Mode.SHADOW))


def test_a_denial_has_the_reason_of_its_first_enforced_finding() -> None:
    shadow = finding(mode="shadow")
    incomplete = finding(rule="house-y", reason="statement_incomplete")
    verdict = parsed(deny(shadow, incomplete, finding()))
    assert verdict.reason is Reason.STATEMENT_INCOMPLETE
    assert [found.rule for found in verdict.findings] == ["house-x", "house-y", "house-x"]
    assert verdict.findings[1] == Finding(
        rule="house-y",
        layer=Layer.HOUSE,
        mode=Mode.ENFORCE,
        citation="House policy",
        message="no",
        fact="employer.known",
        value=False,
        reason=Reason.STATEMENT_INCOMPLETE,
    )


def test_an_allow_may_carry_shadow_findings() -> None:
    verdict = parsed(allow(findings=[finding(mode="shadow")]))
    assert verdict.reason is Reason.ALLOWED
    assert verdict.findings[0].mode is Mode.SHADOW


def test_obligations_of_every_kind() -> None:
    raw = [
        {"kind": "mask", "relation": "public.users", "column": "phone", "method": "partial"},
        {"kind": "row_filter", "relation": "public.users", "predicate": "jp-only"},
        {"kind": "subject_countries", "relation": "public.users", "column": "country", "countries": ["TW", "JP", "TW"]},
        {"kind": "subject_countries", "relation": "public.users", "column": "country", "countries": []},
        {"kind": "row_limit", "rows": 10},
    ]
    assert parsed(allow(obligations=raw)).obligations == (
        Mask(relation="public.users", column="phone", method="partial"),
        RowFilter(relation="public.users", predicate="jp-only"),
        SubjectCountries(relation="public.users", column="country", countries=(Country("JP"), Country("TW"))),
        SubjectCountries(relation="public.users", column="country", countries=()),
        RowLimit(rows=10),
    )


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ({"kind": "approval", "by": "two"}, "approval"),
        ({"kind": "mask", "relation": "r", "column": "c", "method": "rot13"}, "mask rot13"),
    ],
)
def test_an_unknown_obligation_is_kept_as_one_nobody_can_fulfil(raw: dict[str, Any], name: str) -> None:
    assert parsed(allow(obligations=[raw])).obligations == (UnknownObligation(name=name),)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        (None, AT),
        ("2027-01-15T08:00:00Z", AT),  # AT is this moment
        ("2027-01-15T07:59:59Z", AT - 1),
        ("2099-01-01T00:00:00Z", AT),
        ("2027-01-15T16:59:58+09:00", AT - 2),
    ],
)
def test_the_earlier_end_counts(said: str | None, until: int) -> None:
    assert parsed(allow(valid_until=said)).valid_until == until


@pytest.mark.parametrize("field", sorted(allow()))
def test_a_missing_field_is_no_answer(field: str) -> None:
    for raw in (allow(), deny()):
        del raw[field]
        refused(raw)


@pytest.mark.parametrize("field", sorted(finding()))
def test_a_finding_without_a_field_is_no_answer(field: str) -> None:
    broken = finding()
    del broken[field]
    refused(deny(broken))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "<undefined>",
        True,
        [],
        {},
        allow(extra=1),
        allow(effect="permit"),
        allow(effect=True),
        allow(effect=None),
        allow(obligations={}),
        allow(obligations=["mask"]),
        allow(obligations=[{"kind": 1}]),
        allow(obligations=[{"relation": "r"}]),
        allow(obligations=[{"kind": "mask", "relation": "r", "column": "c"}]),
        allow(obligations=[{"kind": "mask", "relation": "r", "column": "", "method": "null"}]),
        allow(obligations=[{"kind": "mask", "relation": "r", "column": "c", "method": "null", "extra": 1}]),
        allow(obligations=[{"kind": "row_limit", "rows": -1}]),
        allow(obligations=[{"kind": "row_limit", "rows": True}]),
        allow(obligations=[{"kind": "row_filter", "relation": "r"}]),
        allow(obligations=[{"kind": "subject_countries", "relation": "r", "column": "c", "countries": "JP"}]),
        allow(obligations=[{"kind": "subject_countries", "relation": "r", "column": "c", "countries": ["Japan"]}]),
        allow(obligations=[{"kind": "subject_countries", "relation": "r", "countries": ["JP"]}]),
        allow(findings=None),
        allow(findings=["no"]),
        allow(findings=[finding()]),  # an enforced rule denied, and yet
        deny(finding(mode="shadow")),  # nobody denied, and yet
        allow(effect="deny"),
        deny(finding(extra=1)),
        deny(finding(rule="")),
        deny(finding(message="")),
        deny(finding(layer="custom")),
        deny(finding(mode="warn")),
        deny(finding(reason="internal")),
        deny(finding(reason="allowed")),
        deny(finding(remedy=None)),
        allow(cross_border="false"),
        allow(cross_border=0),
        allow(durability="none"),
        allow(valid_until="tomorrow"),
        allow(valid_until="2027-01-15T08:00:00"),
        allow(valid_until=AT),
        allow(headroom=-1),
        allow(limits={}),
        allow(limits=[{**LIMIT, "max": -1}]),
        allow(limits=[{**LIMIT, "max": True}]),
        allow(limits=[{**LIMIT, "data_types": []}]),
        allow(limits=[{**LIMIT, "data_types": "user.name"}]),
        allow(limits=[{**LIMIT, "subject_country": "us"}]),
        allow(limits=[{**LIMIT, "unit": "household"}]),
        allow(limits=[{**LIMIT, "window": "P1D"}]),
        allow(limits=[{**LIMIT, "mode": "off"}]),
        allow(limits=[{**LIMIT, "rule": "us-bulk"}]),
        allow(limits=[{key: value for key, value in LIMIT.items() if key != "window"}]),
        allow(headroom=1.5),
        allow(headroom="7"),
        allow(headroom=True),
    ],
)
def test_what_is_not_exactly_the_shape_is_no_answer(raw: Any) -> None:
    refused(raw)
