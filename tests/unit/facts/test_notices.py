import pytest

from gateway.facts.notices import claims_on, disclosures_on, read_notices
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
  - id: announced
    kind: announcement
    controller: shop
    from: 2021-03-23
    claims:
      - {claim: stored_only_in, countries: [JP], data_types: [user.content], subject_countries: [JP], from: 2021-10-01}
      - {claim: accessed_only_from, countries: [KR, JP], data_types: [user], to: 2024-01-01}
  - id: other
    controller: elsewhere
    disclosures:
      - {country: CN, data_types: [user], consent: true}
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


@pytest.mark.parametrize(
    ("on", "claimed"),
    [
        ("2021-03-22", []),
        ("2021-03-23", [("accessed_only_from", ("JP", "KR"), ("user",), ())]),
        (
            "2021-10-01",
            [
                ("stored_only_in", ("JP",), ("user.content",), ("JP",)),
                ("accessed_only_from", ("JP", "KR"), ("user",), ()),
            ],
        ),
        ("2024-01-01", [("stored_only_in", ("JP",), ("user.content",), ("JP",))]),
    ],
)
def test_claim_counts_on_its_own_days_within_the_announcements(on: str, claimed: list[object]) -> None:
    root, problems = section(NOTICES)
    notices = read_notices(root)
    assert problems.listed() == []
    found = claims_on(notices, EntityId("shop"), day(on))
    assert [(item.claim, item.countries, item.data_types, item.subject_countries) for item in found] == claimed
    assert all(item.notice == "announced" for item in found)
    assert claims_on(notices, EntityId("elsewhere"), day(on)) == ()


def test_edges_hold_those_of_claims() -> None:
    (announced,) = [one for one in read_notices(section(NOTICES)[0]) if one.id == "announced"]
    assert sorted(announced.edges()) == [day("2021-03-23"), day("2021-10-01"), day("2024-01-01")]


def test_disclosure_keeps_entities_and_types_sorted() -> None:
    found = disclosures_on(read_notices(section(NOTICES)[0]), EntityId("shop"), day("2026-01-01"))
    assert found[0].entities == ("a", "b")
    assert found[0].data_types == ("user.name", "user.payment")
    assert found[1].entities == ()


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
        ("notices: [{id: a, kind: rumour, controller: c, disclosures: []}]", "'kind' must be one of"),
        (
            "notices: [{id: a, controller: c, claims: [{claim: stored_in, countries: [JP], data_types: [user]}]}]",
            "'claim' must be one of",
        ),
        (
            "notices: [{id: a, controller: c, claims: [{claim: stored_only_in, countries: [], data_types: [user]}]}]",
            "'countries' names nothing",
        ),
        (
            "notices: [{id: a, controller: c, claims: [{claim: stored_only_in, countries: [JP]}]}]",
            "'data_types' is missing",
        ),
        (
            "notices: [{id: a, kind: announcement, controller: c,"
            " disclosures: [{country: KR, data_types: [user], consent: true}]}]",
            "nobody consents to an announcement",
        ),
        ("notices: [{id: a, controller: c, disclosures: []}, {id: a, controller: c, disclosures: []}]", "notice 'a'"),
    ],
)
def test_odd_notice_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_notices(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()
