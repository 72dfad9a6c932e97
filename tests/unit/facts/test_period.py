import pytest

from gateway.facts.period import DAY, Period, age_in_days, day_of, iso, parse_day


def test_day_of_moment_is_the_utc_day() -> None:
    assert (day_of(0), day_of(DAY - 1), day_of(DAY), day_of(-1)) == (0, 0, 1, -1)


@pytest.mark.parametrize(("text", "day"), [("1970-01-01", 0), ("1970-01-02", 1), ("2021-03-17", 18703)])
def test_date_is_a_day_and_back(text: str, day: int) -> None:
    assert parse_day(text) == day
    assert iso(day) == text


@pytest.mark.parametrize("text", ["20210317", "2021-3-17", "2021-02-30", "2021-W11-3", "2021-03-17T00:00", "", "today"])
def test_no_other_form_is_a_date(text: str) -> None:
    assert parse_day(text) is None


@pytest.mark.parametrize(
    ("period", "days"),
    [
        (Period(5, 8), [5, 6, 7]),
        (Period(None, 3), [0, 1, 2]),
        (Period(9, None), [9]),
        (Period(), list(range(10))),
    ],
)
def test_period_is_half_open(period: Period, days: list[int]) -> None:
    assert [day for day in range(10) if period.covers(day)] == days


def test_edges_are_where_something_changes() -> None:
    assert list(Period(5, 8).edges()) == [5, 8]
    assert list(Period().edges()) == []


def test_age_is_unknown_before_the_day_came() -> None:
    assert age_in_days(10, 12) == 2
    assert age_in_days(10, 10) == 0
    assert age_in_days(10, 9) is None
    assert age_in_days(None, 9) is None
