"""Case files: what is laid over what, and every problem in one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.policy.cases import content_of, document, read_cases

PEOPLE = """
common: {a: 1, deep: {b: 2, c: [1, 2]}}
people: {li: {deep: {b: 3}}}
statements: {users: {what: users}}
"""


def written(folder: Path, text: str, name: str = "one.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        read_cases([written(folder, text)])
    return list(told.value.problems)


def test_a_case_is_laid_over_the_people_beside_it(tmp_path: Path) -> None:
    written(tmp_path, PEOPLE, "people.yaml")
    path = written(
        tmp_path,
        "cases:\n  - {case: first, basis: why, who: li, what: users,"
        " set: {deep.c.1: 9}, remove: [a], expect: {rules: []}}",
    )
    (case,) = read_cases([path])
    assert (case.id, case.basis, case.fits_schema) == ("one: first", "why", True)
    assert case.document == {"deep": {"b": 3, "c": [1, 9]}, "what": "users"}


def test_a_file_may_add_people_and_change_what_is_common(tmp_path: Path) -> None:
    written(tmp_path, PEOPLE, "others.yaml")
    path = written(tmp_path, "from: others.yaml\ncommon: {a: 5}\npeople: {kim: {who: kim}}\ncases: []")
    content = content_of(path)
    assert document(content, "kim", "users") == {"a": 5, "deep": {"b": 2, "c": [1, 2]}, "who": "kim", "what": "users"}


def test_a_file_that_stands_alone_gives_whole_inputs(tmp_path: Path) -> None:
    path = written(tmp_path, "cases:\n  - {case: none, input: [1], fits_schema: false, expect: {only: x}}")
    (case,) = read_cases([path])
    assert (case.document, case.fits_schema) == ([1], False)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cases: [{who: li}]", "case 1 has no name"),
        ("cases: [{case: x, input: {}, expect: {effect: deny}}]", "must say which 'rules' speak"),
        ("cases: [{case: x, input: {}, expct: {}, expect: {rules: []}}]", "unknown key 'expct'"),
        ("cases: [{case: x, input: {}, expect: {rules: [], efect: deny}}]", "unknown key 'efect'"),
        (
            "cases: [{case: x, who: nobody, what: users, expect: {rules: []}}]",
            "'who: nobody' is not among the people of this file",
        ),
        ("cases: [{case: x, who: li, what: users, expect: {rules: []}}]", "it has none; is people.yaml beside it"),
        (
            "people: {li: {}}\nstatements: {a: {}}\ncases: [{case: x, who: li, what: b, expect: {rules: []}}]",
            "there are a",
        ),
        ("cases: [{case: x, input: {}, set: {a.b: 1}, expect: {rules: []}}]", "there is no a"),
        ("case: []", "unknown key 'case'"),
        ("[]", "must hold a mapping"),
        ("cases: [", "not YAML"),
        ("cases: &x [{case: a, input: 1, expect: {rules: []}}, {case: a, input: 1, expect: {rules: []}}]", "two cases"),
    ],
)
def test_every_problem_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    assert any(problem in one for one in problems(tmp_path, text))


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_cases([tmp_path / "nothing.yaml"])
