"""The closed sets: lower-case words, said once, and to be had from the model."""

from __future__ import annotations

import enum
import re

import pytest

from gateway import model, words

ENUMS = [kind for kind in vars(words).values() if isinstance(kind, type) and kind.__module__ == words.__name__]


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_enumerations_are_lower_case_words(kind):
    assert issubclass(kind, enum.StrEnum)
    assert kind.__doc__
    for member in kind:
        # or a duration as ISO 8601 writes it
        assert member.value == member.name.lower() or re.fullmatch(r"P[0-9]+[DMY]", member.value)


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_the_model_has_them_all(kind):
    assert getattr(model, kind.__name__) is kind
