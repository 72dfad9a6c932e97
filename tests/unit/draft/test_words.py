"""The table of words: what it names exists, and no word stands twice in one meaning."""

from __future__ import annotations

import unicodedata

import pytest

from gateway.draft.words import COLUMNS, DEVICES, PEOPLE, TECHNICAL, Words
from gateway.facts.catalog import DATA_SUBJECTS
from gateway.facts.fields import Problems, Section
from gateway.facts.yaml_tree import Fields

ALL = (*COLUMNS, *PEOPLE, *DEVICES, *TECHNICAL)


def test_meanings_are_data_types_and_data_subjects() -> None:
    problems = Problems()
    Section(Fields(1, {}, {}), "words", problems).data_types_of(tuple({one.meaning for one in COLUMNS}), 1)  # type: ignore[arg-type]
    assert problems.listed() == []
    assert {one.meaning for one in PEOPLE} <= {*DATA_SUBJECTS, ""}


@pytest.mark.parametrize("words", ALL, ids=lambda words: f"{words.meaning}-{words.sure.word}")
def test_words_are_written_as_names_are_compared(words: Words) -> None:
    listed = words.words.split()
    assert len(listed) == len(set(listed))
    for word in listed:
        assert word == unicodedata.normalize("NFKC", word).lower()
