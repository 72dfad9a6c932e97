from __future__ import annotations

from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.yaml_text import DEEPEST, load_all_yaml, load_yaml

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_what_was_written_is_read(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert load_yaml(text) == yaml.safe_load(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: on\nb: 1_000\nc: 2021-04-30\nd: 017\n", {"a": True, "b": 1000, "c": date(2021, 4, 30), "d": 15}),
        (b"a: \xe9\x96\xa2", {"a": "関"}),
        ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
        ("[" * DEEPEST + "]" * DEEPEST, None),
    ],
)
def test_the_values_of_the_library(text: str | bytes, value: object) -> None:
    found = load_yaml(text)
    assert found == yaml.safe_load(text)
    assert value is None or found == value


@pytest.mark.parametrize(
    "text", ["a: [", "--- 1\n--- 2\n", "a: \x01", "!!python/object:os.system {}", "[" * 200_000, "{a: " * 200_000]
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


def test_what_is_nested_deeper_than_any_text_of_ours_names_its_line() -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="nested too deeply") as caught:
        load_yaml("a:\n" + "  " + "[" * DEEPEST + "]" * DEEPEST)
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line == 1


def test_several_documents_and_none() -> None:
    assert load_all_yaml("a: 1\n---\n---\n- 2\n") == [{"a": 1}, None, [2]]
    assert load_all_yaml("") == []
    with pytest.raises(yaml.YAMLError):
        load_all_yaml("a: 1\n---\n" + "[" * (DEEPEST + 1))
