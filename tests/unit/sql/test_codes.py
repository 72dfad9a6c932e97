"""The closed set of reasons: each has its one sentence."""

from __future__ import annotations

import pytest

from gateway.sql.codes import SUMMARIES, IncompleteCode


def test_every_code_has_a_summary_and_no_summary_is_left_over():
    assert set(SUMMARIES) == set(IncompleteCode)


@pytest.mark.parametrize("code", IncompleteCode)
def test_a_summary_is_one_plain_sentence_without_a_full_stop(code):
    summary = SUMMARIES[code]
    assert summary == summary.strip()
    assert not summary.endswith(".")
    assert "\n" not in summary


def test_codes_are_snake_case_and_equal_their_names():
    assert all(code.value == code.name.lower() for code in IncompleteCode)
