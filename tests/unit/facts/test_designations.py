import pytest

from gateway.facts.designations import designated_on, read_designations
from gateway.facts.period import parse_day
from tests.unit.facts.world import section

TEXT = "designations: [telecom, {as: ciio, from: 2024-01-01, to: 2026-01-01}, {as: ciio, from: 2027-01-01}]"


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ("2023-12-31", ("telecom",)),
        ("2024-01-01", ("ciio", "telecom")),
        ("2026-01-01", ("telecom",)),
        ("2027-01-01", ("ciio", "telecom")),
    ],
)
def test_words_in_force(on: str, words: tuple[str, ...]) -> None:
    root, problems = section(TEXT)
    found = read_designations(root)
    root.done()
    assert problems.listed() == []
    day = parse_day(on)
    assert day is not None
    assert designated_on(found, day) == words


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("designations: [cio]", "'cio' in 'designations' must be one of"),
        ("designations: [{as: cio}]", "'cio' in 'designations' must be one of"),
        ("designations: [{from: 2024-01-01}]", "'as' is missing"),
        ("designations: [{as: ciio, form: 2024-01-01}]", "unknown key 'form'"),
        ("designations: ciio", "'designations' must be a list"),
        ("designations: [[ciio]]", "'designations' must be a text"),
    ],
)
def test_odd_designation_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_designations(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()


def test_none_is_none() -> None:
    root, problems = section("name: x")
    assert read_designations(root) == ()
    assert problems.listed() == []
