import pytest

from gateway.facts.notices import agreements_on, disclosures_on, read_agreements, read_notices
from gateway.facts.period import parse_day
from gateway.model import EntityId
from tests.unit.facts.world import section

NOTICES = """\
notices:
  - id: old
    controller: shop
    from: 2021-03-31
    to: 2022-04-01
    disclosures:
      - {country: KR, data_types: [user.payment], consent: false}
  - id: new
    controller: shop
    from: 2022-04-01
    disclosures:
      - {country: KR, entities: [b, a], data_types: [user.payment, user.name], consent: true}
      - {country: US, data_types: [user.payment], consent: true}
  - id: other
    controller: elsewhere
    disclosures:
      - {country: CN, data_types: [user], consent: true}
"""

AGREEMENTS = """\
agreements:
  - {id: e1, kind: equivalent_system, controller: shop, entity: a, from: 2025-01-01, to: 2027-01-01,
     last_check: 2026-01-01, foreign_law_risk: noted}
  - {id: e2, kind: scc, controller: elsewhere, entity: a, foreign_law_risk: none}
"""


def day(text: str) -> int:
    found = parse_day(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("2021-03-30", []),
        ("2021-03-31", [("old", "KR", False)]),
        ("2022-03-31", [("old", "KR", False)]),
        ("2022-04-01", [("new", "KR", True), ("new", "US", True)]),
        ("2030-01-01", [("new", "KR", True), ("new", "US", True)]),
    ],
)
def test_notice_in_force_on_the_day(on: str, told: list[tuple[str, str, bool]]) -> None:
    root, problems = section(NOTICES)
    notices = read_notices(root)
    assert problems.listed() == []
    found = disclosures_on(notices, EntityId("shop"), day(on))
    assert [(item.notice, item.country, item.consent) for item in found] == told


def test_disclosure_keeps_entities_and_types_sorted() -> None:
    found = disclosures_on(read_notices(section(NOTICES)[0]), EntityId("shop"), day("2026-01-01"))
    assert found[0].entities == ("a", "b")
    assert found[0].data_types == ("user.name", "user.payment")
    assert found[1].entities == ()


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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "notices: [{id: a, controller: c, disclosures: [{data_types: [user], consent: true}]}]",
            "'country' is missing",
        ),
        ("notices: [{id: a, controller: c, disclosures: [{country: KR, consent: true}]}]", "'data_types' is missing"),
        (
            "notices: [{id: a, controller: c, disclosures: [{country: KR, data_types: [], consent: true}]}]",
            "'data_types' names nothing",
        ),
        ("notices: [{id: a, controller: c, disclosures: [{country: KR, data_types: [user]}]}]", "'consent' is missing"),
        ("notices: [{id: a, controller: c}]", "'disclosures' is missing"),
        ("notices: [{id: a, controller: c, disclosures: []}, {id: a, controller: c, disclosures: []}]", "notice 'a'"),
    ],
)
def test_odd_notice_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_notices(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()


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
    ],
)
def test_odd_agreement_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_agreements(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()
