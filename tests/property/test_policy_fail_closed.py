"""Whatever is taken from an input, a denial stays a denial; and what is no input is never allowed."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.cases import Case, put, take
from tests.golden.policy_cases import cases
from tests.worlds import packaged_engine

ENGINE = packaged_engine()
DENIED = [case for case in cases() if case.fits_schema and case.expect["effect"] == "deny"]
ALLOWED = [case for case in cases() if case.fits_schema and case.expect["effect"] == "allow"]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4),
    max_leaves=20,
)


def effect(document: Any) -> str:
    answer: Any = ENGINE.evaluate(document)
    assert answer["effect"] in {"allow", "deny"}
    return answer["effect"]


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field and every element, at any depth."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, str(key))
        yield from places(part, (*path, str(key)))


def fields(value: Any) -> list[tuple[str, ...]]:
    """Every field of an object; elements of a list are set to null, but not removed: a shorter list is another fact."""
    return [path for path in places(value) if not path[-1].isdigit()]


_FIRST = {path: case.id for case in reversed(DENIED) for path in places(case.document)}
_SHARE = max(1, 400 // settings().max_examples)


def tried(case: Case, paths: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Every place of any case in one of them, and of the others each fourth by lot; all of them with ``make fuzz``."""
    for path in paths:
        if _FIRST[path] == case.id or zlib.crc32(f"{case.id}: {path}".encode()) % _SHARE == 0:
            yield path


@pytest.mark.parametrize("case", DENIED, ids=lambda case: case.id)
def test_no_field_taken_from_a_denied_input_makes_it_allowed(case: Case) -> None:
    for path in tried(case, fields(case.document)):
        less = copy.deepcopy(case.document)
        take(less, list(path))
        assert effect(less) == "deny", f"without {'.'.join(path)}"


@pytest.mark.parametrize("case", DENIED, ids=lambda case: case.id)
def test_no_null_in_a_denied_input_makes_it_allowed(case: Case) -> None:
    for path in tried(case, places(case.document)):
        if path == ("request",):
            continue  # that no authority asked is a fact of its own, and most statements'
        less = copy.deepcopy(case.document)
        put(less, list(path), None)
        assert effect(less) == "deny", f"null at {'.'.join(path)}"


@given(st.sampled_from(DENIED), st.data(), JSON)
def test_no_other_type_in_a_denied_input_makes_it_allowed(case: Case, data: st.DataObject, junk: Any) -> None:
    path = data.draw(st.sampled_from(list(places(case.document))))
    changed = copy.deepcopy(case.document)
    before: Any = changed
    for name in path:
        before = before[int(name) if isinstance(before, list) else name]
    if path == ("request",) and junk is None:
        return
    if type(junk) is type(before) or {type(junk), type(before)} == {int, float}:
        return
    put(changed, list(path), junk)
    assert effect(changed) == "deny", f"{junk!r} at {'.'.join(path)}"


@given(st.sampled_from(ALLOWED), st.data())
def test_an_allowed_input_without_a_field_is_denied(case: Case, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(fields(case.document)))
    less = copy.deepcopy(case.document)
    take(less, list(path))
    assert effect(less) == "deny", f"without {'.'.join(path)}"


@given(JSON)
def test_random_json_is_never_allowed(junk: Any) -> None:
    assert effect(junk) == "deny"


@given(st.dictionaries(st.sampled_from(sorted(ALLOWED[0].document)), JSON))
def test_random_json_under_the_right_names_is_never_allowed(junk: Any) -> None:
    assert effect(junk) == "deny"


@given(st.sampled_from(ALLOWED), st.sampled_from(DENIED))
def test_the_answer_is_the_same_each_time_and_hangs_on_nothing_before(one: Case, other: Case) -> None:
    first = ENGINE.evaluate(one.document)
    ENGINE.evaluate(other.document)
    assert ENGINE.evaluate(one.document) == first
