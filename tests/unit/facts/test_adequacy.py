import pytest

from gateway.facts.adequacy import adequacy_on, read_adequacy
from gateway.facts.period import parse_day
from tests.unit.facts.world import section

TEXT = """\
adequacy:
  - {regime: uk, country: KR, accepted: true, from: 2022-12-19, citation: SI 2022/1213}
  - {regime: eu, country: KR, accepted: true, scope: PIPA, excluded_data_types: [user.financial], from: 2021-12-17,
     to: 2030-01-01, citation: (EU) 2022/254}
  - {regime: eu, country: KR, accepted: false, from: 2030-01-01, citation: "not renewed"}
"""


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("2021-12-16", []),
        ("2021-12-17", [("eu", True, "PIPA", ("user.financial",))]),
        ("2022-12-19", [("eu", True, "PIPA", ("user.financial",)), ("uk", True, "", ())]),
        ("2030-01-01", [("eu", False, "", ()), ("uk", True, "", ())]),
    ],
)
def test_entries_in_force(on: str, found: list[object]) -> None:
    root, problems = section(TEXT)
    recognised = read_adequacy(root)
    assert problems.listed() == []
    day = parse_day(on)
    assert day is not None
    entries = adequacy_on(recognised, day)
    assert [(one.regime, one.accepted, one.scope, one.excluded_data_types) for one in entries] == found
    assert all(one.country == "KR" and one.citation for one in entries)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("adequacy: [{regime: ue, country: KR, accepted: true, citation: x}]", "'regime' must be one of"),
        ("adequacy: [{regime: eu, country: UK, accepted: true, citation: x}]", "'country' is not an ISO 3166-1"),
        ("adequacy: [{regime: eu, country: KR, citation: x}]", "'accepted' is missing"),
        ("adequacy: [{regime: eu, country: KR, accepted: true}]", "'citation' is missing"),
        ("adequacy: [{regime: eu, country: KR, accepted: true, citation: x, until: 2020-01-01}]", "unknown key"),
        (
            "adequacy: [{regime: eu, country: KR, accepted: true, citation: x},"
            " {regime: eu, country: KR, accepted: false, from: 2030-01-01, citation: y}]",
            "line 1 says something of KR for the same time",
        ),
        ("other: []", "'adequacy' is missing"),
    ],
)
def test_odd_entry_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_adequacy(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()


def test_one_country_is_not_recognised_anew_without_end() -> None:
    entry = "{{regime: eu, country: KR, accepted: true, citation: x, from: {0}-01-01, to: {0}-06-01}}"
    root, problems = section("adequacy: [" + ", ".join(entry.format(year) for year in range(1800, 1901)) + "]")
    read_adequacy(root)
    assert problems.listed() == ["test.yaml:1: more than 100 entries about KR"]
