"""Check digits: numbers that are known to be right, and every single digit of them changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.draft import ids
from tests.unit.draft.world import CARDS

RIGHT: tuple[tuple[Callable[[str], bool], str], ...] = (
    *((ids.card, number) for number in CARDS),
    (ids.iban, "GB82WEST12345698765432"),
    (ids.iban, "DE89370400440532013000"),
    (ids.my_number, "123456789018"),
    (ids.resident_kr, "8001011234560"),
    (ids.resident_cn, "11010519491231002X"),
    (ids.citizen_th, "1101700230708"),
    (ids.citizen_tw, "A123456789"),
    (ids.social_us, "219099999"),
)


@pytest.mark.parametrize(("test", "number"), RIGHT)
def test_a_right_number_is_one(test: Callable[[str], bool], number: str) -> None:
    assert test(number)
    assert not test(number[1:])
    assert not test(number + "A")


@pytest.mark.parametrize(("test", "number"), [one for one in RIGHT if one[0] is not ids.social_us])
def test_another_last_digit_is_wrong(test: Callable[[str], bool], number: str) -> None:
    others = [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]
    assert not any(test(other) for other in others)


@pytest.mark.parametrize(
    ("test", "number"),
    [
        (ids.my_number, "000000000000"),
        (ids.resident_kr, "8013011234560"),  # no such month
        (ids.resident_cn, "110105194902300025"),  # no such day
        (ids.citizen_th, "0101700230708"),
        (ids.citizen_tw, "A323456789"),
        (ids.social_us, "666123456"),
        (ids.social_us, "123004567"),
        (ids.social_us, "900123456"),
        (ids.card, "0000000000000000"),
    ],
)
def test_numbers_that_are_never_given_out(test: Callable[[str], bool], number: str) -> None:
    assert not test(number)


@given(st.text(max_size=40))
def test_any_text_has_an_answer(text: str) -> None:
    tests = (ids.card, ids.iban, ids.my_number, ids.resident_kr, ids.resident_cn, ids.citizen_th, ids.citizen_tw)
    assert {test(text) for test in (*tests, ids.social_us)} <= {True, False}
