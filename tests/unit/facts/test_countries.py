import pytest

from gateway.facts.countries import ASSIGNED, country


def test_there_are_249_assigned_codes() -> None:
    assert len(ASSIGNED) == 249


@pytest.mark.parametrize("code", ["JP", "CN", "KR", "TW", "HK", "MO", "NO", "GB", "US"])
def test_assigned_code_is_a_country(code: str) -> None:
    assert country(code) == code


@pytest.mark.parametrize("code", ["UK", "JA", "EU", "XX", "jp", "JPN", "", " JP", "J", "ＪＰ"])
def test_anything_else_is_none(code: str) -> None:
    assert country(code) is None
