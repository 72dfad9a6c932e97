import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.facts.lei import is_lei, looks_like_lei
from tests.leis import with_check_digits


@pytest.mark.parametrize("lei", ["5493001KJTIIGC8Y1R12", "213800QILIUD4ROSUO03"])  # of Bloomberg and of a publisher
def test_real_ones_are(lei: str) -> None:
    assert is_lei(lei)
    assert looks_like_lei(lei)


@pytest.mark.parametrize(
    "text",
    ["", "5493001KJTIIGC8Y1R13", "5493001kjtiigc8y1r12", "5493001KJTIIGC8Y1R1", "5493001KJTIIGC8Y1R1２", "a" * 20],
)
def test_others_are_not(text: str) -> None:
    assert not is_lei(text)


stems = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=18, max_size=18)


@given(stems, st.integers(0, 19), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_any_one_character_changed_is_noticed(stem: str, place: int, other: str) -> None:
    lei = with_check_digits(stem)
    assert is_lei(lei)
    changed = lei[:place] + other + lei[place + 1 :]
    assert is_lei(changed) is (changed == lei)
