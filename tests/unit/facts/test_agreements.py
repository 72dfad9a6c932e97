import pytest

from gateway.facts.agreements import agreements_on, read_agreements
from gateway.facts.period import parse_day
from gateway.model import EntityId
from tests.unit.facts.world import section

AGREEMENTS = """\
agreements:
  - {id: e1, kind: equivalent_system, controller: shop, entity: a, from: 2025-01-01, to: 2027-01-01,
     last_check: 2026-01-01, foreign_law_risk: noted}
  - {id: e3, kind: certification, scheme: dpf, controller: shop, entity: b, from: 2030-01-01, foreign_law_risk: none,
     data_types: [user.payment, user.name], onward_ban: true, tia: {date: 2030-02-01, outcome: effective}}
  - {id: e4, kind: no_handling, controller: shop, entity: b, from: 2030-01-01, to: 2030-01-10, foreign_law_risk: none,
     access_control: true}
  - {id: e2, kind: scc, controller: elsewhere, entity: a, foreign_law_risk: none}
"""


def day(text: str) -> int:
    found = parse_day(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("on", "ages"),
    [("2024-12-31", []), ("2025-12-31", [None]), ("2026-01-01", [0]), ("2026-02-01", [31]), ("2027-01-01", [])],
)
def test_agreement_in_force_with_the_age_of_its_last_check(on: str, ages: list[int | None]) -> None:
    root, problems = section(AGREEMENTS)
    agreed = read_agreements(root)
    assert problems.listed() == []
    found = agreements_on(agreed, EntityId("shop"), day(on))
    assert [item.last_check_age_days for item in found] == ages
    assert all((item.id, item.kind, item.foreign_law_risk) == ("e1", "equivalent_system", "noted") for item in found)


def test_edges_hold_the_last_check() -> None:
    assert len(list(read_agreements(section(AGREEMENTS)[0])[0].edges())) == 3


def test_what_it_is_about_and_its_assessment() -> None:
    agreed = read_agreements(section(AGREEMENTS)[0])
    (before,) = [one for one in agreements_on(agreed, EntityId("shop"), day("2030-01-31")) if one.id == "e3"]
    assert (before.scheme, before.data_types) == ("dpf", ("user.name", "user.payment"))
    assert (before.onward_ban, before.access_control) == (True, None)
    # an assessment is none before the day it was made
    assert (before.tia_age_days, before.tia_outcome) == (None, None)
    (after,) = [one for one in agreements_on(agreed, EntityId("shop"), day("2030-02-03")) if one.id == "e3"]
    assert (after.tia_age_days, after.tia_outcome) == (2, "effective")
    (cloud,) = [one for one in agreements_on(agreed, EntityId("shop"), day("2030-01-09")) if one.id == "e4"]
    assert (cloud.kind, cloud.access_control) == ("no_handling", True)
    assert [day("2030-02-01")] == list(next(one for one in agreed if one.id == "e3").counted_from())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "agreements: [{id: a, kind: pact, controller: c, entity: e, foreign_law_risk: none}]",
            "'kind' must be one of",
        ),
        ("agreements: [{id: a, kind: scc, controller: c, entity: e}]", "'foreign_law_risk' is missing"),
        ("agreements: [{id: a, kind: scc, controller: c, foreign_law_risk: none}]", "'entity' is missing"),
        (
            "agreements: [{id: a, kind: scc, controller: c, entity: e, foreign_law_risk: none, checked: 2020-01-01}]",
            "unknown key 'checked'",
        ),
        (
            "agreements: [{id: a, kind: certification, controller: c, entity: e, foreign_law_risk: none}]",
            "a certification needs 'scheme'",
        ),
        (
            "agreements: [{id: a, kind: scc, scheme: dpf, controller: c, entity: e, foreign_law_risk: none}]",
            "'scheme' belongs to a certification",
        ),
        (
            "agreements: [{id: a, kind: no_handling, controller: c, entity: e, foreign_law_risk: none}]",
            "'access_control' is missing",
        ),
        (
            "agreements: [{id: a, kind: scc, access_control: true, controller: c, entity: e, foreign_law_risk: none}]",
            "'access_control' belongs to no_handling",
        ),
        (
            "agreements: [{id: a, kind: scc, controller: c, entity: e, foreign_law_risk: none, tia: {outcome: good}}]",
            "'date' is missing",
        ),
        (
            "agreements: [{id: a, kind: scc, controller: c, entity: e, foreign_law_risk: none,"
            " tia: {date: 2020-01-01, outcome: good}}]",
            "'outcome' must be one of: effective, ineffective",
        ),
    ],
)
def test_odd_agreement_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_agreements(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()
