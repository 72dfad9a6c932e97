import pytest

from gateway.facts.people import by_identity, read_people
from gateway.facts.period import parse_day
from gateway.model import PrincipalId, Stay
from tests.unit.facts.world import section

TRIP = """\
people:
  - issuer: https://i
    subject: s
    name: S
    residence: JP
    stay: trip
    stay_until: 2026-02-01
    groups: [a, b]
    employments:
      - {entity: one, from: 2020-01-01, to: 2025-01-01}
      - {entity: two, from: 2025-01-01}
"""


def test_person_is_read_by_issuer_and_subject() -> None:
    root, problems = section(TRIP)
    people = by_identity(read_people(root))
    assert problems.listed() == []
    person = people[PrincipalId("https://i#s")]
    assert (person.name, person.residence, person.groups) == ("S", "JP", ("a", "b"))
    assert [job.entity for job in person.employments] == ["one", "two"]
    assert len(list(person.edges())) == 4


def test_trip_ends_as_unknown() -> None:
    person = read_people(section(TRIP)[0])[0]
    end = parse_day("2026-02-01")
    assert end is not None
    assert person.stay_on(end - 1) is Stay.TRIP
    assert person.stay_on(end) is Stay.UNKNOWN


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("people: [{issuer: i, subject: s, name: N, employments: [], stay: trip}]", "a trip needs 'stay_until'"),
        (
            "people: [{issuer: i, subject: s, name: N, employments: [], stay_until: 2020-01-01}]",
            "'stay_until' belongs to a trip",
        ),
        ("people: [{issuer: i, subject: s, name: N}]", "'employments' is missing"),
        ("people: [{issuer: i, subject: s, name: N, employments: [], nick: n}]", "unknown key 'nick'"),
        ("people: [{issuer: i, subject: s, name: N, employments: [{from: 2020-01-01}]}]", "'entity' is missing"),
        ("persons: []", "'people' is missing"),
    ],
)
def test_odd_person_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_people(root)
    assert f"test.yaml:1: {problem}" in problems.listed()


def test_person_registered_twice_is_a_problem() -> None:
    one = "  - {issuer: i, subject: s, name: N, employments: []}\n"
    root, problems = section("people:\n" + one + one)
    read_people(root)
    assert problems.listed() == ["test.yaml:3: the same issuer and subject is registered a second time"]


def test_identities_are_one_person() -> None:
    text = """\
people:
  - identities:
      - {issuer: "https://i", subject: s}
      - {issuer: "https://mesh", subject: "spiffe://example/ns/a/sa/b"}
    name: S
    us_person: "yes"
    employments: [{entity: one, contract: c1}]
"""
    root, problems = section(text)
    people = by_identity(read_people(root))
    assert problems.listed() == []
    person = people[PrincipalId("https://mesh#spiffe://example/ns/a/sa/b")]
    assert person is people[PrincipalId("https://i#s")]
    assert person.us_person == "yes"
    assert person.employments[0].contract == "c1"


def test_an_identity_is_somebodys_alone() -> None:
    text = """\
people:
  - {issuer: i, subject: s, name: S, employments: [], identities: [{issuer: j, subject: t}]}
  - {issuer: j, subject: t, name: T, employments: []}
"""
    root, problems = section(text)
    read_people(root)
    assert problems.listed() == ["test.yaml:3: the same issuer and subject is registered a second time"]
