"""Counts of people: never too low, over windows that are never too short, and what is reserved of a limit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.facts.subjects import Bound, Cost, Kind, Owner, Watch
from gateway.facts.tally import Full, Room, SubjectTally, Used, first_month, month_of, rows_within
from gateway.model import Country, DataType, EntityId, Unit

KIND = Kind(DataType("user.name"), Country("JP"), Unit.PERSON)
OWNER = Owner(EntityId("line-jp"), EntityId("line-cn"))
WATCH = Watch(0, "main:users", (KIND,))
KEYED = Cost(per_row={KIND: 1}, keyed={KIND: 1}, watches=(WATCH,))
PLAIN = Cost(per_row={KIND: 1})
WHOLE = Cost(once={KIND: 40})


def at(year: int, month: int, day: int = 15) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


NOW = at(2026, 11)


def bound(most: int, cost: Cost = PLAIN, *, year: bool = False) -> Bound:
    return Bound((KIND,), year, most, cost.per_row.get(KIND, 0), cost.once.get(KIND, 0))


def hashes(*numbers: int) -> frozenset[bytes]:
    return frozenset((number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big") for number in numbers)


def show(tally: SubjectTally, cost: Cost, rows: int, *numbers: int, moment: int = NOW) -> None:
    values = ((WATCH.kinds, hashes(*numbers)),) if numbers else ()
    room = tally.reserve(OWNER, cost, (), moment, None)
    assert isinstance(room, Room)
    tally.settle(room, cost, OWNER, Used(rows, rows - len(numbers) if numbers else rows, values), moment)


def subjects(tally: SubjectTally, moment: int = NOW) -> tuple[int, int, int]:
    (count,) = tally.counts(OWNER, [KIND], moment)
    return count.subjects, count.subjects_this_year, count.rows


def test_rows_without_a_key_add_up_and_keys_are_one_each():
    tally = SubjectTally()
    show(tally, PLAIN, 5)
    for _ in range(3):
        show(tally, KEYED, 4, 1, 2, 3, 4)
    show(tally, KEYED, 2, 4, 5)
    assert subjects(tally) == (10, 10, 19)


def test_an_aggregate_counts_once_however_many_rows():
    tally = SubjectTally()
    show(tally, WHOLE, 3)
    assert subjects(tally) == (40, 40, 3)


def test_a_row_that_shows_no_key_is_one_more():
    tally = SubjectTally()
    tally.settle(Room("1", None), KEYED, OWNER, Used(3, 1, ((WATCH.kinds, hashes(1, 2)),)), NOW)
    assert subjects(tally) == (3, 3, 3)


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        (at(2026, 2, 1), (2, 1)),  # the month of a year ago counts whole
        (at(2026, 2, 28), (2, 1)),
        (at(2026, 3, 1), (1, 1)),
        (at(2027, 1, 31), (1, 0)),
        (at(2027, 2, 1), (0, 0)),
    ],
)
def test_the_window_is_never_too_short(moment: int, found: tuple[int, int]):
    tally = SubjectTally()
    show(tally, KEYED, 1, 1, moment=at(2025, 2, 28))
    show(tally, KEYED, 1, 2, moment=at(2026, 1, 1))
    assert subjects(tally, moment)[:2] == found


def test_the_same_person_in_two_months_is_one():
    tally = SubjectTally()
    for month in (1, 5, 9):
        show(tally, KEYED, 2, 1, month, moment=at(2026, month))
        subjects(tally, at(2026, month))
    assert subjects(tally)[0] == 3
    show(tally, KEYED, 1, 77)
    assert subjects(tally)[0] == 4


def test_what_no_window_reaches_is_forgotten():
    tally = SubjectTally()
    for month in range(1, 13):
        show(tally, PLAIN, 1, moment=at(2024, month))
        show(tally, PLAIN, 1, moment=at(2026, month))
    assert len(tally.snapshot()["counts"]) == 12  # type: ignore[arg-type]


def test_months():
    assert month_of(at(2026, 1, 1)) - month_of(at(2025, 12, 31)) == 1
    assert first_month(at(2026, 11), year=True) == month_of(at(2026, 1))
    assert first_month(at(2026, 11), year=False) == month_of(at(2025, 11))


@given(st.sets(st.integers(0, 2**40), max_size=3000))
def test_the_count_is_hardly_ever_below_and_close(numbers: set[int]):
    tally = SubjectTally()
    show(tally, KEYED, len(numbers), *numbers)
    assert len(numbers) <= subjects(tally)[0] + len(numbers) * 0.002 <= len(numbers) * 1.08 + 1


def test_what_is_left_is_the_row_limit_and_is_given_back():
    tally = SubjectTally()
    room = tally.reserve(OWNER, PLAIN, [bound(50)], NOW, None)
    assert room == Room("1", 50)
    assert isinstance(room, Room)
    assert tally.reserve(OWNER, PLAIN, [bound(50)], NOW, None) == Full(50, 0, 50)
    tally.settle(room, PLAIN, OWNER, Used(20, 20), NOW)
    assert tally.reserve(OWNER, PLAIN, [bound(50)], NOW, None) == Room("2", 30)


def test_the_smallest_of_several_limits_is_the_row_limit():
    tally = SubjectTally()
    assert tally.reserve(OWNER, PLAIN, [bound(50), bound(9, year=True)], NOW, None) == Room("1", 9)


def test_an_aggregate_fits_or_does_not():
    tally = SubjectTally()
    assert tally.reserve(OWNER, WHOLE, [bound(39, WHOLE)], NOW, None) == Full(39, 0, 0)
    assert tally.reserve(OWNER, WHOLE, [bound(40, WHOLE)], NOW, None) == Room("1", None)
    assert isinstance(tally.reserve(OWNER, WHOLE, [bound(79, WHOLE)], NOW, None), Full)


def test_another_employer_has_counts_of_its_own():
    tally = SubjectTally()
    tally.reserve(OWNER, PLAIN, [bound(50)], NOW, None)
    other = Owner(OWNER.controller, EntityId("another"))
    assert tally.reserve(other, PLAIN, [bound(50)], NOW, None) == Room("2", 50)


@given(st.integers(0, 10**7), st.integers(1, 5))
def test_row_limits_are_few_and_near_to_what_is_left(free: int, per_row: int):
    rows = rows_within(free, per_row, None)
    assert rows * per_row <= free
    assert rows >= free // per_row * 31 // 32
    assert rows_within(free, per_row, rows) == rows
    assert len(f"{rows:b}".rstrip("0")) <= 6


def test_a_text_keeps_its_row_limit_while_it_may():
    assert rows_within(900, 1, 500) == 500
    assert rows_within(400, 1, 500) == 400


def test_counts_come_back_and_reservations_do_not():
    tally = SubjectTally()
    show(tally, KEYED, 3, 1, 2, 3)
    show(tally, PLAIN, 4)
    tally.reserve(OWNER, PLAIN, [bound(50)], NOW, None)
    again = SubjectTally.restore(json.loads(json.dumps(tally.snapshot())))
    assert again.snapshot() == tally.snapshot()
    show(again, KEYED, 2, 3, 4)
    assert subjects(again)[0] == 8
    assert again.reserve(OWNER, PLAIN, [bound(50)], NOW, None) == Room("2", 42)


COUNT = {
    "controller": "line-jp",
    "entity": "line-cn",
    "data_type": "user.name",
    "subject_country": "JP",
    "unit": "person",
    "month": 24310,
    "unkeyed": 3,
    "rows": 3,
    "keyed": "",
}


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {"format": "subjects-0", "counts": []},
        {"format": "subjects-1", "counts": {}},
        {"format": "subjects-1", "counts": ["x"]},
        *(
            {"format": "subjects-1", "counts": [{**COUNT, **change}]}
            for change in (
                {"unkeyed": -1},
                {"rows": True},
                {"month": "1"},
                {"unit": "household"},
                {"entity": None},
                {"keyed": "not base64"},
                {"keyed": "AAAA"},
            )
        ),
    ],
)
def test_what_is_no_snapshot_is_refused(broken: Any):
    with pytest.raises(ConfigError):
        SubjectTally.restore(broken)
    whole: Any = {"format": "subjects-1", "counts": [COUNT]}
    assert SubjectTally.restore(whole).snapshot() == whole
