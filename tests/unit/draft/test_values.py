"""What values look like, and how sure a sample makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.draft.sure import Sure
from gateway.draft.values import Kind, count, guesses, kinds_of
from tests.unit.draft.world import CARDS


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("mizuho@example.jp", {Kind.EMAIL}),
        ("ｍｉｚｕｈｏ＠example.jp", {Kind.EMAIL}),
        ("call mizuho@example.jp please", {Kind.EMAIL_INSIDE}),
        ("203.0.113.7", {Kind.IP}),
        ("2001:db8::1/64", {Kind.IP}),
        ("1234", set()),
        ("12:30:00", set()),
        ("+81 90-1234-5678", {Kind.PHONE}),
        ("090-1234-5678", {Kind.PHONE}),
        ("(555) 123-4567", {Kind.PHONE}),
        ("2026-01-02", set()),
        ("2026-01-02 10:20", set()),
        ("12345678", set()),
        ("4111 1111 1111 1111", {Kind.CARD}),
        ("GB82 WEST 1234 5698 7654 32", {Kind.IBAN}),
        ("1234 5678 9018", {Kind.MY_NUMBER}),
        ("020202-3123454", {Kind.RESIDENT_KR}),
        ("11010519491231002x", {Kind.RESIDENT_CN}),
        ("1-1017-00230-70-8", {Kind.CITIZEN_TH}),
        ("A123456789", {Kind.CITIZEN_TW}),
        ("219-09-9999", {Kind.SOCIAL_US}),
        ("219099999", set()),  # nine digits are anything
    ],
)
def test_what_a_value_looks_like(text: str, kinds: set[Kind]) -> None:
    found = count([text])
    assert set(found.kinds) == kinds


def test_a_sample_of_one_kind_is_sure() -> None:
    (guess,) = guesses(count(CARDS * 20))
    assert (guess.data_type, guess.sure) == ("user.financial.credit_card", Sure.HIGH)
    assert guess.why == "5 of 5 different values sampled look like a card number"


def test_one_value_many_times_is_one_value() -> None:
    assert guesses(count([CARDS[0]] * 100)) == ()


def test_what_chance_explains_is_no_guess() -> None:
    numbers = [f"{number:016d}" for number in range(4 * 10**15, 4 * 10**15 + 200)]
    assert count(numbers).kinds[Kind.CARD] == 20
    assert guesses(count(numbers)) == ()


def test_a_few_addresses_among_other_texts_are_a_low_guess() -> None:
    (guess,) = guesses(count([*(f"text {number}" for number in range(99)), "a@example.jp"]))
    assert (guess.data_type, guess.sure) == ("user.contact.email", Sure.LOW)


def test_phones_are_never_sure_by_their_looks() -> None:
    (guess,) = guesses(count(f"090-1234-{number}" for number in range(1000, 1100)))
    assert (guess.data_type, guess.sure) == ("user.contact.phone_number", Sure.MEDIUM)


@given(st.lists(st.text(max_size=60), max_size=30))
def test_a_guess_never_says_a_value(values: list[str]) -> None:
    for guess in guesses(count(values)):
        assert not any(len(value) > 3 and value in guess.why for value in values)


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text: str) -> None:
    assert kinds_of(text) <= set(Kind)
