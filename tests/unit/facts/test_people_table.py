from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts.fields import Problems
from gateway.facts.people_table import COLUMNS, read_people_table
from gateway.facts.registry import load_registry
from gateway.model import Answer, PrincipalId, Stay
from tests.unit.facts.world import write_registry

HEAD = ",".join(COLUMNS) + "\n"
KIM = "https://i,kim,Kim,shop,2020-01-01,2021-01-01,,KR,trip,2020-05-01,a b a,true\n"
AGAIN = "https://i,kim,Kim,helper,2021-01-01,,c1,KR,trip,2020-05-01,a b a,true\n"


def read(text: str) -> tuple[list[object], list[str]]:
    problems = Problems()
    return list(read_people_table(text.encode(), problems)), problems.listed()


def test_rows_of_one_person_are_employments(tmp_path: Path) -> None:
    write_registry(tmp_path)
    (tmp_path / "people.csv").write_text(HEAD + KIM.replace(",true", ",yes") + AGAIN.replace(",true", ",yes"))
    person = load_registry(tmp_path).people[PrincipalId("https://i#kim")]
    assert [(job.entity, job.contract) for job in person.employments] == [("shop", None), ("helper", "c1")]
    assert (person.residence, person.stay, person.groups, person.us_person) == ("KR", Stay.TRIP, ("a", "b"), Answer.YES)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (KIM, "people.csv:2: 'us_person' is none of the words that it may be"),
        (KIM.replace("KR", "UK"), "people.csv:2: 'residence' is not an ISO 3166-1"),
        (KIM.replace("2020-05-01", ""), "people.csv:2: a trip needs 'stay_until'"),
        (KIM.replace("trip", "holiday"), "people.csv:2: 'stay' is none of the words"),
        (KIM.replace("2021-01-01", "2019-01-01"), "people.csv:2: 'to' must be later"),
        (KIM.replace("2020-01-01", "2020"), "people.csv:2: 'from' is not a date"),
        (KIM.replace("shop", ""), "people.csv:2: 'from', 'to' and 'contract' belong to an employment"),
        (KIM.replace("Kim", ""), "people.csv:2: 'name' is missing"),
        (KIM.replace("Kim", " Kim"), "people.csv:2: 'name' must be printable"),
        (KIM + AGAIN.replace("KR", "JP"), "people.csv:3: another row of the same person says otherwise"),
        ("a,b\n", "people.csv:2: 2 fields, where 12 are wanted"),
    ],
)
def test_odd_row_is_a_problem_with_its_line(row: str, problem: str) -> None:
    _, problems = read(HEAD + row)
    assert any(listed.startswith(problem) for listed in problems), problems


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("https://i,kim,Kim,nobody,,,,,,,,\n", "people.csv:2: 'nobody' is not an entity of the registry"),
        ("https://i,kim,Kim,shop,,,c1,,,,,\n", "people.csv:2: contract 'c1' is none with 'shop'"),
        ("https://i,kim,Kim,helper,,,c9,,,,,\n", "people.csv:2: contract 'c9' is none with 'helper'"),
        ("https://id.test.example,ann,Ann,shop,,,,,,,,\n", "people.csv: https://id.test.example#ann is in people.yaml"),
    ],
)
def test_what_the_rest_of_the_registry_does_not_know_is_a_problem(tmp_path: Path, row: str, problem: str) -> None:
    write_registry(tmp_path)
    (tmp_path / "people.csv").write_text(HEAD + row)
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    assert caught.value.problems[0].startswith(f"{tmp_path.name}/{problem}")


def test_no_file_is_nobody() -> None:
    assert read("") == ([], [])
