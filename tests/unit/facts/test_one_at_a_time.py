"""One entry about a thing is in force at a time; what clashes is a problem with its line, and left out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.facts.fields import Problems, Section
from gateway.facts.one_at_a_time import OneAtATime
from gateway.facts.period import Period
from gateway.facts.yaml_tree import read_tree


@dataclass(frozen=True)
class Dated:
    period: Period
    line: int


def kept(*entries: tuple[str, Period]) -> tuple[list[int], list[str]]:
    problems = Problems()
    found: OneAtATime[Dated] = OneAtATime()
    section = Section(read_tree(b"id: a\n"), "f.yaml", problems)
    for line, (about, period) in enumerate(entries, start=1):
        found.add(section, about, Dated(period, line), says="otherwise", of=about)
    return [one.line for one in found], [problem.partition(": ")[2] for problem in problems.listed()]


def test_one_after_the_other_and_beside_another_thing() -> None:
    assert kept(("JP", Period(0, 10)), ("KR", Period(5, 15)), ("JP", Period(10, None))) == ([1, 3, 2], [])


@pytest.mark.parametrize("second", [Period(9, 12), Period(None, 1), Period(), Period(2, 3)])
def test_two_at_a_time(second: Period) -> None:
    assert kept(("JP", Period(0, 10)), ("JP", second)) == ([1], ["line 1 says otherwise"])


def test_no_more_than_so_many() -> None:
    lines, problems = kept(*(("JP", Period(day, day + 1)) for day in range(101)))
    assert len(lines) == 100
    assert problems == ["more than 100 entries about JP"]
